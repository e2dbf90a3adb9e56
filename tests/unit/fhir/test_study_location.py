from imaging.fhir.findings import Findings
from imaging.fhir.study_location import location
from tests.unit.fhir.samples import instance, revision, series


def of(*names):
    return location(
        revision(
            *(
                series(
                    f"1.2.3.{number}",
                    instance(f"1.2.3.{number}.1"),
                    InstitutionalDepartmentName=department,
                    InstitutionName=institution,
                )
                for number, (department, institution) in enumerate(names)
            )
        ),
        Findings(),
    )


def test_department_and_institution_or_what_there_is_of_them():
    assert of(("Radiology", "Gotham General")) == {"display": "Radiology, Gotham General"}
    assert of(("", "Gotham General")) == {"display": "Gotham General"}
    assert of(("", "")) is None


def test_the_one_where_most_series_were_made():
    assert of(("", "North"), ("", "South"), ("", "South"), ("", "")) == {"display": "South"}
    assert of(("", "North"), ("", "South")) == {"display": "North"}
