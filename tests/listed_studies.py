"""A manifest filled directly, with as many studies as a test of costs wants: what stage 2 would have written."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import Row, packed, study_names, study_row_key, timestamp
from imaging.aws.searchable import Listings, study_search_keys
from imaging.model.identifiers import StudyKey
from imaging.model.study import StudyState
from tests.fakes import START

STUDIES_OF_A_PATIENT = 60  # one page and a little
MODALITIES = ("CT", "MR", "US", "CR")
FAMILY_NAMES = ("Adams", "Baker", "Clark", "Davis", "Evans", "Frank", "Ghosh", "Hills", "Irwin", "Jones")


@dataclass(frozen=True)
class ListedStudies:
    """Where they are, and what one of them is found by.

    Attributes
    ----------
    number
        How many there are.
    """

    space: str
    number: int

    @property
    def patient_id(self) -> str:
        """A patient with `STUDIES_OF_A_PATIENT` of them."""
        return f"P{self.number // STUDIES_OF_A_PATIENT // 2}"


def fill(table: ManifestTable, space: str, number: int) -> ListedStudies:
    """Write the rows of so many studies, of one series and one instance each, over ten years."""
    table.put_many(_rows(space, number))
    return ListedStudies(space, number)


def _rows(space: str, number: int) -> Iterator[Row]:
    chance = random.Random(number)
    for place in range(number):
        study = StudyKey(space, f"1.2.3.{place + 1}")
        day = date(2016, 1, 1) + timedelta(days=chance.randrange(3_650))
        patient = place // STUDIES_OF_A_PATIENT
        attributes = {
            "00080020": {"vr": "DA", "Value": [day.strftime("%Y%m%d")]},
            "00080050": {"vr": "SH", "Value": [f"A{place}"]},
            "00100010": {"vr": "PN", "Value": [{"Alphabetic": f"{FAMILY_NAMES[patient % 10]}^Given{patient}"}]},
            "00100020": {"vr": "LO", "Value": [f"P{patient}"]},
            "00081030": {"vr": "LO", "Value": ["odd" if place % 2 else "even"]},
        }
        modality = MODALITIES[place % len(MODALITIES)]
        listings = Listings.of_study(attributes, [modality])
        yield {
            **study_row_key(study),
            **study_names(study),
            **study_search_keys(attributes),
            "kind": "STUDY",
            "state": StudyState.FINAL.value,
            "changes": 1,
            "opened_at": timestamp(START + timedelta(seconds=place)),
            "last_change_at": timestamp(START),
            "revision": 1,
            "series": 1,
            "instances": 1,
            "modalities": {modality},
            "attributes": packed(attributes),
            "listings": listings.recorded,
        }
        yield from listings.rows(study)
