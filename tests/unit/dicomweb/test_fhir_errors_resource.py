import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest

from imaging.aws.dynamodb_publications import DynamoDbPublications
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request, Response
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from tests.archive import Archive
from tests.fakes import START
from tests.manifest_table import create_manifest_table


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name))
    publications = DynamoDbPublications(archive.table)
    for number, kind in enumerate((ErrorKind.NOT_PUBLISHED, ErrorKind.RETRYING, ErrorKind.INVALID_TAG)):
        study, time = StudyKey(archive.space, f"1.{number}"), START + timedelta(minutes=number)
        publications.failed(FhirError(study, 7, kind, "PatientID is missing; add it.", number + 1, time), None)
    return archive


def get(archive: Archive, **parameters: str) -> Response:
    return archive.get("fhir-errors", *parameters.items())


def listed(response: Response) -> list[dict[str, Any]]:
    assert response.status == 200, response.body
    return json.loads(response.body)


def test_entries_say_what_is_wrong_with_which_study_newest_first(archive):
    assert [(entry["kind"], entry["study"], entry["attempts"]) for entry in listed(get(archive))] == [
        ("invalid-tag", "1.2", 3),
        ("retrying", "1.1", 2),
        ("not-published", "1.0", 1),
    ]
    response = get(archive, kind="not-published")
    assert response.headers["Cache-Control"] == "no-store"
    assert listed(response) == [
        {
            "kind": "not-published",
            "study": "1.0",
            "message": "PatientID is missing; add it.",
            "attempts": 1,
            "time": "2026-11-21T12:00:00.000000+00:00",
            "revision": 7,
        }
    ]
    assert listed(get(archive, kind="fhir-refused")) == []


def test_entries_come_in_pages_that_link_to_the_next(archive):
    whole = listed(get(archive))
    first = get(archive, limit="2")
    address = f"{archive.address}/fhir-errors"
    link = re.fullmatch(re.escape(f"<{address}?") + '(limit=2&after=[^>]+)>; rel="next"', first.headers["Link"])
    assert link
    last = get(archive, **dict(parse_qsl(link.group(1))))
    assert "Link" not in last.headers
    assert listed(first) + listed(last) == whole


def test_the_next_page_is_of_the_same_kind(archive):
    publications, study = DynamoDbPublications(archive.table), StudyKey(archive.space, "2.1")
    for each in (study, StudyKey(archive.space, "2.2")):
        publications.failed(FhirError(each, 1, ErrorKind.FHIR_REFUSED, "It is refused.", 1, START), None)
    first = get(archive, kind="fhir-refused", limit="1")
    assert "?kind=fhir-refused&limit=1&after=" in first.headers["Link"]


@pytest.mark.parametrize(
    "parameters",
    [
        [("kind", "everything")],
        [("kind", "")],
        [("kind", "retrying"), ("kind", "invalid-tag")],
        [("limit", "0")],
        [("limit", "1001")],
        [("limit", "ten")],
        [("after", "")],
        [("after", "2026-11-21T12:00:00.000000Z~1.2~elsewhere")],
        [("offset", "1")],
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(archive, parameters):
    response = archive.read(Request(f"/spaces/{archive.space}/fhir-errors", parameters))
    assert response.status == 400
    assert json.loads(response.body)["error"].endswith(".")


def test_an_unknown_space_is_not_found(archive):
    assert archive.read(Request("/spaces/elsewhere/fhir-errors")).status == 404
