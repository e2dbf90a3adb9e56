"""``GET /arrivals`` on spaces filled by the real stages, and what a page costs."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imaging.aws.clients import client
from imaging.aws.dynamodb_arrivals import DynamoDbArrivals
from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_standings import DynamoDbPublicationStandings
from imaging.aws.dynamodb_table import ManifestTable
from imaging.aws.publication_rows import publication_key, publication_row
from imaging.aws.rows import revision_row_key, study_names
from imaging.dicomweb.arrival_document import listed_name
from imaging.dicomweb.arrivals_resource import ArrivalsResource
from imaging.dicomweb.message import Request, Response
from imaging.errors import Rejected, RejectReason
from imaging.model.completion import Completions
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.model.publication import ErrorKind, FhirError, Publication
from imaging.reading.read_arrivals import MAX_ROWS_READ, ReadArrivals
from tests.archive import BASE_ADDRESS, Archive
from tests.fakes import START
from tests.listed_studies import fill
from tests.manifest_table import create_manifest_table

QUIET = timedelta(seconds=30)


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


def resource(table: ManifestTable, *archives: Archive, **options: Any) -> ArrivalsResource:
    spaces = {name: space for archive in archives for name, space in archive.spaces.items()}
    publishes = options.pop("publishes", True)
    read = ReadArrivals(
        DynamoDbArrivals(table),
        DynamoDbCatalogue(table),
        DynamoDbPublicationStandings(table) if publishes else None,
        Completions(QUIET, spaces),
    )
    return ArrivalsResource(read, spaces, Links(BASE_ADDRESS), **{"has_viewer": True, "fhir_search": "", **options})


def get(arrivals: ArrivalsResource, *parameters: tuple[str, str]) -> Response:
    return arrivals(Request("/arrivals", parameters), {})


def listed(response: Response) -> list[dict[str, Any]]:
    assert response.status == 200, response.body
    assert response.headers["Cache-Control"] == "no-store"
    return json.loads(response.body)


def following(response: Response) -> list[tuple[str, str]]:
    address, _, query = response.headers["Link"].partition("?")
    assert address == f"<{BASE_ADDRESS}/arrivals"
    return parse_qsl(query.partition(">")[0])


@pytest.fixture
def two(table: ManifestTable) -> tuple[Archive, Archive]:
    return Archive(table), Archive(table)


def publish(table: ManifestTable, study: StudyKey, revision: int, *entries: FhirError) -> None:
    publications = DynamoDbPublications(table)
    lease = publications.lease(study, "a", now=START, until=START + QUIET)
    assert lease
    assert publications.published(lease, Publication(study, revision, START), entries)


def test_a_study_tells_whose_it_is_how_much_there_is_of_it_and_where_it_leads(table, two):
    archive, other = two
    described = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Müller^Anna^Maria^Dr.=山田^太郎",
        "PatientID": "P1",
        "PatientBirthDate": "19700103",
        "PatientSex": "F",
        "AccessionNumber": "A1",
        "StudyDescription": "Thorax",
        "StudyDate": "20010203",
    }
    archive.store("1.2", "1.2.1", "1.2.1.1", **described)
    archive.store("1.2", "1.2.2", "1.2.2.1", Modality="SR", **described)
    arrivals = resource(table, archive, other, fhir_search="http://fhir.example.org/fhir")

    (entry,) = listed(get(arrivals))
    arrived_at, last_change_at, due_at = (entry.pop(name) for name in ("arrived_at", "last_change_at", "due_at"))
    assert arrived_at < last_change_at < due_at
    assert all(moment.endswith("+00:00") for moment in (arrived_at, last_change_at, due_at))
    assert entry == {
        "space": archive.space,
        "study": "1.2",
        "patient": {"name": "Müller, Dr. Anna Maria", "id": "P1", "birth_date": "1970-01-03", "sex": "F"},
        "accession_number": "A1",
        "description": "Thorax",
        "study_date": "2001-02-03",
        "modalities": ["CT", "SR"],
        "series": 2,
        "instances": 2,
        "state": "arriving",
        "revision": 0,
        "fhir": {"state": "waiting"},
        "links": {
            "dicomweb": f"{archive.address}/studies/1.2",
            "revisions": f"{archive.address}/studies/1.2/revisions",
            "deliveries": f"{archive.address}/studies/1.2/deliveries",
            "thumbnail": f"{archive.address}/studies/1.2/thumbnail",
            "display": f"{archive.address}/IHEInvokeImageDisplay?requestType=STUDY&studyUID=1.2",
        },
    }

    archive.finalize("1.2")
    (entry,) = listed(get(arrivals))
    assert (entry["state"], entry["revision"], "due_at" in entry) == ("final", 1, False)
    assert entry["fhir"] == {"state": "waiting"}
    publish(table, StudyKey(archive.space, "1.2"), 1)
    (entry,) = listed(get(arrivals))
    assert entry["fhir"] == {"state": "published", "revision": 1, "published_at": "2026-11-21T12:00:00.000000+00:00"}
    assert entry["links"]["imaging_study"] == (
        "http://fhir.example.org/fhir/ImagingStudy?identifier=urn%3Adicom%3Auid%7Curn%3Aoid%3A1.2"
    )


def test_a_study_tells_why_it_is_not_in_fhir(table, two):
    archive, _ = two
    archive.store("1.2", "1.2.1", "1.2.1.1")
    archive.finalize("1.2")
    study = StudyKey(archive.space, "1.2")
    refused = FhirError(study, 1, ErrorKind.NOT_PUBLISHED, "PatientID is missing; add it.", 2, START)
    DynamoDbPublications(table).failed(refused, None)
    (entry,) = listed(get(resource(table, archive)))
    error = {"kind": "not-published", "message": "PatientID is missing; add it.", "attempts": 2}
    assert entry["fhir"] == {
        "state": "refused",
        "errors": [{**error, "time": "2026-11-21T12:00:00.000000+00:00"}],
    }

    (entry,) = listed(get(resource(table, archive, publishes=False)))
    assert entry["fhir"] == {"state": "none"}
    publish(table, study, 1, FhirError(study, 1, ErrorKind.INVALID_TAG, "PatientSex is no sex.", 1, START))
    (entry,) = listed(get(resource(table, archive)))
    assert (entry["fhir"]["state"], entry["fhir"]["errors"][0]["kind"]) == ("published", "invalid-tag")


def test_a_revision_that_nobody_asked_to_publish_does_not_wait(table, two):
    """It was made before there was a FHIR server; or its record is lost, and it is told anew, which its mark says."""
    archive, _ = two
    archive.store("1.2", "1.2.1", "1.2.1.1")
    archive.finalize("1.2")
    row_key = revision_row_key(StudyKey(archive.space, "1.2"), 1)
    assert table.update(row_key, UpdateExpression="REMOVE pending")
    (entry,) = listed(get(resource(table, archive)))
    assert entry["fhir"] == {"state": "none"}


def test_what_is_deleted_goes_and_what_changes_again_comes_to_the_top(table, two):
    archive, other = two
    archive.store("1.1", "1.1.1", "1.1.1.1")
    other.clock.now = archive.clock.now + timedelta(minutes=1)
    other.store("1.2", "1.2.1", "1.2.1.1")
    arrivals = resource(table, archive, other)
    assert [entry["study"] for entry in listed(get(arrivals))] == ["1.2", "1.1"]

    archive.finalize("1.1")
    archive.clock.now = other.clock.now + timedelta(minutes=1)
    archive.store("1.1", "1.1.1", "1.1.1.2")
    assert [(entry["study"], entry["state"]) for entry in listed(get(arrivals))] == [
        ("1.1", "arriving"),
        ("1.2", "arriving"),
    ]
    assert [entry["study"] for entry in listed(get(arrivals, ("space", other.space)))] == ["1.2"]
    both = [("space", archive.space), ("space", other.space), ("space", other.space)]
    assert len(listed(get(arrivals, *both))) == 2

    archive.delete("1.1", "1.1.1", "1.1.1.1")
    archive.delete("1.1", "1.1.1", "1.1.1.2")
    assert [entry["study"] for entry in listed(get(arrivals))] == ["1.2"]


def test_what_is_deleted_leaves_the_index_until_it_comes_back(table, two):
    """However much was deleted last, nobody has to read past it."""
    archive, _ = two
    archive.store("1.1", "1.1.1", "1.1.1.1", StudyDate="20010203")
    archive.store("1.2", "1.2.1", "1.2.1.1")  # without a date
    for study in ("1.1", "1.2"):
        archive.finalize(study)

    def indexed() -> list[str]:
        places = DynamoDbArrivals(table).list_arrivals(archive.space, first=None, last=None, at_a_time=10)
        return [place.study_instance_uid for place in places]

    assert indexed() == ["1.2", "1.1"]
    for study in ("1.1", "1.2"):
        assert archive.http_delete(f"studies/{study}").status == 204
        archive.index_all([archive.key(study, f"{study}.1", f"{study}.1.1")])
        archive.finalize(study)
    assert indexed() == []

    archive.clock.now += timedelta(minutes=1)
    archive.store("1.1", "1.1.1", "1.1.1.3")
    assert indexed() == ["1.1"]
    assert [entry["study"] for entry in listed(get(resource(table, archive)))] == ["1.1"]


def test_hostile_and_malformed_values_are_text_or_left_out(table, two):
    archive, _ = two
    archive.store(
        *("1.2", "1.2.1", "1.2.1.1"),
        SpecificCharacterSet="ISO_IR 192",
        PatientName='<script>alert("1")</script>^\u202e"',
        PatientBirthDate="1970-1-3",
        StudyDate="20260230",
        PatientID="",
        StudyDescription="</script>\u2028{{7*7}}",
    )
    (entry,) = listed(get(resource(table, archive)))
    assert entry["patient"] == {"name": '<script>alert("1")</script>, \u202e"'}
    assert entry["description"] == "</script>\u2028{{7*7}}"
    assert "study_date" not in entry


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ({"Alphabetic": "Doe^Jane^Mary^Prof. Dr.^Jr."}, "Doe Jr., Prof. Dr. Jane Mary"),
        ({"Alphabetic": "Doe"}, "Doe"),
        ({"Alphabetic": "^Jane"}, "Jane"),
        ({"Alphabetic": "Doe^^^^^more^still"}, "Doe"),
        ({"Alphabetic": "^^^", "Ideographic": "山田^太郎"}, "山田 太郎"),
        ({"Phonetic": "やまだ^たろう"}, "やまだ たろう"),
        ({"Alphabetic": " ^ "}, ""),
        ({}, ""),
        (None, ""),
        ("Doe^Jane", "Doe, Jane"),
    ],
)
def test_a_list_has_the_family_name_first(name, shown):
    assert listed_name({"00100010": {"vr": "PN", "Value": [name]}}) == shown


def test_filters_are_kept_in_the_link_to_the_next_page(table, two):
    archive, other = two
    for number in range(3):
        archive.store(f"1.{number}", f"1.{number}.1", f"1.{number}.1.1", PatientName=f"Müller^{number}")
    archive.store("2", "2.1", "2.1.1", PatientName="Other", Modality="MR")
    arrivals = resource(table, archive, other)
    asked = [("text", "müller,"), ("modality", "ct"), ("from", "2026-11-21"), ("to", "2026-11-21"), ("limit", "2")]
    first = get(arrivals, *asked, ("space", archive.space))
    assert following(first)[:-1] == [*asked, ("space", archive.space)]
    last = get(arrivals, *following(first))
    assert [entry["study"] for response in (first, last) for entry in listed(response)] == ["1.2", "1.1", "1.0"]
    assert "Link" not in last.headers
    assert listed(get(arrivals, ("from", "2026-11-22"))) == []
    assert len(listed(get(arrivals, ("from", ""), ("text", " "), ("limit", ""), ("after", "")))) == 4


def test_a_text_that_is_none_is_kept_in_the_link_as_far_as_an_address_can_hold_it(table, two):
    archive, _ = two
    fill(table, archive.space, MAX_ROWS_READ + 1)
    cut_short = get(resource(table, archive), ("text", "\ud800"))
    assert following(cut_short)[0] == ("text", "?")


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ([("limit", "0")], RejectReason.MALFORMED_REQUEST),
        ([("limit", "101")], RejectReason.MALFORMED_REQUEST),
        ([("limit", "٣")], RejectReason.MALFORMED_REQUEST),
        ([("from", "22.11.2026")], RejectReason.MALFORMED_REQUEST),
        ([("from", "2026-02-30")], RejectReason.MALFORMED_REQUEST),
        ([("to", "2026-W01-1")], RejectReason.MALFORMED_REQUEST),
        ([("from", "2026-11-23"), ("to", "2026-11-22")], RejectReason.MALFORMED_REQUEST),
        ([("text", "x" * 201)], RejectReason.MALFORMED_REQUEST),
        ([("text", "x"), ("text", "y")], RejectReason.MALFORMED_REQUEST),
        ([("offset", "1")], RejectReason.MALFORMED_REQUEST),
        ([("space", "elsewhere")], RejectReason.NO_SUCH_SPACE),
        ([("accept", "image/png")], RejectReason.NOT_ACCEPTABLE),
    ],
)
def test_what_cannot_be_asked_is_refused(table, two, parameters, reason):
    with pytest.raises(Rejected) as refused:
        get(resource(table, *two), *parameters)
    assert refused.value.reason is reason
    assert str(refused.value).endswith(".")


@pytest.fixture(scope="module")
def one(table: ManifestTable) -> Archive:
    return Archive(table, space="one")


MOMENTS = st.sampled_from(["2026-11-22T12:00:00.000000Z", "2026-11-22T12:00:00Z", "0000-99-99T99:99:99.999999Z", ""])


@given(st.text(max_size=60) | st.tuples(MOMENTS, st.text(max_size=8), st.text(max_size=8)).map("~".join))
def test_a_cursor_of_elsewhere_is_refused(table, one, cursor):
    if cursor:
        with pytest.raises(Rejected, match="not one that a page"):
            get(resource(table, one), ("after", cursor))


@contextmanager
def counted_calls() -> Iterator[Counter[str]]:
    """The calls that our clients make of DynamoDB meanwhile, by operation."""
    calls: Counter[str] = Counter()

    def count(model: Any, **_: object) -> None:
        calls[model.name] += 1

    events = client("dynamodb").meta.events
    events.register("before-call.dynamodb.*", count)
    try:
        yield calls
    finally:
        events.unregister("before-call.dynamodb.*", count)


def test_a_page_costs_a_query_a_space_a_read_of_its_studies_and_one_of_where_they_stand(table, two):
    for archive in two:
        fill(table, archive.space, 200)
    published = [StudyKey(archive.space, f"1.2.3.{number + 1}") for archive in two for number in range(200)]
    table.put_many(
        {**publication_key(study), **study_names(study), **publication_row(Publication(study, 1, START))}
        for study in published
    )
    arrivals, parameters, seen = resource(table, *two), [], set()
    for page in range(8):
        with counted_calls() as calls:
            response = get(arrivals, *parameters)
        assert calls == {"Query": 2, "BatchGetItem": 2}, page
        seen |= {(entry["space"], entry["study"]) for entry in listed(response)}
        assert {entry["fhir"]["state"] for entry in listed(response)} == {"published"}
        parameters = following(response) if "Link" in response.headers else []
    assert not parameters
    assert len(seen) == 400

    late = published[199]
    DynamoDbPublications(table).failed(FhirError(late, 1, ErrorKind.RETRYING, "It is tried again.", 1, START), None)
    publish(table, published[198], 1, FhirError(published[198], 1, ErrorKind.INVALID_TAG, "One.", 1, START))
    with counted_calls() as calls:
        entries = listed(get(arrivals))
    assert calls == {"Query": 2, "BatchGetItem": 3}  # and one for all entries
    assert sum("errors" in entry["fhir"] for entry in entries) == 1


def test_a_filter_that_matches_nothing_reads_a_bounded_number_of_rows_and_says_so(table, two):
    archive, _ = two
    fill(table, archive.space, MAX_ROWS_READ + 1)
    arrivals = resource(table, archive)
    with counted_calls() as calls:
        response = get(arrivals, ("text", "nobody"))
    assert listed(response) == []
    assert response.headers["Warning"].startswith(f"299 {BASE_ADDRESS}: The page stopped after 1000 studies")
    assert calls["BatchGetItem"] == MAX_ROWS_READ // 100
    last = get(arrivals, *following(response))
    assert listed(last) == []
    assert not last.headers.keys() & {"Link", "Warning"}
