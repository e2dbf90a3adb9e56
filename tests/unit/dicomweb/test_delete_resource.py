"""DELETE as a client meets it, before anybody has indexed what it did."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_deletions import DynamoDbStudyDeletions
from imaging.aws.dynamodb_table import ManifestTable
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.pipeline.finalize_study import Finalized
from tests.archive import Archive
from tests.instances import part10_instance, stored_metadata
from tests.manifest_table import counted_rows, create_manifest_table

STUDY = "studies/1"
SERIES = f"{STUDY}/series/1.1"
INSTANCE = f"{SERIES}/instances/1.1.1"
PLACES = [("1.1", "1.1.1"), ("1.1", "1.1.2"), ("1.2", "1.2.1")]


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(params=[True, False], ids=["finished", "unfinished"])
def archive(table, request):
    """A study of two series: CT with two instances, MR with one; after its first revision, or before it."""
    archive = Archive(table)
    for series, instance in PLACES:
        archive.store("1", series, instance, Modality={"1.1": "CT", "1.2": "MR"}[series])
    archive.store("2", "2.1", "2.1.1")
    if request.param:
        archive.finalize("1")
    return archive


def found(archive, path, *parameters):
    answer = archive.get(path, *parameters)
    return json.loads(answer.body) if answer.status == 200 else []


def uids(archive, path, tag, *parameters):
    return [match[tag]["Value"][0] for match in found(archive, path, *parameters)]


def value(match, tag):
    return match[tag].get("Value")


def instances_in(answer):
    """SOP Instance UIDs in a multipart body; the instances are small enough to look for them."""
    return {instance for _, instance in PLACES if f"instances/{instance}\r".encode() in answer.body}


def test_a_deleted_study_is_gone_from_every_read_at_once(archive):
    assert archive.http_delete(STUDY).status == 204

    for path in (STUDY, SERIES, INSTANCE, f"{STUDY}/metadata", f"{SERIES}/metadata", f"{INSTANCE}/metadata"):
        assert archive.get(path).status == 404, path
    for path in (f"{STUDY}/series", f"{STUDY}/instances", f"{SERIES}/instances"):
        assert archive.get(path).status == 204, path
    assert uids(archive, "studies", "0020000D") == ["2"]
    assert uids(archive, "studies", "0020000D", ("ModalitiesInStudy", "MR")) == []
    assert uids(archive, "series", "0020000E") == ["2.1"]
    assert uids(archive, "instances", "00080018") == ["2.1.1"]
    assert found(archive, "studies", ("StudyInstanceUID", "1")) == []
    assert found(archive, "series", ("SeriesInstanceUID", "1.1")) == []
    assert found(archive, "instances", ("SOPInstanceUID", "1.1.1")) == []


def test_a_deleted_series_is_gone_and_the_study_counts_what_is_left(archive):
    assert archive.http_delete(SERIES).status == 204

    (study,) = found(archive, "studies", ("StudyInstanceUID", "1"))
    assert (value(study, "00201206"), value(study, "00201208"), value(study, "00080061")) == ([1], [1], ["MR"])
    assert uids(archive, f"{STUDY}/series", "0020000E") == ["1.2"]
    assert uids(archive, f"{STUDY}/instances", "00080018") == ["1.2.1"]
    assert archive.get(SERIES).status == archive.get(f"{SERIES}/metadata").status == 404
    assert [value(one, "00080018") for one in found(archive, f"{STUDY}/metadata")] == [["1.2.1"]]
    assert instances_in(archive.get(STUDY)) == {"1.2.1"}


@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_deleted_instance_is_gone_and_its_series_counts_what_is_left(archive, is_indexed):
    instance = INSTANCE
    if not is_indexed:
        key = archive.key("1", "1.1", "1.1.3")
        part10 = part10_instance(key)
        archive.objects.put(archive.space, key.object_key, part10, stored_metadata(part10, archive.clock()))
        instance = f"{SERIES}/instances/1.1.3"

    assert archive.http_delete(instance).status == 204

    left = ["1.1.2"] if is_indexed else ["1.1.1", "1.1.2"]
    (series,) = found(archive, f"{STUDY}/series", ("SeriesInstanceUID", "1.1"))
    assert value(series, "00201209") == [len(left)]
    assert uids(archive, f"{SERIES}/instances", "00080018") == left
    assert [value(one, "00080018")[0] for one in found(archive, f"{SERIES}/metadata")] == left
    assert archive.get(instance).status == 404


def test_what_an_indexer_writes_that_read_the_object_before_is_hidden_too(archive):
    for place, path in (
        (("1.1", "1.1.8"), f"{SERIES}/instances/1.1.8"),
        (("1.3", "1.3.1"), STUDY),
    ):
        key = archive.key("1", *place)
        part10 = part10_instance(key)
        archive.objects.put(archive.space, key.object_key, part10, stored_metadata(part10, archive.clock()))
        with archive.slow_indexer(key):
            assert archive.http_delete(path).status == 204
        assert archive.get(f"{STUDY}/series/{place[0]}/instances/{place[1]}").status == 404
        assert archive.get(f"{STUDY}/series/{place[0]}/instances").status in (200, 204)
        assert place[1] not in uids(archive, f"{STUDY}/instances", "00080018")


def test_an_instance_stored_again_and_deleted_again_is_hidden_from_a_slow_indexer_too(archive):
    archive.delete("1", "1.1", "1.1.1")
    key = archive.key("1", "1.1", "1.1.1")
    again = part10_instance(key, PatientComments="again")
    archive.objects.put(archive.space, key.object_key, again, stored_metadata(again, archive.clock()))

    with archive.slow_indexer(key):
        assert archive.http_delete(INSTANCE).status == 204

    assert archive.get(INSTANCE).status == 404
    assert uids(archive, f"{SERIES}/instances", "00080018") == ["1.1.2"]


class StoresFirst:
    """An index before whose first read somebody stores an instance, and has it indexed."""

    def __init__(self, archive, *place):
        self._archive = archive
        self._place = place

    def read_instance(self, key):
        place, self._place = self._place, ()
        if place:
            self._archive.store(*place, PatientComments="again")
        return self._archive.rows.read_instance(key)

    def record_changes(self, changes, at):
        return self._archive.rows.record_changes(changes, at)


def test_an_instance_that_is_stored_between_the_marker_and_the_tombstone_stays(archive):
    delete = archive.deleting(StoresFirst(archive, "1", "1.1", "1.1.1"))

    assert delete(f"/spaces/{archive.space}/{INSTANCE}").status == 204

    assert archive.get(INSTANCE).status == 200
    assert uids(archive, f"{SERIES}/instances", "00080018") == ["1.1.1", "1.1.2"]
    assert not archive.rows.read_instance(archive.key("1", "1.1", "1.1.1")).deleted


def test_a_study_that_nobody_has_indexed_is_deleted_for_a_slow_indexer_too(table):
    archive = Archive(table)
    key = archive.key("1", "1.1", "1.1.1")
    part10 = part10_instance(key)
    archive.objects.put(archive.space, key.object_key, part10, stored_metadata(part10, archive.clock()))

    with archive.slow_indexer(key):
        assert archive.http_delete(STUDY).status == 204

    assert archive.get(STUDY).status == archive.get(INSTANCE).status == 404
    assert archive.get("studies").status == 204
    archive.finalize("1", Finalized.STILL_INDEXING)
    archive.finalize("1", Finalized.UNCHANGED)
    assert archive.get(STUDY).status == 404


def test_what_is_stored_after_the_delete_is_there_whatever_is_still_hidden(archive):
    assert archive.http_delete(STUDY).status == 204

    archive.store("1", "1.1", "1.1.2", Modality="PT")

    (study,) = found(archive, "studies", ("StudyInstanceUID", "1"))
    assert (value(study, "00201206"), value(study, "00201208"), value(study, "00080061")) == ([1], [1], ["PT"])
    assert uids(archive, f"{STUDY}/instances", "00080018") == ["1.1.2"]
    assert [value(one, "00080018") for one in found(archive, f"{STUDY}/metadata")] == [["1.1.2"]]
    assert archive.get(f"{SERIES}/instances/1.1.2").status == 200
    assert instances_in(archive.get(STUDY)) == {"1.1.2"}


def test_the_finalizer_records_what_is_gone_and_lets_go_of_the_mark(archive):
    archive.http_delete(SERIES)
    revisions = len(found(archive, f"{STUDY}/revisions"))

    archive.finalize("1", Finalized.STILL_INDEXING)
    archive.finalize("1")

    (study,) = archive.catalogue.read_studies([StudyKey(archive.space, "1")])
    assert (study.series, study.instances, study.modalities) == (1, 1, ("MR",))
    assert not study.deletions
    history = found(archive, f"{STUDY}/revisions")
    assert len(history) == revisions + 1
    assert len(history[-1]["deletions"]) == 2 * revisions
    assert uids(archive, f"{STUDY}/series", "0020000E") == ["1.2"]


def test_the_mark_stays_while_what_was_stored_again_is_not_indexed(archive):
    archive.http_delete(INSTANCE)
    archive.http_delete(STUDY)
    key = archive.key("1", "1.1", "1.1.2")
    again = part10_instance(key, PatientComments="again")
    archive.objects.put(archive.space, key.object_key, again, stored_metadata(again, archive.clock()))

    archive.finalize("1", Finalized.STILL_INDEXING)
    archive.finalize("1", Finalized.STILL_INDEXING)

    assert archive.get(f"{SERIES}/instances/1.1.2").status == 404
    archive.index_all([key])
    assert archive.get(f"{SERIES}/instances/1.1.2").status == 200
    archive.finalize("1")
    (study,) = archive.catalogue.read_studies([StudyKey(archive.space, "1")])
    assert (study.instances, bool(study.deletions)) == (1, False)


@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE])
def test_a_repeat_finds_nothing(archive, path):
    assert archive.http_delete(path).status == 204
    again = archive.http_delete(path)
    assert again.status == 404
    assert json.loads(again.body)["error"].endswith(".")


@pytest.mark.parametrize("path", [STUDY, SERIES, INSTANCE])
def test_a_delete_that_died_before_it_hid_the_rows_is_finished_by_the_next(archive, path):
    for series, instance in PLACES:
        archive.objects.delete(archive.space, archive.key("1", series, instance).object_key)
    assert archive.get(path, accept="application/dicom").status != 404

    assert archive.http_delete(path).status == 204

    assert archive.get(path).status == 404
    assert archive.http_delete(path).status == 404


def test_the_bytes_stay_as_a_version_under_the_delete_marker(archive):
    archive.http_delete(INSTANCE)
    bytes_, marker = archive.objects.versions(archive.key("1", "1.1", "1.1.1").object_key, archive.space)
    assert bytes_.body == part10_instance(archive.key("1", "1.1", "1.1.1"), Modality="CT")
    assert marker.body is None


def test_revisions_and_metadata_objects_stay(archive):
    kept = {key for key in archive.objects.keys(archive.space) if not key.endswith(".dcm")}
    archive.http_delete(STUDY)
    assert kept <= set(archive.objects.keys(archive.space))


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/spaces/nowhere/studies/1", 404),
        ("studies/3", 404),
        ("studies/1/series/9", 404),
        ("studies/1/series/1.1/instances/9", 404),
        ("studies", 404),
        ("studies/1/metadata", 404),
        ("studies/1.2.x", 400),
        ("studies/1/series/..", 400),
    ],
)
def test_refuses_what_it_cannot_delete_in_a_sentence(archive, path, status):
    answer = archive.delete_resource(path) if path.startswith("/") else archive.http_delete(path)
    assert answer.status == status
    assert json.loads(answer.body)["error"].endswith(".")
    assert archive.get(STUDY).status == 200


def delete_as_too_large(archive, path=STUDY):
    """DELETE more than one request deletes."""
    delete = archive.deleting(archive.rows, at_once=1)
    return delete(f"/spaces/{archive.space}/{path}").status


def objects_of(archive, study):
    return [key for key in archive.objects.keys(archive.space, f"studies/{study}/") if key.endswith(".dcm")]


def test_a_delete_that_is_too_large_for_a_request_hides_at_once_and_is_finished_by_the_finalizer(archive):
    study = StudyKey(archive.space, "1")
    assert delete_as_too_large(archive) == 204

    assert archive.get(STUDY).status == archive.get(f"{STUDY}/metadata").status == 404
    assert uids(archive, "studies", "0020000D") == ["2"]
    assert [delete_as_too_large(archive, path) for path in (STUDY, SERIES, INSTANCE)] == [404] * 3
    assert len(objects_of(archive, "1")) == len(PLACES)
    archive.finalize("1", Finalized.STILL_INDEXING)
    assert objects_of(archive, "1") == []
    archive.finalize("1", Finalized.REVISED if archive.catalogue.read_revisions(study) else Finalized.UNCHANGED)
    assert archive.objects.keys(archive.space, "studies/1/deleting.json") == []
    assert len(archive.objects.versions(f"{INSTANCE}.dcm", archive.space)) == 2, "the earlier bytes and their marker"


def test_what_is_being_deleted_takes_no_store_until_that_is_through_and_then_it_does(archive):
    delete_as_too_large(archive)
    with pytest.raises(Unavailable):  # the same bytes would else be found identical, and be deleted after that
        archive.send("1", *PLACES[0], Modality="CT")
    archive.send("1", "1.1", "1.1.9", Modality="CT")  # a key that is free takes it
    assert uids(archive, f"{STUDY}/instances", "00080018") == ["1.1.9"]

    archive.finalize("1", Finalized.STILL_INDEXING)
    archive.send("1", *PLACES[0], Modality="CT")

    archive.finalize("1")
    assert sorted(uids(archive, f"{STUDY}/instances", "00080018")) == ["1.1.1", "1.1.9"]
    assert len(objects_of(archive, "1")) == 2


def test_only_one_at_a_time_goes_on_with_a_large_delete(archive):
    delete_as_too_large(archive)
    study = archive.catalogue.read_study(StudyKey(archive.space, "1"))
    deletions = DynamoDbStudyDeletions(archive.table)
    assert deletions.lease(study, archive.clock.now + timedelta(hours=1))
    assert not deletions.lease(study, archive.clock.now + timedelta(hours=1))

    archive.finalize("1", Finalized.STILL_INDEXING)
    assert len(objects_of(archive, "1")) == len(PLACES)
    archive.clock.now += timedelta(hours=2)  # whoever leased it has died
    archive.finalize("1", Finalized.STILL_INDEXING)
    assert objects_of(archive, "1") == []


def test_a_store_that_does_not_answer_is_503_with_retry_after(archive):
    archive.objects.available = False
    answer = archive.http_delete(STUDY)
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")


def test_reading_a_study_without_deletions_costs_one_row_more(archive):
    with counted_rows() as rows:
        list(archive.catalogue.read_instances(StudyKey(archive.space, "1")))
    assert sum(rows) == len(PLACES) + 1
    with counted_rows() as rows:
        archive.catalogue.read_series(StudyKey(archive.space, "1"))
    assert rows == [2 + 1]
    with counted_rows() as rows:
        archive.catalogue.read_instances_at([archive.key("1", *PLACES[0])])
    assert rows == [1 + 1]
