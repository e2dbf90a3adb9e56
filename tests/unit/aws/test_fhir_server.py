import re
import socket

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from imaging.aws import fhir_server as module
from imaging.aws.fhir_server import HttpFhirServer, fhir_server
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.settings import MissingSetting, Settings
from infra.local.settings import HOST
from tests.unit.aws.scripted_server import scripted_server

BUNDLE = {"resourceType": "Bundle", "type": "transaction", "entry": []}
RESPONSE = {"resourceType": "Bundle", "type": "transaction-response", "entry": []}
PATIENT = {"resourceType": "Patient", "id": "p1"}
MAY_PASS = [401, 403, 408, 409, 412, 423, 425, 429, 500, 502, 503, 504]
FOR_GOOD = [302, 400, 404, 405, 410, 413, 415, 422]


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


def test_posts_a_transaction_to_the_base(server, script):
    script.answers = [(200, RESPONSE)]
    server.transact(BUNDLE)
    (request,) = script.requests
    assert (request.method, request.path) == ("POST", "/fhir")
    assert request.headers["Content-Type"] == "application/fhir+json"
    assert b'"transaction"' in request.body


def test_a_base_that_ends_in_a_slash_is_kept_so(script):
    script.answers = [(200, RESPONSE)]
    server = HttpFhirServer(script.base_url + "/")
    server.transact(BUNDLE)
    server.read("Patient", "p1")
    server.close()
    assert [request.path for request in script.requests] == ["/fhir/", "/fhir/Patient/p1"]


@pytest.mark.parametrize("body", [b"", {"resourceType": "Bundle"}, RESPONSE])
def test_a_server_may_say_little_of_a_transaction(server, script, body):
    script.answers = [(200, body)]
    server.transact(BUNDLE)


@pytest.mark.parametrize("status", MAY_PASS)
def test_what_may_pass_is_unavailable(server, script, status):
    script.answers = [(status, outcome("transient"))]
    with pytest.raises(Unavailable, match=rf"answered {status} \(transient\)"):
        server.transact(BUNDLE)
    with pytest.raises(Unavailable, match=f"answered {status}"):
        server.read("Patient", "p1")


@pytest.mark.parametrize("status", FOR_GOOD)
def test_what_the_server_refuses_for_good_is_rejected(server, script, status):
    script.answers = [(status, outcome("invariant"))]
    with pytest.raises(Rejected, match=rf"answered {status} \(invariant\)") as caught:
        server.transact(BUNDLE)
    assert caught.value.reason is RejectReason.MALFORMED_REQUEST


@pytest.mark.parametrize(("status", "failure"), [("412", Unavailable), ("422 Unprocessable", Rejected)])
def test_an_entry_that_failed_fails_the_transaction(server, script, status, failure):
    entries = [{"response": {"status": "200 OK"}}, {"response": {"status": status}}]
    script.answers = [(200, {**RESPONSE, "entry": entries})]
    with pytest.raises(failure, match=status[:3]):
        server.transact(BUNDLE)


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
    monkeypatch.setattr(module, "_READ_TIMEOUT_SECONDS", (1, 0.1))
    monkeypatch.setattr(module, "_TRANSACTION_TIMEOUT_SECONDS", (1, 0.1))
    script.answers, script.silent = [(200, RESPONSE)], True
    with pytest.raises(Unavailable, match="did not answer"):
        server.transact(BUNDLE)
    with pytest.raises(Unavailable, match="did not answer"):
        server.read("Patient", "p1")


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
    with pytest.raises(Unavailable, match="FHIR_BASE_URL"):
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
    with pytest.raises(MissingSetting, match="none, bearer or sigv4"):
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
    script.answers = [(200, RESPONSE)]
    server = made(script, "sigv4")
    server.transact(BUNDLE)
    server.read("Patient", "p1")
    server.close()
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
