"""SMART Backend Services, against a server that checks every assertion with the public key."""

import base64
import hashlib
import json
import socket
import time

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from imaging.aws.fhir_server import HttpFhirServer, fhir_server
from imaging.aws.smart_token import SmartToken
from imaging.errors import Unavailable
from imaging.settings import MissingSetting, Settings
from infra.local.settings import HOST
from tests.unit.aws.authorization_server import CLIENT_ID, authorization_server

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
P384 = ec.generate_private_key(ec.SECP384R1())

# What `openssl ecparam -name secp384r1 -genkey` writes before the key.
EC_PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n"


def pem(key, encoding=PrivateFormat.PKCS8):
    return key.private_bytes(Encoding.PEM, encoding, NoEncryption()).decode()


def jwk(key, **members):
    kind = ECAlgorithm if isinstance(key, ec.EllipticCurvePrivateKey) else RSAAlgorithm
    return json.dumps({**kind.to_jwk(key, as_dict=True), **members})


def thumbprint(key):
    """RFC 7638."""
    public = json.loads(jwk(key))
    members = {name: public[name] for name in (("crv", "kty", "x", "y") if "crv" in public else ("e", "kty", "n"))}
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Kept:
    """A secret that somebody changes."""

    def __init__(self, text):
        self.current = text
        self._read = ""

    def text(self):
        self._read = self._read or self.current
        return self._read

    def forget(self):
        self._read = ""


class Clock:
    def __init__(self):
        self.ahead = 0.0

    def __call__(self):
        return time.time() + self.ahead


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def known(clock):
    """A server that knows the public keys."""
    with authorization_server({"key-1": RSA.public_key(), thumbprint(P384): P384.public_key()}) as server:
        server.now = clock
        yield server


@pytest.fixture
def asked(known, clock):
    """Ask the server with a key, several times."""
    opened = []

    def ask(key, *, times=1, **options):
        secret = key if isinstance(key, Kept) else Kept(key)
        opened.append(
            HttpFhirServer(known.base_url, SmartToken(known.base_url, CLIENT_ID, secret, now=clock, **options))
        )
        for _ in range(times):
            assert opened[-1].read("Patient", "p1") == {"resourceType": "Patient", "id": "p1"}
        return opened[-1]

    yield ask
    for server in opened:
        server.close()


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (jwk(RSA, kid="key-1"), "RS384"),
        (jwk(RSA, kid="key-1", alg="RS384", use="sig", key_ops=["sign"]), "RS384"),
        (jwk(P384), "ES384"),
        (jwk(P384, kid=thumbprint(P384), alg="ES384"), "ES384"),
        (pem(P384), "ES384"),
        (EC_PARAMETERS + pem(P384, PrivateFormat.TraditionalOpenSSL), "ES384"),
    ],
)
def test_proves_by_its_key_who_it_is(known, asked, key, algorithm):
    asked(key)
    assert known.algorithms == [algorithm]
    assert known.scopes == ["system/*.cruds"]


def test_a_pem_is_known_by_its_thumbprint(known, asked):
    known.keys[thumbprint(RSA)] = RSA.public_key()
    asked(pem(RSA))
    assert known.algorithms == ["RS384"]


def test_asks_where_and_for_what_it_is_told_to(known, asked):
    known.is_discoverable = False
    asked(jwk(P384), token_url=known.token_url, scope="system/ImagingStudy.cruds system/Patient.rs")
    assert known.scopes == ["system/ImagingStudy.cruds system/Patient.rs"]


def test_a_token_is_used_until_shortly_before_it_expires(known, asked, clock):
    server = asked(jwk(P384), times=3)
    assert known.given == 1
    clock.ahead = 269
    server.read("Patient", "p1")
    assert known.given == 1
    clock.ahead = 271
    server.read("Patient", "p1")
    assert known.given == 2


@pytest.mark.parametrize(("lifetime_seconds", "renewed_after"), [(None, 270), (20, 10), (0, 270), (3600, 3570)])
def test_how_long_a_token_lives_is_the_servers_to_say(known, asked, clock, lifetime_seconds, renewed_after):
    known.lifetime_seconds = lifetime_seconds
    server = asked(jwk(P384))
    for ahead, given in ((renewed_after - 2, 1), (renewed_after + 1, 2)):
        clock.ahead = ahead
        server.read("Patient", "p1")
        assert known.given == given


def test_a_token_that_is_not_taken_any_more_is_renewed_with_the_key_as_it_is_then(known, asked):
    secret = Kept(jwk(RSA, kid="key-1"))
    server = asked(secret)
    secret.current = jwk(P384)
    known.valid_tokens = set()
    del known.keys["key-1"]
    assert server.read("Patient", "p1")
    assert known.algorithms == ["RS384", "ES384"]


@pytest.mark.parametrize(
    ("key", "why"),
    [
        ("", "holds neither"),
        ("s3cret", "holds neither"),
        ("{", "holds neither"),
        ('{"kty": "RSA"}', "holds neither"),
        ('{"kty": "oct", "k": "AAAA"}', "its key is another"),
        (json.dumps({"keys": [json.loads(jwk(P384))]}), "holds neither"),
        (json.dumps(ECAlgorithm.to_jwk(P384.public_key(), as_dict=True)), "its key is another"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "its key is another"),
        (pem(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "only 1024 bits"),
    ],
)
def test_a_secret_that_holds_no_such_key_is_told_and_read_again_when_it_is_mended(known, asked, key, why):
    secret = Kept(key)
    with pytest.raises(Unavailable, match=rf"imaging.fhir.smart.key_secret_arn .*{why}") as caught:
        asked(secret)
    assert "s3cret" not in str(caught.value)
    secret.current = jwk(P384)
    asked(secret)


@pytest.mark.parametrize(
    ("refuses", "mended_by"),
    [
        ((400, {"error": "invalid_client", "error_description": "s3cret"}), r"400 \(invalid_client\).*register"),
        ((400, {"error": "invalid_scope"}), "imaging.fhir.smart.scope"),
        ((401, {"error": "unauthorized_client"}), "client_credentials"),
        ((400, {"error": "s3cret"}), "answered 400 and no access token"),
        ((400, {"error": ["s3cret"]}), "answered 400 and no access token"),
        ((404, b"<html>s3cret</html>"), "imaging.fhir.smart.token_url"),
        ((200, {"access_token": 5}), "answered 200 and no access token"),
        ((200, [1]), "answered 200 and no access token"),
        ((302, b""), "answered 302"),
    ],
)
def test_a_refusal_says_how_to_mend_it_and_nothing_of_the_servers_words(known, asked, refuses, mended_by):
    known.refuses = refuses
    with pytest.raises(Unavailable, match=mended_by) as caught:
        asked(jwk(P384))
    assert "s3cret" not in str(caught.value)
    known.refuses = None
    asked(jwk(P384))


def test_an_authorization_server_that_says_when_to_come_back_is_left_alone_until_then(known, asked):
    known.refuses, known.headers = (429, b""), {"Retry-After": "60"}
    with pytest.raises(Unavailable, match="429") as caught:
        asked(jwk(P384))
    assert caught.value.wait_seconds == 60


def test_a_server_that_does_not_tell_where_tokens_are_is_told_of(known, asked):
    known.is_discoverable = False
    with pytest.raises(Unavailable, match=r"answered 404 .*imaging\.fhir\.smart\.token_url"):
        asked(jwk(P384))


@pytest.mark.parametrize(
    "told", ["http://elsewhere.example/token", "http://localhost.example/token", "token", "http:/"]
)
def test_nothing_that_proves_who_we_are_goes_where_others_can_listen(asked, known, monkeypatch, told):
    monkeypatch.setattr(type(known), "token_url", told)
    with pytest.raises(Unavailable, match=r"no https address.*imaging\.fhir\.smart\.token_url"):
        asked(jwk(P384))


def test_an_authorization_server_that_is_down_is_unavailable(known, asked):
    with socket.socket() as unused:
        unused.bind((HOST, 0))
        with pytest.raises(Unavailable, match=r"authorization server did not answer \(ConnectionError\)"):
            asked(jwk(P384), token_url=f"http://{HOST}:{unused.getsockname()[1]}/token")


def test_is_made_of_settings(known, embedded_aws):
    secrets = boto3.client("secretsmanager")
    arn = secrets.create_secret(Name="smart-key", SecretString=pem(P384))["ARN"]
    environment = {
        "FHIR_BASE_URL": known.base_url,
        "FHIR_AUTHORIZATION": "smart",
        "FHIR_SMART_CLIENT_ID": CLIENT_ID,
        "FHIR_SMART_KEY_SECRET_ARN": arn,
        "FHIR_SMART_TOKEN_URL": "",
        "FHIR_SMART_SCOPE": "system/*.*",
    }
    server = fhir_server(Settings(environment))
    assert server.read("Patient", "p1")
    assert known.scopes == ["system/*.*"]
    server.close()
    secrets.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)
    secrets.close()
    with pytest.raises(MissingSetting, match="FHIR_SMART_CLIENT_ID"):
        fhir_server(Settings({**environment, "FHIR_SMART_CLIENT_ID": ""}))
