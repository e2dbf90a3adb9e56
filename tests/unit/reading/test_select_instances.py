"""What a retrieve's unique keys select, on the real DynamoDB calls; more of it is in dimse/test_c_get."""

from uuid import uuid4

import pytest

from imaging.aws.dynamodb_table import ManifestTable
from imaging.reading.select_instances import SelectInstances, Selection, TooManyInstances
from tests.archive import Archive
from tests.manifest_table import counted_rows, create_manifest_table


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    """Two studies of a patient, the second one's instances numbered from behind, and one more."""
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name))
    for number in range(1, 5):
        archive.store("2", "2.1", f"2.1.{number}", InstanceNumber=5 - number)
    archive.store("1", "1.2", "1.2.1")
    archive.store("1", "1.1", "1.1.1")
    archive.store("3", "3.1", "3.1.1", PatientID="PID-3")
    return archive


@pytest.fixture
def selected(archive: Archive):
    select = SelectInstances(archive.catalogue, archive.catalogue)

    def selected(at_most: int = 100, **keys: object) -> list[str]:
        return [one.key.sop_instance_uid for one in select(Selection(archive.space, **keys), at_most)]

    return selected


def test_studies_come_one_after_the_other_each_series_by_series_in_the_order_of_instance_numbers(selected):
    expected = ["1.1.1", "1.2.1", "2.1.4", "2.1.3", "2.1.2", "2.1.1"]
    assert selected(patient_id="PID-1") == expected
    assert selected(study_instance_uids=("2", "1", "2")) == expected


def test_named_instances_are_read_by_their_keys_and_nothing_else_is(archive, selected):
    with counted_rows() as rows:
        keys = {"study_instance_uids": ("2",), "series_instance_uids": ("2.1",)}
        assert selected(**keys, sop_instance_uids=("2.1.1", "2.1.1", "2.1.3")) == ["2.1.3", "2.1.1"]
    assert rows == [3]  # with the study's own, which knows what was deleted


def test_an_instance_that_was_deleted_is_not_selected(archive, selected):
    archive.store("4", "4.1", "4.1.1")
    archive.store("4", "4.1", "4.1.2")
    archive.delete("4", "4.1", "4.1.1")
    assert selected(study_instance_uids=("4",)) == ["4.1.2"]
    assert selected(sop_instance_uids=("4.1.1", "4.1.2")) == ["4.1.2"]


def test_a_uid_of_another_level_selects_nothing(selected):
    assert selected(series_instance_uids=("2.1.1",)) == []
    assert selected(sop_instance_uids=("2.1",)) == []


def test_it_stops_where_there_are_too_many(selected):
    assert len(selected(at_most=4, study_instance_uids=("2",))) == 4
    with pytest.raises(TooManyInstances):
        selected(at_most=3, study_instance_uids=("2",))


def test_named_ones_are_not_all_read_where_there_are_too_many(archive, selected):
    uids = [f"5.1.{number}" for number in range(150)]
    archive.put_all([archive.key("5", "5.1", uid) for uid in uids])
    keys = {"patient_id": "PID-1", "sop_instance_uids": tuple(uids)}
    with counted_rows() as rows, pytest.raises(TooManyInstances):
        selected(at_most=3, **keys)
    assert sum(rows) < 2 * 120  # those that are looked up first, and read; with their studies
    keys = {"study_instance_uids": ("5",), "series_instance_uids": ("5.1",), "sop_instance_uids": tuple(uids)}
    assert len(selected(at_most=150, **keys)) == 150


def test_a_patient_is_told_from_another_by_the_issuer_of_the_id(archive, selected):
    for study, issuer in (("6", "A"), ("7", "B")):
        archive.store(study, f"{study}.1", f"{study}.1.1", PatientID="BOTH", IssuerOfPatientID=issuer)
    both = {"sop_instance_uids": ("6.1.1", "7.1.1"), "patient_id": "BOTH"}
    assert selected(**both) == ["6.1.1", "7.1.1"]
    assert selected(**both, issuer_of_patient_id="B") == ["7.1.1"]
    assert selected(patient_id="BOTH", issuer_of_patient_id="C") == []


def test_who_wants_no_more_is_asked_while_it_reads(archive):
    class NoMore(Exception):
        pass

    def go_on() -> None:
        raise NoMore

    select = SelectInstances(archive.catalogue, archive.catalogue)
    with pytest.raises(NoMore):
        select(Selection(archive.space, study_instance_uids=("2",)), 100, go_on)
    with pytest.raises(NoMore):
        select(Selection(archive.space, sop_instance_uids=("9.9",)), 100, go_on)
