from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.series_performer import performers
from tests.unit.fhir.samples import attributes


def test_the_physician_performs_and_the_operator_assists():
    found = performers(
        attributes(PerformingPhysicianName="House^Gregory", OperatorsName="Kaufman^Ann"), CodingSchemes(), Findings()
    )
    assert [(each["function"]["coding"][0]["code"], each["actor"]) for each in found] == [
        ("PRF", {"display": "Gregory House"}),
        ("SPRF", {"display": "Ann Kaufman"}),
    ]
