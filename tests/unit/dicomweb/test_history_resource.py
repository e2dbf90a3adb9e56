"""The history of a study page by page, and every state it had, read back."""

import json
import zipfile
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest

from imaging.aws.clients import client
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.rows import instance_partitions, to_item
from imaging.dicomweb.message import Response
from imaging.model.identifiers import StudyKey
from imaging.pipeline.finalize_study import Finalized
from tests.archive import Archive, parts
from tests.manifest_table import create_manifest_table
from tests.unit.dicomweb.test_read_resources import next_page, sentence

AS_STORED = "application/dicom; transfer-syntax=*"
ALL_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'
LONG_TEXT = " ".join(uuid4().hex for _ in range(500))
"""Too long for the manifest: the metadata spills into the bucket."""


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


class Told:
    """An archive whose study 1 had six states, and what each of them held by series and instance."""

    def __init__(self, table: ManifestTable) -> None:
        self.archive = Archive(table)
        self.states: list[dict[tuple[str, str], bytes]] = []
        self._now: dict[tuple[str, str], bytes] = {}

        self._store("1.1", "1.1.1", PatientComments="first")
        self._store("1.1", "1.1.2", PatientComments=LONG_TEXT)
        self._store("1.2", "1.2.1", Modality="MR")
        self._finalize()
        self._store("1.1", "1.1.1", PatientComments="replaced", PixelData=bytes(range(256)) * 400)
        self._store("1.1", "1.1.2", PatientComments="short by now")
        self._finalize()
        self._delete("1.1", "1.1.1")
        self._delete("1.2", "1.2.1")
        self._finalize()
        self._store("1.1", "1.1.1", PatientComments="again")
        self._finalize()
        self._delete("1.1", "1.1.1")
        self._delete("1.1", "1.1.2")
        self._finalize()
        self._store("1.3", "1.3.1", PatientComments="stored after the study was deleted")
        self._finalize()

    def _store(self, series: str, instance: str, **attributes: object) -> None:
        self._now[series, instance] = self.archive.store("1", series, instance, **attributes)

    def _delete(self, series: str, instance: str) -> None:
        self.archive.delete("1", series, instance)
        del self._now[series, instance]

    def _finalize(self) -> None:
        self.archive.finalize("1")
        self.states.append(dict(self._now))

    def lose_metadata_rows(self) -> None:
        """As a table that was rebuilt from the buckets, which has the metadata of what there is now."""
        table = self.archive.table
        for partition in instance_partitions(StudyKey(self.archive.space, "1")):
            for row in table.query(
                KeyConditionExpression="pk = :pk AND begins_with(sk, :metadata)",
                ExpressionAttributeValues=to_item({":pk": partition, ":metadata": "METADATA#"}),
            ):
                client("dynamodb").delete_item(TableName=table.name, Key=to_item({"pk": row["pk"], "sk": row["sk"]}))


@pytest.fixture(scope="module")
def told(table: ManifestTable) -> Told:
    return Told(table)


def answered(response: Response) -> Any:
    assert response.status == 200, response.body
    return json.loads(response.body)


def comments(data_sets: list[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """PatientComments by series and instance."""
    return {
        (data_set["0020000E"]["Value"][0], data_set["00080018"]["Value"][0]): data_set.get("00104000", {}).get(
            "Value", [""]
        )[0]
        for data_set in data_sets
    }


def test_a_study_that_was_deleted_and_stored_again_goes_on_counting(told):
    history = answered(told.archive.get("studies/1/revisions"))
    assert [entry["revision"] for entry in history] == [1, 2, 3, 4, 5, 6]
    assert [entry["instances"] for entry in history] == [3, 3, 1, 2, 0, 1]
    assert [tuple(len(entry[kind]) for kind in ("additions", "modifications", "deletions")) for entry in history] == [
        *((3, 0, 0), (0, 2, 0), (0, 0, 2), (1, 0, 0), (0, 0, 2), (1, 0, 0)),
    ]
    assert {entry["reason"] for entry in history} == {"quiet"}


@pytest.mark.parametrize("rebuilt", [False, True])
def test_the_bytes_and_the_metadata_of_every_state_can_be_read_back(told, rebuilt):
    if rebuilt:
        told.lose_metadata_rows()
    for number, state in enumerate(told.states, start=1):
        root = f"studies/1/revisions/{number}"
        for (series, instance), stored in state.items():
            below = f"{root}/series/{series}/instances/{instance}"
            assert told.archive.get(below, accept=AS_STORED).body == stored
            (alone,) = answered(told.archive.get(f"{below}/metadata"))
            (of_series,) = [
                one
                for one in answered(told.archive.get(f"{root}/series/{series}/metadata"))
                if one["00080018"]["Value"] == [instance]
            ]
            assert alone == of_series
        if state:
            assert {part for _, part in parts(told.archive.get(root, accept=ALL_AS_STORED))} == set(state.values())
            zipped = zipfile.ZipFile(BytesIO(told.archive.get(root, accept="application/zip; transfer-syntax=*").body))
            assert {zipped.read(name) for name in zipped.namelist()} == set(state.values())
            assert comments(answered(told.archive.get(f"{root}/metadata"))).keys() == state.keys()
        else:
            assert told.archive.get(root, accept=ALL_AS_STORED).status == 404
            assert told.archive.get(f"{root}/metadata").status == 404
    first, second, fourth = (
        comments(answered(told.archive.get(f"studies/1/revisions/{number}/metadata"))) for number in (1, 2, 4)
    )
    assert first["1.1", "1.1.1"] == "first"
    assert first["1.1", "1.1.2"] == LONG_TEXT
    assert second["1.1", "1.1.1"] == "replaced"
    assert fourth["1.1", "1.1.1"] == "again"


def test_bulk_data_of_a_state_is_that_of_its_own_bytes(told):
    below = "series/1.1/instances/1.1.1"
    (data_set,) = answered(told.archive.get(f"studies/1/revisions/2/{below}/metadata"))
    address = data_set["7FE00010"]["BulkDataURI"]
    assert address.startswith(f"{told.archive.address}/studies/1/revisions/2/{below}/")
    path = address.removeprefix(f"{told.archive.address}/")
    ((_, found),) = parts(told.archive.get(path, accept='multipart/related; type="application/octet-stream"'))
    assert found == bytes(range(256)) * 400


@pytest.mark.parametrize(
    "path",
    [
        "studies/1/revisions/7",
        "studies/1/revisions/7/metadata",
        "studies/1/revisions/3/series/1.2",
        "studies/1/revisions/3/series/1.2/instances/1.2.1",
        "studies/1/revisions/1/series/1.1/instances/9/metadata",
        "studies/9/revisions/1/series/1.1",
    ],
)
def test_what_a_state_does_not_have_is_404(told, path):
    assert told.archive.get(path).status == 404


@pytest.mark.parametrize(
    "path",
    [
        "revisions/5/metadata",  # it has no instances at all
        "revisions/5/series/1.1",
        "revisions/3/series/1.2/metadata",
        "revisions/3/series/1.2/instances/1.2.1/rendered",
        "revisions/1/series/1.1/instances/9/frames/1",
    ],
)
def test_what_a_state_does_not_have_is_not_awaited(told, path):
    response = told.archive.get(f"studies/1/{path}")
    assert response.status == 404
    assert sentence(response).startswith("This revision of the study has no such instances")


@pytest.fixture(scope="module")
def archive(table: ManifestTable) -> Archive:
    """Study 1: first 7 instances in three series, then 2 replaced, 1 deleted and 3 more."""
    archive = Archive(table)
    for series, instances in (("1.1", 2), ("1.2", 4), ("1.3", 1)):
        archive.put_all([archive.key("1", series, f"{series}.{number}") for number in range(instances)])
    archive.finalize("1")
    archive.put_all([archive.key("1", "1.2", f"1.2.{number}") for number in (0, 1, 7, 8, 9)], PatientComments="new")
    archive.delete("1", "1.3", "1.3.0")
    archive.finalize("1")
    archive.finalize("1", Finalized.NOTHING_OPEN)
    return archive


def test_pages_of_the_history_follow_each_other(archive):
    whole = answered(archive.get("studies/1/revisions"))
    first = archive.get("studies/1/revisions", ("limit", "1"))
    second = archive.get("studies/1/revisions", *next_page(first))
    assert answered(first) + answered(second) == whole
    assert "Link" not in second.headers
    assert answered(archive.get("studies/1/revisions", ("offset", "5"))) == []


def test_a_history_too_long_for_one_answer_is_read_in_pages_without_reading_the_rest(archive, monkeypatch):
    monkeypatch.setattr("imaging.reading.read_history.MOST_REVISIONS", 1)
    response = archive.get("studies/1/revisions")
    assert response.status == 413
    assert "limit=" in sentence(response)
    study = StudyKey(archive.space, "1")
    assert [one.number for one in archive.catalogue.read_revisions(study, 2, 9)] == [2]
    assert [one.number for one in archive.catalogue.read_revisions(study, 1, 1)] == [1]
    asked, read = [], archive.catalogue.read_revisions
    monkeypatch.setattr(archive.catalogue, "read_revisions", lambda *which: asked.append(which[1:]) or read(*which))
    (second,) = answered(archive.get("studies/1/revisions", ("offset", "1"), ("limit", "1")))
    assert second["revision"] == 2
    assert asked == [(2, 3)]
    assert answered(archive.get("studies/1/revisions", ("offset", "999999999"))) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_of_a_revision_make_up_all_of_it(archive, limit):
    whole = answered(archive.get("studies/1/revisions/2"))
    instances, lists = [], {"additions": [], "modifications": [], "deletions": []}
    page, query = None, [("limit", str(limit))]
    while page is None or "Link" in page.headers:
        page = archive.get("studies/1/revisions/2", *query)
        document = answered(page)
        shown = [
            (series["series"], instance["instance"])
            for series in document["hierarchy"]
            for instance in series["instances"]
        ]
        assert len(shown) <= limit
        assert (document["series"], document["instances"]) == (2, 9)
        instances += shown
        for name in lists:
            assert len(document[name]) <= limit
            lists[name] += document[name]
        query = next_page(page) if "Link" in page.headers else []
    assert {name: whole[name] for name in lists} == lists
    assert instances == [
        (series["series"], one["instance"]) for series in whole["hierarchy"] for one in series["instances"]
    ]


@pytest.mark.parametrize("wrong", [("limit", "0"), ("limit", "x"), ("limit", ""), ("offset", "-1")])
@pytest.mark.parametrize(("path", "most"), [("studies/1/revisions", 500), ("studies/1/revisions/1", 10_000)])
def test_pages_have_bounds(archive, path, most, wrong):
    assert archive.get(path, ("limit", str(most))).status == 200
    response = archive.get(path, (wrong[0], wrong[1] or str(most + 1)))
    assert response.status == 400
    assert wrong[0] in sentence(response)


@pytest.mark.parametrize("path", ["studies/1/revisions", "studies/1/revisions/1"])
def test_parameters_it_does_not_know_are_refused(archive, path):
    assert archive.get(path, ("x", "1")).status == 400
    assert archive.get(path, ("Limit", "1"), ("accept", "application/json")).status == 200
