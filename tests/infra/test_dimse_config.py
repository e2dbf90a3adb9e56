"""What `imaging.dimse` may say, what the process makes of it, and what is said to whoever writes something else."""

import json

import pytest

from imaging.dimse.configured_peers import configured_peers
from imaging.dimse.peers import Service
from imaging.settings import Settings
from infra.config import Configuration
from infra.dimse_config import DimseConfiguration
from infra.dimse_peer_config import MOST_NODES, peers_setting
from infra.section import ConfigurationError
from tests.infra.dimse import CERTIFICATE, CLIENT_CA, KEY, PEERS, TLS

SPACES = [{"name": "main", "ae_title": "MAIN"}, {"name": "research", "ae_title": "RESEARCH"}]
NODE = {"ae_title": "PACS", "host": "10.1.2.3", "port": 11112}


def read(**settings) -> DimseConfiguration:
    dimse = Configuration.of({"spaces": SPACES, "dimse": settings}, {}).dimse
    assert dimse
    return dimse


def refusal(**settings) -> str:
    with pytest.raises(ConfigurationError) as raised:
        read(**settings)
    sentence = str(raised.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


def test_lets_nobody_in_until_somebody_is_named():
    assert read().admits_nobody
    assert not read(callers="any").admits_nobody
    assert not read(peers=[NODE]).admits_nobody


def test_needs_no_setting_and_speaks_no_tls():
    dimse = read()

    assert (dimse.ports, dimse.tls, dimse.peers, dimse.unknown_sop_classes) == ((11112,), None, (), "accept")
    assert (dimse.tasks, dimse.max_tasks, dimse.workers, dimse.max_associations) == (1, 4, 2, 100)


def test_a_data_set_may_take_half_of_the_disk():
    assert read().max_object_bytes == 10 * 1024**3
    assert read(spool_gib=100).max_object_bytes == 50 * 1024**3


@pytest.mark.parametrize("settings", [{}, {"cpu": 256}, {"cpu": 4096}, {"cpu": 4096, "workers": 2}, {"workers": 16}])
def test_the_processes_that_work_on_pixels_leave_half_of_the_memory_to_what_receives(settings):
    dimse = read(**settings)
    taken = dimse.workers * dimse.pixel_workers * dimse.pixel_worker_mib

    assert dimse.pixel_workers >= 1
    assert taken <= dimse.memory_mib // 2


def test_there_is_a_worker_for_each_processor():
    assert read(cpu=4096).workers == 4
    assert read(workers=3).workers == 3


def test_knows_the_secrets_of_tls():
    tls = read(tls=TLS).tls
    alone = read(tls={"certificate_secret_arn": CERTIFICATE}).tls

    assert tls
    assert (tls.port, tls.secret_arns, tls.kms_key_arn) == (2762, (CERTIFICATE, CLIENT_CA), KEY)
    assert alone
    assert alone.secret_arns == (CERTIFICATE,)


def test_a_task_has_ports_that_whoever_is_not_root_may_take_whatever_is_offered():
    dimse = read(port=104, tls={"certificate_secret_arn": CERTIFICATE, "port": 400})

    assert dimse.ports == (11112, 2762)
    assert dimse.offered == {104: 11112, 400: 2762}
    assert read().offered == {11112: 11112}


@pytest.mark.parametrize(
    ("settings", "offered"),
    [
        ({"tls": TLS}, {2762}),
        ({"tls": {**TLS, "only": False}}, {11112, 2762}),
        ({"tls": {"certificate_secret_arn": CERTIFICATE}}, {11112, 2762}),
        ({"tls": {"certificate_secret_arn": CERTIFICATE, "only": True}}, {2762}),
        ({"tls": {"certificate_secret_arn": CERTIFICATE, "only": True, "port": 11112}}, {11112}),
        ({"tls": {"certificate_secret_arn": CERTIFICATE}, "internet_facing": True}, {2762}),
    ],
)
def test_where_callers_need_a_certificate_and_across_the_internet_tls_is_the_only_way_in(settings, offered):
    assert read(**settings).offered.keys() == offered


def test_what_is_taken_is_what_the_process_can_read():
    spaces = json.dumps([{**space, "bucket": space["name"]} for space in SPACES])
    anybody = {"ae_title": "*", "networks": ["10.2.0.0/16"]}
    setting = peers_setting(read(peers=[*PEERS, anybody, {**NODE, "ae_title": "SINK", "services": []}]).peers)

    registry = configured_peers(Settings({"SPACES": spaces, "DIMSE_PEERS": setting}))

    ct, pacs, viewer, wildcard, sink = registry.named
    assert (ct.ae_title, ct.services, ct.spaces) == ("CT 1", {Service.STORE, Service.COMMIT}, {"main"})
    assert (pacs.host, pacs.port, pacs.tls, pacs.transfer_syntax_uids) == (
        *("192.0.2.7", 11112, True),
        ("1.2.840.10008.1.2.1",),
    )
    assert pacs.services == set(Service)
    assert (viewer.port, wildcard.ae_title, sink.services) == (104, "*", frozenset())


def test_one_title_may_have_another_entry_for_other_addresses_or_spaces():
    here = {"ae_title": "WS", "networks": ["10.1.0.0/16"]}

    assert len(read(peers=[here, {**here, "networks": ["10.2.0.0/16"]}, {**here, "spaces": ["main"]}]).peers) == 3


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"callers": "known"}, "callers"),
        ({"unknown_sop_classes": "ignore"}, "unknown_sop_classes"),
        ({"workers": 0}, "workers"),
        ({"spool_gib": 10}, "spool_gib"),
        ({"tasks": 4, "max_tasks": 3}, "max_tasks"),
        ({"max_associations": 0}, "max_associations"),
        ({"internet_facing": True}, "internet_facing"),
        ({"internet_facing": True, "tls": {**TLS, "only": False}}, "internet_facing"),
        ({"tls": {**TLS, "only": "yes"}}, "tls.only"),
        ({"tls": {}}, "tls.certificate_secret_arn"),
        ({"tls": {**TLS, "certificate_secret_arn": "dimse"}}, "tls.certificate_secret_arn"),
        ({"tls": {**TLS, "client_ca_secret_arn": CLIENT_CA[:-7]}}, "tls.client_ca_secret_arn"),
        ({"tls": {**TLS, "kms_key_arn": "alias/dimse"}}, "tls.kms_key_arn"),
        ({"tls": {**TLS, "port": 0}}, "tls.port"),
        ({"tls": {**TLS, "port": 11112, "only": False}}, "tls.port"),
        ({"peers": {"PACS": {}}}, "peers"),
        ({"peers": [NODE, {**NODE, "host": "10.1.2.4"}]}, "peers"),
        ({"peers": [{"ae_title": "CT"}, {"ae_title": "CT"}]}, "peers"),
        ({"peers": [{**NODE, "ae_title": f"N{n}", "port": n + 1} for n in range(MOST_NODES + 1)]}, "peers"),
        ({"peers": [{"ae_title": f"AE{n}", "host": "h" * 250} for n in range(120)]}, "peers"),
    ],
)
def test_names_the_key_that_is_wrong_in_one_sentence(settings, key):
    assert refusal(**settings).startswith(f"imaging.dimse.{key} must ")


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"ae_title": ""}, "ae_title"),
        ({"ae_title": "SEVENTEEN LETTERS"}, "ae_title"),
        ({"ae_title": "A\\B"}, "ae_title"),
        ({"ae_title": " PACS"}, "ae_title"),
        ({"ae_title": "*"}, "ae_title"),
        ({"ae_title": "*", "port": None, "host": None}, "ae_title"),
        ({"host": None}, "port"),
        ({"host": "pacs example"}, "host"),
        ({"port": 65536}, "port"),
        ({"networks": ["10.1.2.3/24"]}, "networks"),
        ({"networks": ["::1/128"]}, "networks"),
        ({"services": ["worklist"]}, "services"),
        ({"spaces": ["elsewhere"]}, "spaces"),
        ({"transfer_syntaxes": ["JPEG"]}, "transfer_syntaxes"),
        ({"transfer_syntaxes": [f"1.2.{'3' * 62}"]}, "transfer_syntaxes"),
        ({"tls": "yes"}, "tls"),
        ({"tls": True, "port": None}, "tls"),
    ],
)
def test_names_what_is_wrong_about_a_peer_in_one_sentence(changed, key):
    assert refusal(peers=[{**NODE, **changed}]).startswith(f"imaging.dimse.peers[0].{key} must be ")


def test_names_a_key_of_a_peer_that_there_is_none_of():
    assert refusal(peers=[{**NODE, "ip": "10.1.2.3"}]).startswith("imaging.dimse.peers[0].ip is not a setting")
