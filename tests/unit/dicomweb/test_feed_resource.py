"""`changefeed`, `changefeed/latest` and `GET /spaces`, on a space filled by the real stages."""

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_feed import DynamoDbChangeFeed
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request, Response
from imaging.model.identifiers import InstanceKey
from imaging.reading import read_feed
from tests.archive import BASE_ADDRESS, Archive
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def archive(table: ManifestTable) -> Archive:
    return Archive(table)


@pytest.fixture(scope="module")
def twelve_changes(table: ManifestTable) -> Archive:
    """Ten instances of one series, each told by itself; then 1 is replaced and 2 is deleted."""
    archive = Archive(table)
    for number in range(1, 11):
        archive.store("1", "1.1", f"1.1.{number}", InstanceNumber=number, Rows=64, Columns=64, PixelData=bytes(8192))
        tell(archive, f"1.1.{number}")
    archive.store("1", "1.1", "1.1.1", InstanceNumber=77)
    archive.delete("1", "1.1", "1.1.2")
    tell(archive, "1.1.1", "1.1.2")
    return archive


def tell(archive: Archive, *instances: str) -> None:
    keys = [InstanceKey(archive.space, "1", "1.1", instance) for instance in instances]
    assert list(DynamoDbChangeFeed(archive.table, archive.objects).append(keys, archive.clock))


def ask(archive: Archive, path: str = "", **parameters: object) -> Response:
    asked = [(name, str(value)) for name, value in parameters.items()]
    return archive.read(Request(f"/spaces/{archive.space}/changefeed{path}", asked))


def rows(archive: Archive, **parameters: object) -> list[dict[str, Any]]:
    response = ask(archive, **parameters)
    assert response.status == 200, response.body
    assert response.headers["Content-Type"] == "application/json"
    found: list[dict[str, Any]] = json.loads(response.body)
    return found


def sequences(archive: Archive, **parameters: object) -> list[int]:
    return [row["sequence"] for row in rows(archive, **parameters)]


def test_a_page_has_ten_rows_from_the_first_on_unless_it_is_asked_otherwise(twelve_changes):
    assert sequences(twelve_changes) == list(range(1, 11))
    assert sequences(twelve_changes, offset=10) == [11, 12]
    assert sequences(twelve_changes, offset=3, limit=2) == [4, 5]
    assert sequences(twelve_changes, limit=200) == list(range(1, 13))
    assert sequences(twelve_changes, offset=12) == sequences(twelve_changes, offset=10**14) == []


def test_a_row_says_what_happened_and_what_has_become_of_it(twelve_changes):
    first, second, third, *_, updated, deleted = rows(twelve_changes, limit=200)
    assert {name: value for name, value in first.items() if name != "timestamp"} == {
        "sequence": 1,
        "studyInstanceUid": "1",
        "seriesInstanceUid": "1.1",
        "sopInstanceUid": "1.1.1",
        "action": "create",
        "state": "replaced",
    }
    assert datetime.fromisoformat(first["timestamp"]).utcoffset() == timedelta(0)
    assert (second["action"], second["state"]) == ("create", "deleted")
    assert (third["action"], third["state"]) == ("create", "current")
    assert (updated["action"], updated["state"]) == ("update", "current")
    assert (deleted["action"], deleted["state"]) == ("delete", "deleted")


def test_metadata_is_that_of_the_version_a_row_made_and_none_where_the_instance_is_deleted(twelve_changes):
    assert not any("metadata" in row for row in rows(twelve_changes, limit=200))
    first, second, *_, updated, deleted = rows(twelve_changes, limit=200, includemetadata="true")
    assert first["metadata"]["00200013"]["Value"] == [1]
    assert updated["metadata"]["00200013"]["Value"] == [77]
    assert "metadata" not in second
    assert "metadata" not in deleted
    address = first["metadata"]["7FE00010"]["BulkDataURI"]
    assert address.startswith(
        f"{BASE_ADDRESS}/spaces/{twelve_changes.space}/studies/1/series/1.1/instances/1.1.1/bulkdata/"
    )


def test_metadata_that_spilled_to_the_bucket_comes_too_and_a_page_ends_before_it_grows_too_large(archive, monkeypatch):
    for number in (1, 2, 3):
        comments = "".join(str(uuid4()) for _ in range(700))  # does not compress
        archive.store("1", "1.1", f"1.1.{number}", ImageComments=comments)
    tell(archive, "1.1.1", "1.1.2", "1.1.3")
    assert all(len(row["metadata"]["00204000"]["Value"][0]) > 20_000 for row in rows(archive, includemetadata="true"))
    monkeypatch.setattr(read_feed, "MAX_METADATA_BYTES", 60_000)
    response = ask(archive, includemetadata="true")
    assert [row["sequence"] for row in json.loads(response.body)] == [1, 2]
    assert "offset=2" in response.headers["Link"]
    monkeypatch.setattr(read_feed, "MAX_METADATA_BYTES", 50_000)
    assert sequences(archive, includemetadata="true") == [1], "the second would not fit any more"
    monkeypatch.setattr(read_feed, "MAX_METADATA_BYTES", 1_000)
    assert sequences(archive, includemetadata="true", offset=2) == [3], "one comes, however large it is"
    archive.objects.delete_all(
        archive.space, [key for key in archive.objects.keys(archive.space) if key.endswith(".gz")]
    )
    assert ["metadata" in row for row in rows(archive, includemetadata="true")] == [False] * 3, "it holds nobody up"


def test_a_link_leads_from_page_to_page_until_there_is_no_more(twelve_changes):
    parameters, seen = {"limit": "5", "includemetadata": "false"}, []
    while parameters:
        response = ask(twelve_changes, **parameters)
        seen += [row["sequence"] for row in json.loads(response.body)]
        link = response.headers.get("Link", "")
        assert link == "" or link.endswith('>; rel="next"')
        address = urlsplit(link[1:].partition(">")[0])
        assert link == "" or f"{address.scheme}://{address.netloc}" == BASE_ADDRESS
        parameters = dict(parse_qsl(address.query))
    assert seen == list(range(1, 13))


def test_rows_of_a_span_of_time_begin_with_its_first_moment_and_end_before_its_last(twelve_changes):
    times = [row["timestamp"] for row in rows(twelve_changes, limit=200)]
    assert sequences(twelve_changes, starttime=times[3], endtime=times[6]) == [4, 5, 6]
    assert sequences(twelve_changes, starttime=times[8], limit=200) == [9, 10, 11, 12]
    assert sequences(twelve_changes, endtime=times[1]) == [1]
    assert sequences(twelve_changes, starttime=times[3], endtime=times[3]) == []
    assert sequences(twelve_changes, starttime=times[3], endtime=times[9], offset=6, limit=2) == [7, 8]
    elsewhere = datetime.fromisoformat(times[3]) + timedelta(hours=2)
    assert sequences(twelve_changes, starttime=f"{elsewhere:%Y-%m-%dT%H:%M:%S.%f}+02:00", limit=1) == [4]
    assert sequences(twelve_changes, starttime="2200-01-01T00:00:00Z") == []
    assert sequences(twelve_changes, endtime="1900-01-01T00:00:00Z") == []
    response = ask(twelve_changes, starttime=times[3], endtime=times[6], limit=3)
    assert "Link" not in response.headers, "that was all of the span"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"offset": "-1"}, "offset must be a whole number"),
        ({"offset": "one"}, "offset must be a whole number"),
        ({"offset": "9" * 5000}, "offset must be a whole number"),
        ({"limit": "0"}, "from 1 to 200"),
        ({"limit": "201"}, "from 1 to 200"),
        ({"limit": "1.5"}, "from 1 to 200"),
        ({"limit": ""}, "from 1 to 200"),
        ({"includemetadata": "yes"}, "true or false"),
        ({"starttime": "2026-11-21T12:00:00"}, "with its zone"),
        ({"starttime": "2026-11-21"}, "with its zone"),
        ({"endtime": "yesterday"}, "with its zone"),
        ({"endtime": "2026-11-21T12:00:00 01:00"}, "%2B"),
        ({"endtime": "2026-02-30T12:00:00Z"}, "ISO 8601"),
        ({"starttime": "0001-01-01T00:00:00+23:59"}, "ISO 8601"),
        ({"starttime": "2026-11-21T12:00:00Z", "endtime": "2026-11-20T12:00:00Z"}, "before the starttime"),
        ({"start": "2026-11-21T12:00:00Z"}, "no such parameter"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(twelve_changes, parameters, sentence):
    response = ask(twelve_changes, **parameters)
    assert response.status == 400
    assert sentence in json.loads(response.body)["error"]


def test_a_parameter_given_twice_is_refused_and_its_name_may_be_in_any_case(twelve_changes):
    path = f"/spaces/{twelve_changes.space}/changefeed"
    assert twelve_changes.read(Request(path, [("limit", "1"), ("Limit", "2")])).status == 400
    assert len(json.loads(twelve_changes.read(Request(path, [("Limit", "2")])).body)) == 2


def test_the_newest_row_is_read_by_itself(twelve_changes, archive):
    latest = json.loads(ask(twelve_changes, "/latest").body)
    assert (latest["sequence"], latest["action"], latest["state"]) == (12, "delete", "deleted")
    assert ask(archive, "/latest").status == 204
    assert rows(archive) == []
    archive.store("1", "1.1", "1.1.1", InstanceNumber=9)
    assert ask(archive, "/latest").status == 204, "nothing is told yet"
    tell(archive, "1.1.1")
    with_metadata = json.loads(ask(archive, "/latest", includemetadata="TRUE").body)
    assert with_metadata["metadata"]["00200013"]["Value"] == [9]
    assert ask(archive, "/latest", offset=1).status == 400


def test_an_instance_that_is_hidden_until_its_row_says_deleted_is_deleted_for_a_reader_of_the_feed(archive):
    archive.store("1", "1.1", "1.1.1")
    tell(archive, "1.1.1")
    assert archive.http_delete("studies/1").status == 204
    assert [row["state"] for row in rows(archive)] == ["deleted"]


def test_all_spaces_are_shown_with_what_they_hold_and_what_is_still_coming_in(archive):
    archive.store("1", "1.1", "1.1.1")
    archive.store("1", "1.1", "1.1.2")
    tell(archive, "1.1.1", "1.1.2")
    for path in ("/spaces", "/spaces/"):
        response = archive.read(Request(path))
        assert response.status == 200
        (entry,) = json.loads(response.body)
        assert entry.pop("bytes") == sum(
            len(archive.objects.versions(key.object_key, archive.space)[-1].body or b"")
            for key in (archive.key("1", "1.1", "1.1.1"), archive.key("1", "1.1", "1.1.2"))
        )
        assert entry == {
            "space": archive.space,
            "dicomweb": archive.address,
            "studies": 1,
            "series": 1,
            "instances": 2,
            "open_studies": 1,
        }
    assert archive.read(Request("/spaces", headers={"accept": "text/html"})).status == 406
    assert archive.read(Request("/spaces", [("x", "1")])).status == 400
    assert archive.read(Request("/spaces", [("accept", "application/json")])).status == 200


def test_open_studies_are_counted_up_to_a_bound_and_the_answer_says_so(archive, monkeypatch):
    for study in ("1", "2", "3"):
        archive.store(study, f"{study}.1", f"{study}.1.1")
    for bound, is_exact in ((1_000, True), (1, False)):
        monkeypatch.setattr("imaging.reading.read_spaces._MOST_OPEN", bound)
        (entry,) = json.loads(archive.read(Request("/spaces")).body)
        assert entry.get("open_studies_exact", True) is is_exact
        assert entry["open_studies"] == 3 if is_exact else entry["open_studies"] <= 1
