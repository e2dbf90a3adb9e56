"""What clients find and fetch."""

from dataclasses import dataclass
from uuid import uuid4

import pytest

from imaging.model.identifiers import InstanceKey
from tests.flow.client import Client, eventually, instances_of, new_study
from tests.instances import data_set_of


@dataclass(frozen=True)
class HeldStudy:
    """Two series of two CT slices, of a patient who has no other study; the name is not in ASCII.

    Attributes
    ----------
    data_sets
        Of each instance, by SOP Instance UID, as they were stored.
    """

    keys: tuple[InstanceKey, ...]
    patient_id: str
    data_sets: dict[str, bytes]

    @property
    def study_instance_uid(self) -> str:
        return self.keys[0].study_instance_uid

    @property
    def series(self) -> dict[str, set[str]]:
        """The SOP Instance UIDs by Series Instance UID."""
        found: dict[str, set[str]] = {}
        for key in self.keys:
            found.setdefault(key.series_instance_uid, set()).add(key.sop_instance_uid)
        return found


@pytest.fixture(scope="module")
def held_study(client: Client) -> HeldStudy:
    """One that is stored and indexed."""
    first, second = (new_study(instances=2) for _ in range(2))
    keys = [*first, *(InstanceKey("main", first[0].study_instance_uid, *key[2:]) for key in map(_parts, second))]
    patient_id = f"P{uuid4().hex[:12]}"
    of_all = {
        "SpecificCharacterSet": "ISO_IR 100",
        "PatientID": patient_id,
        "PatientName": "Buc^Jérôme",
        "AccessionNumber": patient_id.upper(),
        "StudyDate": "20240229",
        "InstitutionName": "HOSPITAL",
    }
    parts = instances_of(keys, **of_all)
    assert client.stow(parts).status_code == 200
    eventually("all indexed", lambda: all(client.instance_bytes(key) for key in keys))
    data_sets = {key.sop_instance_uid: data_set_of(part) for key, part in zip(keys, parts, strict=True)}
    return HeldStudy(tuple(keys), patient_id, data_sets)


def _parts(key: InstanceKey) -> tuple[str, str, str, str]:
    return key.space, key.study_instance_uid, key.series_instance_uid, key.sop_instance_uid
