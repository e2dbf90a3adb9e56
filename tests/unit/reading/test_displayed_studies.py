"""What bounds the search for the studies of a patient; what it finds is seen in test_image_display_resource."""

from datetime import UTC, datetime
from itertools import count

import pytest

from imaging.errors import Rejected
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.study import Study, StudyState
from imaging.reading.assigned_patient_id import AssignedPatientId
from imaging.reading.displayed_studies import MAX_STUDIES_OF_A_PATIENT, FindDisplayedStudies, PatientAsked
from imaging.reading.query import Query
from imaging.reading.search_catalogue import Match, Page
from imaging.settings import OtherBytes, Space


class EndlessArchive:
    """A search that finds on and on."""

    def __init__(self) -> None:
        self.found = 0
        self._numbers = count(1)

    def __call__(self, query: Query) -> Page:
        self.found += query.limit
        attributes = {"00100020": {"vr": "LO", "Value": ["phantom"]}}
        now = datetime.now(UTC)
        studies = [
            Study(
                StudyKey(query.space, f"1.{next(self._numbers)}"),
                StudyState.FINAL,
                1,
                now,
                now,
                1,
                None,
                1,
                1,
                (),
                attributes,
            )
            for _ in range(query.limit)
        ]
        return Page(tuple(map(Match, studies)), has_more=True, is_cut_short=False, next="more")


def test_stops_where_a_number_has_more_studies_than_anybody_can_mean():
    archive, space = EndlessArchive(), Space("main", "bucket", "MAIN", OtherBytes.REPLACE, "")
    find = FindDisplayedStudies(archive, {"main": space}, Links("https://imaging.example.org"))
    with pytest.raises(Rejected, match="ask by studyUID"):
        find(PatientAsked(AssignedPatientId("phantom")), ["main"])
    assert archive.found == MAX_STUDIES_OF_A_PATIENT
