from pydicom.sr import codes

from imaging.fhir import modality as module
from imaging.fhir.findings import Findings
from imaging.fhir.modality import acquisition_modalities, modality
from tests.unit.fhir.samples import instance, revision, series


def of(*values):
    findings = Findings()
    study = revision(
        *(
            series(f"1.2.3.{number}", instance(f"1.2.3.{number}.1"), modality=value)
            for number, value in enumerate(values)
        )
    )
    return [coding["code"] for coding in acquisition_modalities(study, findings)], findings.keywords


def test_those_of_the_series_each_once_and_sorted():
    assert of("PT", "CT", "PT", "") == (["CT", "PT"], ())


def test_what_was_not_acquired_is_no_modality_of_the_study():
    assert of("CT", "SR", "PR", "KO", "SEG", "RTSTRUCT") == (["CT"], ())


def test_what_is_not_acquired_is_what_the_standard_does_not_list_as_acquisition():
    """CID 29 and CID 33 as pydicom has them."""
    all_of, acquired = ({getattr(group, name).value for name in group.dir()} for group in (codes.cid33, codes.cid29))
    assert all_of - acquired - {"OT"} == module._NOT_ACQUIRED


def test_a_value_that_is_no_code_string_is_noted():
    assert of("ct scan!") == ([], ("Modality",))


def test_an_absent_one_is_nothing_to_note():
    findings = Findings()
    assert modality(" ", findings) is None
    assert findings.keywords == ()
