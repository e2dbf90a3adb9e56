"""The registry as a process's settings have it."""

import json
from ipaddress import ip_network

import pytest

from imaging.dimse.configured_peers import configured_peers
from imaging.dimse.peers import Peer, Service
from imaging.settings import Settings, WrongSetting

SPACES = json.dumps([{"name": "main", "bucket": "b", "ae_title": "MAIN"}])


def settings(peers, **more):
    return Settings({"SPACES": SPACES, "DIMSE_PEERS": peers if isinstance(peers, str) else json.dumps(peers), **more})


def test_an_entry_has_all_that_the_configuration_says():
    everything = {
        "ae_title": "PACS ",
        "host": "pacs.hospital",
        "port": 104,
        "networks": ["10.1.0.0/16", "fd00::/8"],
        "services": ["find", "move"],
        "spaces": ["main"],
        "transfer_syntaxes": ["1.2.840.10008.1.2.1"],
        "tls": True,
    }
    (pacs, ct) = configured_peers(settings([everything, {"ae_title": "CT1"}])).named
    assert pacs == Peer(
        "PACS",
        "pacs.hospital",
        104,
        (ip_network("10.1.0.0/16"), ip_network("fd00::/8")),
        frozenset({Service.FIND, Service.MOVE}),
        frozenset({"main"}),
        ("1.2.840.10008.1.2.1",),
        tls=True,
    )
    assert ct == Peer("CT1", services=frozenset(Service))


@pytest.mark.parametrize(("callers", "accepts"), [("any", True), ("registered", False), ("", False)])
def test_unknown_callers_are_served_only_where_that_is_said(callers, accepts):
    peers = configured_peers(settings("", DIMSE_CALLERS=callers))
    assert (peers.accepts_unknown, peers.named) == (accepts, ())


@pytest.mark.parametrize(
    ("peers", "sentence"),
    [
        ("[", "DIMSE_PEERS must be a JSON list of objects"),
        ("17", "DIMSE_PEERS must be a JSON list of objects"),
        (["CT1"], "DIMSE_PEERS must be a JSON list of objects"),
        ([{"ae_title": 5}], "DIMSE_PEERS must be a JSON list of objects"),
        ([{"host": "a"}], "needs an ae_title of 1 to 16 characters"),
        ([{"ae_title": "SEVENTEEN_CHARS_X"}], "needs an ae_title of 1 to 16 characters"),
        ([{"ae_title": "CT1", "nets": [], "hots": ""}], "CT1 of DIMSE_PEERS has hots, nets, which says nothing"),
        ([{"ae_title": "CT1", "networks": ["10.1.2.3/8"]}], "CT1 of DIMSE_PEERS needs networks such as"),
        ([{"ae_title": "CT1", "services": ["worklist"]}], "may have the services store, find, move, get, commit"),
        ([{"ae_title": "CT1", "spaces": ["attic"]}], "CT1 of DIMSE_PEERS names a space that SPACES does not have"),
        ([{"ae_title": "CT1", "port": 104}], "has a port and needs a host and a title of its own"),
        ([{"ae_title": "*", "host": "a", "port": 104}], "has a port and needs a host and a title of its own"),
        ([{"ae_title": "CT1", "host": "a", "port": 65536}], "has a port and needs a host"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(peers, sentence):
    with pytest.raises(WrongSetting, match=sentence):
        configured_peers(settings(peers))


def test_callers_are_any_or_registered():
    with pytest.raises(WrongSetting, match="any or registered"):
        configured_peers(settings("", DIMSE_CALLERS="some"))
