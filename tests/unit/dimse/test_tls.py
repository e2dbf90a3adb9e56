"""Encrypted associations: with whom, and with whom not."""

import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from pynetdicom import AE

from imaging.dimse.handshake import Handshake
from imaging.dimse.tls import client_context, server_context
from imaging.errors import Unavailable
from tests.unit.dimse.certificates import DAY, Authority, authority
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.pdus import A_ASSOCIATE_AC, association_request, connect, read_pdu


@pytest.fixture(scope="module")
def hospital() -> Authority:
    return authority()


@pytest.fixture
def tls_endpoint(make_endpoint, hospital) -> Callable[..., Endpoint]:
    """An endpoint that speaks TLS alone; ``asks_for_certificates=True``: with those who show one."""

    def make(*, asks_for_certificates: bool = False) -> Endpoint:
        context = server_context(hospital.identity("archive"), hospital.pem if asks_for_certificates else "")
        endpoint: Endpoint

        def secure(connection: socket.socket) -> socket.socket | None:
            return Handshake(lambda: context, endpoint.journal)(connection)

        endpoint = make_endpoint(secure=secure)
        return endpoint

    return make


def why_failed(endpoint: Endpoint) -> str:
    """The reason in the log, when it is there."""
    deadline = time.monotonic() + 10
    while not endpoint.journal.handshakes_failed and time.monotonic() < deadline:
        time.sleep(0.01)
    ((address, why),) = endpoint.journal.handshakes_failed
    assert address == "127.0.0.1"
    return why


def shake_hands(endpoint: Endpoint, context: ssl.SSLContext) -> None:
    """As a client does; in TLS 1.3 it hears of a refusal when it reads."""
    with connect(endpoint.port) as plain, context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
        connection.sendall(association_request())
        assert read_pdu(connection)[0] == A_ASSOCIATE_AC


@pytest.mark.parametrize("asks_for_certificates", [False, True])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_store_over_tls(tls_endpoint, hospital, make_file, asks_for_certificates, version):
    endpoint = tls_endpoint(asks_for_certificates=asks_for_certificates)
    context = client_context(hospital.identity("modality") if asks_for_certificates else "", hospital.pem)
    context.maximum_version = version
    path = make_file(Rows=1, PixelData=bytes(3_000_000))
    ae = AE("MODALITY")
    ae.add_requested_context("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
    association = ae.associate("127.0.0.1", endpoint.port, ae_title="MAIN", tls_args=(context, "127.0.0.1"))
    assert association.is_established
    assert association.send_c_store(path).Status == 0x0000
    association.release()
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.stored, record.is_encrypted) == ("released", 1, True)
    assert endpoint.journal.handshakes_failed == []


def test_dcmtk_speaks_to_it(tls_endpoint, hospital, tmp_path):
    if not shutil.which("echoscu"):
        pytest.skip("echoscu is not installed here; it comes with Debian's package dcmtk")
    endpoint = tls_endpoint(asks_for_certificates=True)
    (tmp_path / "ca.pem").write_text(hospital.pem)
    (tmp_path / "modality.pem").write_text(hospital.identity("modality"))
    command = ["echoscu", "+tls", "modality.pem", "modality.pem", "+cf", "ca.pem", "-aec", "MAIN", "127.0.0.1"]
    done = subprocess.run([*command, str(endpoint.port)], cwd=tmp_path, capture_output=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, record.is_encrypted) == ("released", True)


def test_a_client_without_a_certificate_is_refused_where_one_is_asked_for(tls_endpoint, hospital):
    endpoint = tls_endpoint(asks_for_certificates=True)
    with suppress(OSError, IndexError):
        shake_hands(endpoint, client_context(ca_pem=hospital.pem))
    assert why_failed(endpoint) == "peer did not return a certificate"


@pytest.mark.parametrize(
    ("signs", "valid_until", "why"),
    [
        (False, DAY, "the client's certificate is not taken: unable to get local issuer certificate"),
        (True, -DAY, "the client's certificate is not taken: certificate has expired"),
    ],
)
def test_a_client_whose_certificate_does_not_hold_is_refused(
    tls_endpoint, hospital, signs, valid_until: timedelta, why
):
    endpoint = tls_endpoint(asks_for_certificates=True)
    signer = hospital if signs else authority("Elsewhere")
    with suppress(OSError, IndexError):
        shake_hands(endpoint, client_context(signer.identity("modality", valid_until=valid_until), hospital.pem))
    assert why_failed(endpoint) == why


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize(
    ("version", "ciphers", "why"),
    [
        (ssl.TLSVersion.TLSv1_1, "ALL", "unsupported protocol"),
        (ssl.TLSVersion.TLSv1_2, "AES128-SHA", "no shared cipher"),
    ],
)
def test_what_the_profile_rules_out_is_refused(tls_endpoint, version, ciphers, why):
    endpoint = tls_endpoint()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
    with pytest.raises(OSError, match=r"(?i)alert|reset|eof"):
        shake_hands(endpoint, context)
    assert why_failed(endpoint) == why


def test_an_association_in_the_clear_is_refused_where_tls_is_spoken(tls_endpoint):
    endpoint = tls_endpoint()
    with connect(endpoint.port) as connection:
        connection.sendall(association_request())
        assert read_pdu(connection) == b""
    assert why_failed(endpoint) == "the client does not speak TLS"


def test_who_says_nothing_or_leaves_is_not_worth_a_line_and_holds_nobody_up(tls_endpoint, hospital):
    endpoint = tls_endpoint()
    with connect(endpoint.port):
        connect(endpoint.port).close()
        shake_hands(endpoint, client_context(ca_pem=hospital.pem))
    assert endpoint.journal.handshakes_failed == []


def test_a_missing_certificate_is_told_before_anybody_calls(tls_endpoint):
    endpoint = tls_endpoint()

    def missing() -> ssl.SSLContext:
        raise Unavailable("there is no such secret")

    Handshake(missing, endpoint.journal).rehearse(threading.Event())
    assert endpoint.journal.certificates_missing == ["there is no such secret"]


def test_who_breaks_off_in_the_middle_is(tls_endpoint):
    endpoint = tls_endpoint()
    with connect(endpoint.port) as connection:
        connection.sendall(b"\x16\x03\x01\x02\x00\x01")
    assert why_failed(endpoint) == "the client broke it off"


def test_a_node_is_who_its_certificate_says(tls_endpoint):
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tls_endpoint(), client_context(ca_pem=authority("Elsewhere").pem))


@pytest.mark.parametrize("text", ["", "no PEM", authority().pem])
def test_a_secret_that_holds_no_identity_is_said_so(text):
    with pytest.raises(Unavailable, match="does not hold a private key and a certificate chain as PEM"):
        server_context(text)


def test_a_secret_that_holds_no_certificates_to_trust_is_said_so(hospital):
    with pytest.raises(Unavailable, match="does not hold certificates as PEM"):
        server_context(hospital.identity("archive"), "no PEM")


def test_no_key_stays_on_disk(hospital, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server_context(hospital.identity("archive"))
    assert list(tmp_path.iterdir()) == []
