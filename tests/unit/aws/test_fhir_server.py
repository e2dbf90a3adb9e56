import logging
import re
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imaging.aws import fhir_requests
from imaging.aws.fhir_server import HttpFhirServer, fhir_server
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.ports.outside import NotAllowed, TooBusy, VersionConflict
from imaging.settings import MissingSetting, Settings
from infra.local.settings import HOST
from tests.unit.aws.scripted_server import scripted_server

BUNDLE = {"resourceType": "Bundle", "type": "transaction", "entry": []}
OF_TWO = {**BUNDLE, "entry": [{}, {}]}
RESPONSE = {"resourceType": "Bundle", "type": "transaction-response", "entry": []}
PATIENT = {"resourceType": "Patient", "id": "p1"}
MAY_PASS = [401, 403, 408, 409, 412, 423, 425, 429, 500, 502, 503, 504]
FOR_GOOD = [400, 404, 405, 410, 413, 415, 422]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch):
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda seconds: None)


@pytest.fixture
def script():
    with scripted_server() as script:
        yield script


@pytest.fixture
def server(script):
    server = HttpFhirServer(script.base_url)
    yield server
    server.close()


def outcome(code, diagnostics=""):
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def searchset(*resources, following="", mode="match"):
    link = [{"relation": "self", "url": "http://elsewhere/"}]
    link += [{"relation": "next", "url": following}] if following else []
    entries = [{"resource": resource, "search": {"mode": mode}} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "link": link, "entry": entries}


def test_asks_once_what_the_server_can_do(server, script):
    script.answers = [(503, b""), (200, {"resourceType": "CapabilityStatement"})]
    assert server.capabilities() == server.capabilities() == {"resourceType": "CapabilityStatement"}
    assert [request.path for request in script.requests] == ["/fhir/metadata"] * 2


def test_reads_a_resource_by_its_id(server, script):
    script.answers = [(200, PATIENT)]
    assert server.read("Patient", "p1") == PATIENT
    (request,) = script.requests
    assert (request.method, request.path) == ("GET", "/fhir/Patient/p1")
    assert request.headers["Accept"] == "application/fhir+json"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("status", [404, 410])
def test_what_is_not_there_or_deleted_is_none(server, script, status):
    script.answers = [(status, outcome("not-found"))]
    assert server.read("Patient", "p1") is None


def test_searches_by_a_form_since_addresses_are_logged(server, script):
    script.answers = [(200, searchset(PATIENT))]
    assert server.search("Patient", {"identifier": "urn:oid:1.2|A&B=+ 7"}) == [PATIENT]
    (request,) = script.requests
    assert (request.method, request.path) == ("POST", "/fhir/Patient/_search")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(request.body.decode()) == {"_count": ["50"], "identifier": ["urn:oid:1.2|A&B=+ 7"]}
    assert request.headers["Prefer"] == "handling=strict"


def test_what_a_search_brings_along_is_no_match(server, script):
    found = searchset(PATIENT)
    found["entry"] += searchset({**PATIENT, "id": "p2"}, mode="include")["entry"]
    found["entry"] += [*searchset(outcome("warning"), mode="outcome")["entry"], {"resource": None}, None]
    script.answers = [(200, found)]
    assert server.search("Patient", {"identifier": "a|1"}) == [PATIENT]


@pytest.mark.parametrize(
    ("following", "query"),
    [
        ("http://10.0.0.7:8080/fhir/Patient?page=AAMA%2B%2F%3D&_count=50", {"page": "AAMA+/=", "_count": "50"}),
        ("https://inside.example/r4/Patient/_search?ct=a:/b~c d", {"ct": "a:/b~c d"}),
        ("Patient?identifier=a%7C4711&page=2", {"identifier": "a|4711", "page": "2"}),
    ],
)
def test_the_next_page_is_asked_for_by_a_form_too_since_its_link_repeats_the_criteria(server, script, following, query):
    script.answers = [(200, searchset(PATIENT, following=following)), (200, searchset({**PATIENT, "id": "p2"}))]
    assert [each["id"] for each in server.search("Patient", {"identifier": "a|1"})] == ["p1", "p2"]
    request = script.requests[1]
    assert (request.method, request.path) == ("POST", "/fhir/Patient/_search")
    assert {name: values[0] for name, values in parse_qs(request.body.decode()).items()} == query
    assert request.headers["Prefer"] == "handling=strict"


def test_a_server_that_keeps_its_pages_at_the_base_is_asked_there(server, script):
    following = "http://hapi/fhir?_getpages=8-4&_token=a+b:/c"
    script.answers = [(200, searchset(PATIENT, following=following)), (200, searchset({**PATIENT, "id": "p2"}))]
    assert [each["id"] for each in server.search("Patient", {"identifier": "a|1"})] == ["p1", "p2"]
    request = script.requests[1]
    assert (request.method, urlsplit(request.path).path) == ("GET", "/fhir")
    assert parse_qs(urlsplit(request.path).query) == {"_getpages": ["8-4"], "_token": ["a b:/c"]}
    assert not set(urlsplit(request.path).query) & set("+/: ")


@pytest.mark.parametrize("following", ["Patient?identifier=a%7C4711&page=2", "http://hapi/fhir?identifier=a%7C4711"])
def test_no_log_says_whom_a_search_was_for_when_a_connection_breaks(server, script, caplog, following):
    script.answers = [(200, searchset(PATIENT, following=following))]
    script.fails_at = lambda request: "connection" if len(script.requests) > 1 else ""
    with caplog.at_level(logging.DEBUG), pytest.raises(Unavailable, match="did not answer") as caught:
        server.search("Patient", {"identifier": "a|4711"})
    assert len(script.requests) > 2, "it was tried again"
    assert "4711" not in caplog.text + str(caught.value)


def test_a_search_that_never_ends_is_refused(server, script):
    script.answers = [(200, searchset(PATIENT, following="Patient?page=1"))]
    with pytest.raises(Rejected, match="pass over the criteria identifier") as caught:
        server.search("Patient", {"identifier": "a|4711"})
    assert "4711" not in str(caught.value)
    assert len(script.requests) == 20


def test_posts_a_transaction_to_the_base(server, script):
    script.answers = [(200, RESPONSE)]
    server.transact(BUNDLE)
    (request,) = script.requests
    assert (request.method, request.path) == ("POST", "/fhir")
    assert request.headers["Content-Type"] == "application/fhir+json"
    assert b'"transaction"' in request.body


def test_a_base_that_ends_in_a_slash_is_kept_so(script):
    script.answers = [(200, RESPONSE), (200, PATIENT)]
    server = HttpFhirServer(script.base_url + "/")
    server.transact(BUNDLE)
    server.read("Patient", "p1")
    server.close()
    assert [request.path for request in script.requests] == ["/fhir/", "/fhir/Patient/p1"]


def test_tells_what_the_server_says_of_each_entry(server, script):
    responses = [{"status": "201 Created", "location": "Patient/7/_history/1"}, {"status": "200"}]
    script.answers = [(200, {**RESPONSE, "entry": [{"response": each} for each in responses]})]
    assert server.transact(OF_TWO) == responses


@pytest.mark.parametrize("status", [200, 201, 202, 204])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        {"status": "maintenance"},
        {"resourceType": "OperationOutcome", "issue": [{"severity": "fatal", "code": "exception"}]},
        {"resourceType": "Bundle"},
        searchset(),
        RESPONSE,
        {**RESPONSE, "entry": [None, 5]},
        {**RESPONSE, "entry": [{"response": {"status": "200"}}]},
        {**RESPONSE, "entry": [{"response": {"status": "200"}}, {"response": {"location": "Patient/7"}}]},
    ],
)
def test_what_tells_not_of_every_entry_is_no_answer_to_a_transaction(server, script, status, body):
    script.answers = [(status, body)]
    with pytest.raises(Unavailable, match=rf"answered {status} without .* imaging\.fhir\.base_url"):
        server.transact(OF_TWO)


@pytest.mark.parametrize(
    "body", [b"", {"status": "maintenance"}, outcome("exception"), RESPONSE, {**PATIENT, "id": "p2"}]
)
def test_what_is_another_thing_is_no_answer_to_a_question(server, script, body):
    script.answers = [(200, body)]
    for asked in (
        lambda: server.search("Patient", {"identifier": "a|1"}),
        lambda: server.read("Patient", "p1"),
        server.capabilities,
    ):
        with pytest.raises(Unavailable, match="answered 200 without"):
            asked()
    script.answers = [(200, {"resourceType": "CapabilityStatement"})]
    assert server.capabilities(), "what was no answer is not kept"


@pytest.mark.parametrize("status", [302, 404, 405, 410])
@pytest.mark.parametrize("body", [b"", b"<html/>", {"message": "Not Found"}])
def test_what_stands_before_the_server_cannot_say_that_something_is_not_there(server, script, status, body):
    script.answers = [(status, body)]
    for asked in (lambda: server.read("Patient", "p1"), lambda: server.transact(BUNDLE)):
        with pytest.raises(Unavailable, match=f"answered {status} without an OperationOutcome"):
            asked()


@pytest.mark.parametrize("status", MAY_PASS)
def test_what_may_pass_is_unavailable(server, script, status):
    script.answers = [(status, outcome("transient"))]
    with pytest.raises(Unavailable, match=rf"answered {status} \(transient\)") as caught:
        server.transact(BUNDLE)
    assert isinstance(caught.value, VersionConflict) == (status in (409, 412))
    with pytest.raises(Unavailable, match=f"answered {status}"):
        server.read("Patient", "p1")


@pytest.mark.parametrize("status", FOR_GOOD)
def test_what_the_server_refuses_for_good_is_rejected(server, script, status):
    script.answers = [(status, outcome("invariant"))]
    with pytest.raises(Rejected, match=rf"answered {status}( \(invariant\))?: ") as caught:
        server.transact(BUNDLE)
    assert caught.value.reason is RejectReason.MALFORMED_REQUEST


@pytest.mark.parametrize(
    ("status", "failure"),
    [("412", VersionConflict), ("409 Conflict", VersionConflict), ("422 Unprocessable", Rejected), ("404", Rejected)],
)
def test_an_entry_that_failed_fails_the_transaction(server, script, status, failure):
    failed = {"response": {"status": status, "outcome": outcome("conflict", "Doe^Jane 4711")}}
    script.answers = [(200, {**RESPONSE, "entry": [{"response": {"status": "200 OK"}}, failed]})]
    with pytest.raises(failure, match=rf"{status[:3]} \(conflict\)") as caught:
        server.transact(BUNDLE)
    assert "4711" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "mended_by"),
    [
        (403, "authorization in imaging.fhir"),
        (404, "imaging.fhir.base_url"),
        (413, "imaging.fhir.max_listed_instances"),
        (422, "imaging publish"),
    ],
)
def test_says_how_a_refusal_is_mended(server, script, status, mended_by):
    script.answers = [(status, b"")]
    with pytest.raises((Rejected, Unavailable), match=mended_by):
        server.transact(BUNDLE)


@pytest.mark.parametrize(("status", "failure"), [(401, NotAllowed), (403, NotAllowed), (429, TooBusy)])
def test_tells_what_the_server_does_not_let_us_do_from_what_it_has_no_time_for(server, script, status, failure):
    script.answers = [(status, b"")]
    with pytest.raises(failure):
        server.transact(BUNDLE)


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("999999", 900),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True), 60),
        ("Sun, 22 Nov 2020 10:00:00 GMT", 0),
        ("-5", 0),
        ("soon", 0),
        ("Sun, 99 Nov 99999 10:00:00 GMT", 0),
    ],
)
def test_a_server_that_says_when_to_come_back_is_left_alone_until_then(server, script, status, retry_after, seconds):
    script.headers = {"Retry-After": retry_after() if callable(retry_after) else retry_after}
    script.answers = [(status, b"")]
    for asked in (lambda: server.read("Patient", "p1"), lambda: server.transact(BUNDLE)):
        with pytest.raises(Unavailable) as caught:
            asked()
        assert caught.value.wait_seconds == pytest.approx(seconds, abs=5)
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        outcome("value", "Doe^Jane 4711"),
        outcome("Doe^Jane 4711"),
        {"issue": [None]},
        {"issue": 4711},
        ["Doe^Jane 4711"],
        b"<html>Doe^Jane 4711</html>",
        b"",
    ],
)
def test_no_text_of_the_server_is_repeated(server, script, body):
    script.answers = [(400, body)]
    with pytest.raises(Rejected) as caught:
        server.transact(BUNDLE)
    assert not re.search("Doe|4711", str(caught.value))
    assert caught.value.__cause__ is None


def test_a_short_trouble_is_sat_out_while_reading(server, script):
    script.answers = [(503, b""), (429, b""), (200, PATIENT)]
    assert server.read("Patient", "p1") == PATIENT
    assert len(script.requests) == 3


def test_a_short_trouble_is_sat_out_while_searching(server, script):
    script.answers = [(503, b""), (429, b""), (200, searchset(PATIENT))]
    assert server.search("Patient", {"identifier": "a|1"}) == [PATIENT]
    assert [request.body for request in script.requests] == [script.requests[0].body] * 3


def test_a_transaction_is_sent_once(server, script):
    script.answers = [(503, b""), (200, RESPONSE)]
    with pytest.raises(Unavailable):
        server.transact(BUNDLE)
    assert len(script.requests) == 1


def test_a_connection_closed_in_the_middle_is_unavailable(server, script):
    script.answers, script.cut = [(200, RESPONSE)], True
    with pytest.raises(Unavailable, match="did not answer"):
        server.transact(BUNDLE)
    with pytest.raises(Unavailable, match="did not answer"):
        server.read("Patient", "p1")


def test_no_answer_in_time_is_unavailable(server, script, monkeypatch):
    monkeypatch.setattr(fhir_requests, "_READ_TIMEOUT_SECONDS", (1, 0.1))
    monkeypatch.setattr(fhir_requests, "_TRANSACTION_TIMEOUT_SECONDS", (1, 0.1))
    script.answers, script.silent = [(200, RESPONSE)], True
    with pytest.raises(Unavailable, match="did not answer"):
        server.transact(BUNDLE)
    with pytest.raises(Unavailable, match="did not answer"):
        server.read("Patient", "p1")


def test_nothing_takes_longer_than_there_is_time(server, script):
    script.answers, script.silent = [(200, RESPONSE)], True
    began = time.monotonic()
    server.allow(4.3)
    for asked in (lambda: server.read("Patient", "p1"), lambda: server.transact(BUNDLE)):
        with pytest.raises(Unavailable):
            asked()
    assert time.monotonic() - began < 7  # it waits for eight seconds where there is time
    assert len(script.requests) == 1, "tried once, and the second not at all"


def test_time_that_is_over_is_told_and_given_anew_for_the_next_study(server, script):
    script.answers = [(200, PATIENT)]
    server.allow(3)
    with pytest.raises(Unavailable, match="has no time left"):
        server.read("Patient", "p1")
    server.allow(60)
    assert server.read("Patient", "p1") == PATIENT
    assert len(script.requests) == 1


def test_a_server_that_is_down_is_unavailable():
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        server = HttpFhirServer(f"http://{HOST}:{unused.getsockname()[1]}/fhir")
        with pytest.raises(Unavailable, match="did not answer"):
            server.read("Patient", "p1")
        server.close()


@pytest.mark.parametrize("body", [b"<html/>", b"[1"])
def test_an_answer_that_is_not_json_is_unavailable(server, script, body):
    script.answers = [(200, body)]
    with pytest.raises(Unavailable, match="base_url"):
        server.read("Patient", "p1")


def made(script, authorization, **environment):
    settings = {"FHIR_BASE_URL": script.base_url, "FHIR_AUTHORIZATION": authorization, **environment}
    return fhir_server(Settings(settings))


def test_a_server_without_authorization_is_asked_without(script):
    script.answers = [(200, PATIENT)]
    server = made(script, "none")
    server.read("Patient", "p1")
    server.close()
    assert "Authorization" not in script.requests[0].headers


def test_another_authorization_is_refused_at_start(script):
    with pytest.raises(MissingSetting, match="none, bearer, smart or sigv4"):
        made(script, "basic")


@pytest.fixture
def secret(embedded_aws):
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="fhir-token", SecretString="first\n")["ARN"]
    yield arn
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    secrets.close()


def test_a_bearer_token_is_read_once_and_anew_when_it_is_refused(script, secret):
    script.answers = [(200, PATIENT), (200, PATIENT), (401, b""), (200, PATIENT)]
    server = made(script, "bearer", FHIR_TOKEN_SECRET_ARN=secret)
    server.read("Patient", "p1")
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=secret, SecretString="second")
    secrets.close()
    server.read("Patient", "p1")
    server.read("Patient", "p1")
    server.close()
    assert [request.headers["Authorization"] for request in script.requests] == [
        "Bearer first",
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]


def test_a_bearer_token_that_stays_refused_is_tried_twice(script, secret):
    script.answers = [(401, b"")]
    server = made(script, "bearer", FHIR_TOKEN_SECRET_ARN=secret)
    with pytest.raises(Unavailable, match="answered 401"):
        server.transact(BUNDLE)
    server.close()
    assert len(script.requests) == 2


def test_a_secret_that_cannot_be_read_is_unavailable(script, embedded_aws):
    server = made(script, "bearer", FHIR_TOKEN_SECRET_ARN="no-such-secret")
    with pytest.raises(Unavailable, match="ResourceNotFoundException"):
        server.read("Patient", "p1")
    server.close()
    assert script.requests == []


def test_healthlake_is_asked_with_the_signature_that_botocore_makes(script, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "AKID",
        "AWS_SECRET_ACCESS_KEY": "key",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    script.answers = [
        (200, RESPONSE),
        (200, searchset(following="https://inside/Patient?page=a%2Bb%2F:~c=%3D d&_count=50&empty=")),
        (200, searchset()),
        (200, PATIENT),
    ]
    server = made(script, "sigv4")
    server.transact(BUNDLE, "attempt 1")
    server.search("Patient", {"identifier": "urn:oid:1.2|A&B=+ 7"})
    server.read("Patient", "p1")
    server.close()
    assert len(script.requests) == 4
    for request in script.requests:
        assert request.headers["Authorization"] == botocore_authorization(request, script.base_url)
        assert request.headers["x-amz-security-token"] == "session"


def botocore_authorization(request, base_url):
    """What botocore puts on the same request at the same moment."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    names = re.search("SignedHeaders=([^,]+)", headers["authorization"])[1].split(";")
    signer = SigV4Auth(Credentials("AKID", "key"), "healthlake", "eu-west-1")
    url = base_url.removesuffix("/fhir") + request.path
    asked = AWSRequest(request.method, url, {name: headers[name] for name in names}, request.body)
    asked.context["timestamp"] = headers["x-amz-date"]
    text = signer.string_to_sign(asked, signer.canonical_request(asked))
    credential = f"AKID/{headers['x-amz-date'][:8]}/eu-west-1/healthlake/aws4_request"
    signature = signer.signature(text, asked)
    return f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={';'.join(names)}, Signature={signature}"


def test_healthlake_recognises_repeats_and_finds_what_was_just_updated(script):
    script.answers = [(200, RESPONSE), (200, RESPONSE), (200, RESPONSE), (200, searchset())]
    server = HttpFhirServer(script.base_url, is_healthlake=True)
    for repeat_key in ("attempt 1", "attempt 1", "attempt 2"):
        server.transact(BUNDLE, repeat_key)
    server.search("Patient", {"identifier": "a|1"})
    server.close()
    first, repeated, second = (request.headers["x-amz-fhir-idempotency-key"] for request in script.requests[:3])
    assert first == repeated != second
    assert re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", first)
    assert script.requests[3].headers["x-amz-fhir-history-consistency-level"] == "strong"


def test_no_other_server_is_sent_headers_of_healthlake(server, script):
    script.answers = [(200, RESPONSE), (200, searchset())]
    server.transact(BUNDLE, "attempt 1")
    server.search("Patient", {"identifier": "a|1"})
    assert not [name for request in script.requests for name in request.headers if name.lower().startswith("x-amz")]
