"""STOW-RS to servers that answer as a test says, and to one of our own."""

import json
import socket
from email import message_from_bytes
from email.policy import HTTP

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from pydicom.uid import CTImageStorage

from imaging.aws.request_authorization import BearerToken, StreamSignature
from imaging.aws.secret import KeptSecret
from imaging.errors import RejectReason, Unavailable
from imaging.targets.dicomweb import DicomWebTarget, studies_address
from imaging.targets.http_endpoint import HttpEndpoint
from infra.local.settings import HOST
from tests.fakes import InMemoryObjects
from tests.unit.aws.scripted_server import scripted_server
from tests.unit.targets.files import bytes_of, instance, stream_of

STORED = (200, {})


@pytest.fixture
def objects():
    return InMemoryObjects()


@pytest.fixture
def script():
    with scripted_server() as script:
        yield script


@pytest.fixture
def make_target(objects):
    endpoints = []

    def make(address, authorization=None, **bounds):
        endpoints.append(HttpEndpoint(address, "dicomweb", authorization, answer_seconds=0.5))
        return DicomWebTarget(endpoints[-1], stream_of(objects), **bounds)

    yield make
    for endpoint in endpoints:
        endpoint.close()


@pytest.fixture
def target(make_target, script):
    return make_target(studies_address(script.base_url))


def parts_of(request):
    headers = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    return [
        part.get_payload(decode=True) for part in message_from_bytes(headers + request.body, policy=HTTP).iter_parts()
    ]


def module(failed=(), stored=()):
    """A Store Instances Response Module."""

    def reference(one):
        return {"00081150": {"vr": "UI", "Value": [CTImageStorage]}, "00081155": {"vr": "UI", "Value": [uid(one)]}}

    return {
        "00081198": {
            "vr": "SQ",
            "Value": [{**reference(one), "00081197": {"vr": "US", "Value": [reason]}} for one, reason in failed],
        },
        "00081199": {"vr": "SQ", "Value": [reference(one) for one in stored]},
    }


def uid(one):
    return one.key.sop_instance_uid


def refusals(sending):
    return {uid(sent.instance): sent.failure for sent in sending}


def later(target, one):
    """Why an instance is to be tried again."""
    (sent,) = target.send([one])
    return sent.later


def test_what_goes_out_are_the_stored_bytes_with_their_length_known(target, script, objects):
    ones = [instance(objects, PixelData=bytes(200_000), Rows=250, Columns=400) for _ in range(3)]
    script.answers = [STORED]
    assert refusals(target.send(ones)) == dict.fromkeys(map(uid, ones))
    (request,) = script.requests
    assert (request.method, request.path) == ("POST", "/fhir/studies")
    assert request.headers["Content-Type"].startswith('multipart/related; type="application/dicom"; boundary=')
    assert request.headers["Accept"] == "application/dicom+json"
    assert int(request.headers["Content-Length"]) == len(request.body)
    assert "Transfer-Encoding" not in request.headers
    assert "Authorization" not in request.headers
    assert parts_of(request) == [bytes_of(objects, one) for one in ones]


@pytest.mark.parametrize("base", ["https://a/b", "https://a/b/", "https://a/b/studies", "https://a/b/studies/"])
def test_a_binding_may_name_the_service_or_its_studies(base):
    assert studies_address(base) == "https://a/b/studies"


def test_batches_have_bounds_in_bytes_and_in_number(make_target, script, objects):
    ones = [instance(objects) for _ in range(7)]
    large = instance(objects, PixelData=bytes(20_000), Rows=100, Columns=100)
    script.answers = [STORED]
    target = make_target(script.base_url, batch_bytes=10_000, batch_instances=3)
    assert len(list(target.send([*ones[:4], large, *ones[4:]]))) == 8
    assert [len(parts_of(request)) for request in script.requests] == [3, 1, 1, 3]


@pytest.mark.parametrize("status", [200, 202, 409])
def test_an_instance_is_refused_by_itself(target, script, objects, status):
    """Orthanc, for one, says 200 whatever it has refused."""
    good, bad = instance(objects), instance(objects)
    script.answers = [(status, module(failed=[(bad, 0xC000)], stored=[good]))]
    outcome = refusals(target.send([good, bad]))
    assert outcome[uid(good)] is None
    assert "0xC000" in str(outcome[uid(bad)])
    assert len(script.requests) == 1


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (0xA900, RejectReason.SOP_CLASS_MISMATCH),
        (0x0111, RejectReason.OTHER_BYTES_STORED),
        (0x0122, RejectReason.NOT_ACCEPTABLE),
        (0xC122, RejectReason.NOT_ACCEPTABLE),
        (0xC4D2, RejectReason.MALFORMED_REQUEST),
    ],
)
def test_a_failure_reason_becomes_a_sentence(target, script, objects, reason, kind):
    one = instance(objects)
    script.answers = [(409, module(failed=[(one, reason)]))]
    refusal = refusals(target.send([one]))[uid(one)]
    assert refusal.reason is kind
    assert f"0x{reason:04X}" in str(refusal)


def test_what_the_server_has_no_room_for_comes_later_and_holds_up_no_other(target, script, objects):
    good, later = instance(objects), instance(objects)
    script.answers = [(202, module(failed=[(later, 0xA700)], stored=[good]))]
    first, second = target.send([later, good])
    assert (first.instance, first.failure) == (good, None)  # whoever hears enough of failures has heard of it
    assert "0xA700" in str(second.later)


@pytest.mark.parametrize("chunk_bytes", [1, 100, 5000])
def test_an_answer_in_chunks_is_read_to_its_end(target, script, objects, chunk_bytes):
    good, bad = instance(objects), instance(objects)
    script.answers, script.chunk_bytes = [(200, module(failed=[(bad, 0xC000)], stored=[good]))], chunk_bytes
    outcome = refusals(target.send([good, bad]))
    assert outcome[uid(good)] is None
    assert "0xC000" in str(outcome[uid(bad)])


@pytest.mark.parametrize("content", [b"<html/>", b'{"00081198": ', b"[" * 30_000_000])
@pytest.mark.parametrize("status", [200, 202])
def test_an_answer_that_cannot_be_read_confirms_nothing(target, script, objects, status, content):
    """Nor is it read to its end, if it has none."""
    ones = [instance(objects) for _ in range(2)]
    script.answers = [(status, content), STORED, (status, content)]
    outcome = refusals(target.send(ones))
    assert [len(parts_of(request)) for request in script.requests] == [2, 1, 1]
    assert outcome[uid(ones[0])] is None
    assert isinstance(outcome[uid(ones[1])], Unavailable)


@pytest.mark.parametrize("content", [b"", {"00081199": {"vr": "SQ"}}, [[]], {"00081198": 1}])
def test_an_answer_that_leaves_something_open_is_asked_for_again_one_by_one(target, script, objects, content):
    ones = [instance(objects) for _ in range(3)]
    script.answers = [(202, content), STORED, (202, content), (409, content)]
    outcome = refusals(target.send(ones))
    assert [len(parts_of(request)) for request in script.requests] == [3, 1, 1, 1]
    assert outcome[uid(ones[0])] is None
    assert "does not say" in str(outcome[uid(ones[1])])
    assert "409" in str(outcome[uid(ones[2])])


@pytest.mark.parametrize("status", [400, 413, 415, 422])
def test_one_bad_instance_does_not_take_its_batch_with_it(target, script, objects, status):
    ones = [instance(objects) for _ in range(3)]
    script.answers = [(status, b"Doe^Jane"), STORED, (status, b"Doe^Jane"), STORED]
    outcome = refusals(target.send(ones))
    assert [outcome[uid(one)] is None for one in ones] == [True, False, True]
    assert str(status) in str(outcome[uid(ones[1])])
    assert "Doe" not in str(outcome[uid(ones[1])])


@pytest.mark.parametrize(
    ("status", "setting"),
    [(401, "authorization"), (403, "authorization"), (404, "dicomweb"), (405, "dicomweb"), (302, "dicomweb")],
)
def test_a_setting_that_is_wrong_is_named_and_refuses_no_instance(make_target, script, objects, status, setting):
    ones = [instance(objects) for _ in range(3)]
    script.answers = [(status, b"")]
    with pytest.raises(Unavailable, match=f"{status}.*{setting}"):
        list(make_target(script.base_url, batch_instances=1).send(ones))
    assert len(script.requests) == 1  # and no redirection followed


@pytest.mark.parametrize("failure", ["status", "connection"])
def test_an_instance_that_makes_the_server_fail_holds_up_no_other(target, script, objects, failure):
    ones = [instance(objects) for _ in range(3)]
    culprit = uid(ones[1]).encode()
    script.answers, script.fails_at = [STORED], lambda request: culprit in request.body and failure
    outcome = refusals(target.send(ones))
    assert [outcome[uid(one)] is None for one in ones] == [True, False, True]
    assert isinstance(outcome[uid(ones[1])], Unavailable)


def test_an_instance_that_cannot_be_read_holds_up_no_other(target, script, objects):
    ones = [instance(objects) for _ in range(3)]
    objects.remove_version("main", ones[1].key.object_key, ones[1].version_id)
    script.answers = [STORED]
    outcome = refusals(target.send(ones))
    assert [outcome[uid(one)] is None for one in ones] == [True, False, True]
    assert "replaced while it was read" in str(outcome[uid(ones[1])])


@pytest.mark.parametrize("status", [408, 425, 429])
def test_what_may_pass_is_unavailable_and_what_was_confirmed_before_stands(make_target, script, objects, status):
    script.answers = [STORED, (status, b"")]
    sending = make_target(script.base_url, batch_instances=1).send([instance(objects), instance(objects)])
    assert next(sending).refusal is None
    with pytest.raises(Unavailable, match=str(status)):
        next(sending)


def test_a_server_says_how_long_it_wants_to_be_left_alone(target, script, objects):
    script.answers, script.headers = [(503, b"")], {"Retry-After": "120"}
    assert later(target, instance(objects)).wait_seconds == 120
    script.headers = {"Retry-After": "Fri, 31 Dec 2100 23:59:59 GMT"}
    assert later(target, instance(objects)).wait_seconds == 900
    script.headers = {"Retry-After": "soon"}
    assert later(target, instance(objects)).wait_seconds == 0


def test_a_server_that_is_silent_cuts_off_or_is_down_is_unavailable(target, make_target, script, objects):
    script.answers, script.cut = [(200, module())], True
    assert "does not answer" in str(later(target, instance(objects)))
    script.cut, script.silent = False, True
    assert "does not answer" in str(later(target, instance(objects)))
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(Unavailable, match="does not answer"):
            list(make_target(f"http://{HOST}:{unused.getsockname()[1]}").send([instance(objects)]))


def test_a_store_that_does_not_answer_while_a_body_goes_out_is_unavailable(target, script, objects):
    one = instance(objects)
    objects.available = False
    assert "store does not answer" in str(later(target, one))


@pytest.fixture
def secret(embedded_aws):
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="dicomweb-token", SecretString="first\n")["ARN"]
    yield arn
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    secrets.close()


def test_a_bearer_token_is_read_anew_when_it_is_refused_and_the_body_sent_again(make_target, script, objects, secret):
    target = make_target(script.base_url, BearerToken(KeptSecret(secret)))
    script.answers = [STORED, (401, b""), STORED]
    one = instance(objects)
    list(target.send([one]))
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId=secret, SecretString="second")
    secrets.close()
    assert refusals(target.send([one])) == {uid(one): None}
    assert [request.headers["Authorization"] for request in script.requests] == [
        "Bearer first",
        "Bearer first",
        "Bearer second",
    ]
    assert [parts_of(request) for request in script.requests] == [[bytes_of(objects, one)]] * 3


def test_a_signature_covers_the_body_that_is_streamed(make_target, script, objects, monkeypatch):
    for name, value in {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "key"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    script.answers = [STORED]
    target = make_target(f"{script.base_url}/studies", StreamSignature("execute-api", "eu-central-1"))
    list(target.send([instance(objects, PixelData=bytes(300_000), Rows=300, Columns=500)]))
    (request,) = script.requests
    headers = {name.lower(): value for name, value in request.headers.items()}
    asked = AWSRequest(
        "POST",
        f"{script.base_url}/studies",
        {name: headers[name] for name in ("content-type", "host", "x-amz-content-sha256", "x-amz-date")},
        request.body,
    )
    asked.context["timestamp"] = headers["x-amz-date"]
    signer = SigV4Auth(Credentials("AKID", "key"), "execute-api", "eu-central-1")
    assert headers["x-amz-content-sha256"] == signer.payload(AWSRequest("POST", "", {}, request.body))
    expected = signer.signature(signer.string_to_sign(asked, signer.canonical_request(asked)), asked)
    assert headers["authorization"].endswith(f"Signature={expected}")
    assert json.dumps(headers["authorization"]).count("eu-central-1/execute-api")
