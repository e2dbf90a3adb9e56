"""Which index a query is served by."""

import pytest

from imaging.dicomweb.query import parse_query
from imaging.ports.catalogue import StudyListing
from imaging.reading.query import Query
from imaging.reading.query_keys import Level
from imaging.reading.study_listing import MOST_LISTINGS, ServingListings, serving

DATES = {"StudyDate": "20260101-20260131"}
OF_DATES = {"first_date": "20260101", "last_date": "20260131"}


def served(level: Level = Level.STUDY, **asked: str) -> ServingListings:
    criteria = parse_query(list(asked.items()), level, max_results=10).criteria
    return serving(Query("main", level, criteria, 10))


@pytest.mark.parametrize(
    ("asked", "listing", "is_exact"),
    [
        ({}, StudyListing(), True),
        (DATES, StudyListing(**OF_DATES), True),
        ({"StudyDate": "-20260131"}, StudyListing(last_date="20260131"), True),
        (DATES | {"StudyTime": "10-12"}, StudyListing(**OF_DATES), False),
        ({"AccessionNumber": "A1", "PatientID": "P1"}, StudyListing(accession_number="A1"), False),
        ({"PatientID": "P1", "PatientName": "doe*"}, StudyListing(patient_id="P1"), False),
        ({"PatientID": "P1"} | DATES, StudyListing(patient_id="P1", **OF_DATES), True),
        ({"PatientID": "P*"}, StudyListing(), False),
        ({"PatientName": "DO\u00c9^J*", "ModalitiesInStudy": "CT"}, StudyListing(name="doe^j"), False),
        ({"PatientName": "Doe^John"} | DATES, StudyListing(name="doe^john", is_whole_name=True, **OF_DATES), False),
        ({"PatientName": "*oe"}, StudyListing(), False),
        ({"PatientName": "Doe", "fuzzymatching": "true"}, StudyListing(), False),
        ({"PatientName": "x" * 200}, StudyListing(name="x" * 150), False),
        ({"ModalitiesInStudy": "CT"} | DATES, StudyListing(modality="CT", **OF_DATES), True),
        ({"ModalitiesInStudy": "C*"}, StudyListing(), False),
        ({"StudyDescription": "knee"} | DATES, StudyListing(**OF_DATES), False),
    ],
)
def test_the_index_that_leaves_the_fewest_studies(asked: dict[str, str], listing: StudyListing, is_exact: bool) -> None:
    assert served(**asked) == ServingListings((listing,), is_exact)


def test_several_modalities_or_patients_are_as_many_listings() -> None:
    assert served(ModalitiesInStudy="MR,CT").listings == (StudyListing(modality="CT"), StudyListing(modality="MR"))
    many = ",".join(f"M{number}" for number in range(MOST_LISTINGS + 1))
    assert not served(ModalitiesInStudy=many).narrows


def test_the_modality_of_a_series_narrows_its_studies() -> None:
    found = served(Level.SERIES, Modality="CT", SeriesNumber="1")
    assert found == ServingListings((StudyListing(modality="CT"),), is_exact=False)
    assert not served(Level.INSTANCE, SOPClassUID="1.2.3").narrows
