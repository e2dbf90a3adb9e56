"""The registry: who is let in, by which entry, and who can be called."""

from ipaddress import ip_address, ip_network

import pytest

from imaging.dimse.node import Node
from imaging.dimse.peers import NotAdmitted, Peer, Peers

HERE, NEAR, FAR = "10.1.2.3", "10.1.2.4", "192.168.0.1"
ADDRESSES = {"ct1.hospital": frozenset({ip_address(HERE)})}


def registry(*named, accepts_unknown=False):
    return Peers(named, accepts_unknown, lambda host: ADDRESSES.get(host, frozenset()) or _literal(host))


def _literal(host):
    return frozenset() if host[0].isalpha() else frozenset({ip_address(host)})


def network(text, title="CT1", **more):
    return Peer(title, networks=(ip_network(text),), **more)


ANYWHERE = Peer("CT1")
BY_NAME = Peer("CT1", "ct1.hospital")
BY_ADDRESS = Peer("CT1", HERE)
LARGE, SMALL = network("10.0.0.0/8"), network("10.1.2.0/24")
GONE = Peer("CT1", "gone.hospital", networks=LARGE.networks)
ANY_NEAR = network("10.1.0.0/16", "*")
RESEARCH = Peer("CT1", spaces=frozenset({"research"}))


@pytest.mark.parametrize(
    ("named", "address", "found"),
    [
        ([ANYWHERE], FAR, ANYWHERE),
        ([BY_NAME], HERE, BY_NAME),
        ([BY_NAME], NEAR, NotAdmitted.ELSEWHERE),
        ([BY_ADDRESS], HERE, BY_ADDRESS),
        ([BY_ADDRESS], f"::ffff:{HERE}", BY_ADDRESS),
        ([BY_ADDRESS], "fd00::3", NotAdmitted.ELSEWHERE),
        ([LARGE], NEAR, LARGE),
        ([LARGE], FAR, NotAdmitted.ELSEWHERE),
        ([network("fd00::/16")], "fd00::3", network("fd00::/16")),
        (
            [Peer("CT1", "gone.hospital", networks=LARGE.networks)],
            NEAR,
            Peer("CT1", "gone.hospital", 0, LARGE.networks),
        ),
        # the fewest addresses first, whatever the order
        ([ANYWHERE, LARGE, SMALL, BY_NAME], HERE, BY_NAME),
        ([ANYWHERE, LARGE, SMALL, BY_NAME], NEAR, SMALL),
        ([SMALL, LARGE, ANYWHERE], FAR, ANYWHERE),
        ([ANYWHERE, RESEARCH], FAR, ANYWHERE),
        # a title of its own is let in by its own entries only
        ([ANY_NEAR, LARGE], HERE, LARGE),
        ([ANY_NEAR, network("192.168.0.0/16")], HERE, NotAdmitted.ELSEWHERE),
        ([ANY_NEAR, Peer("CT2")], HERE, ANY_NEAR),
        ([ANY_NEAR], FAR, NotAdmitted.UNKNOWN),
        ([], HERE, NotAdmitted.UNKNOWN),
        ([Peer("ct1"), Peer("CT1 A"), Peer("CT")], HERE, NotAdmitted.UNKNOWN),
        # the space
        ([RESEARCH], HERE, NotAdmitted.OTHER_SPACE),
        ([network("10.1.0.0/16", "*", spaces=frozenset({"research"}))], HERE, NotAdmitted.OTHER_SPACE),
        ([RESEARCH, LARGE], HERE, LARGE),
        ([network("10.1.2.0/24", spaces=frozenset({"research"})), LARGE], HERE, LARGE),
    ],
)
def test_the_entry_for_the_fewest_addresses_lets_a_caller_in(named, address, found):
    assert registry(*named).caller("CT1", address, "main") == found


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ([], Peer("CT1")),
        ([ANY_NEAR], Peer("CT1")),
        ([Peer("CT2", FAR)], Peer("CT1")),
        ([BY_ADDRESS], NotAdmitted.ELSEWHERE),
        ([RESEARCH], NotAdmitted.OTHER_SPACE),
    ],
)
def test_where_any_caller_is_served_a_name_is_still_its_owners(named, found):
    assert registry(*named, accepts_unknown=True).caller("CT1", FAR, "main") == found


@pytest.mark.parametrize("padded", ["CT1 ", " CT1", "CT1             ", "CT1\0\0"])
def test_what_a_title_is_padded_with_does_not_count(padded):
    assert registry(ANYWHERE).caller(padded, HERE, "main") == ANYWHERE


def test_who_calls_itself_an_asterisk_is_one_of_the_many():
    assert registry(ANY_NEAR).caller("*", HERE, "main") == ANY_NEAR
    assert registry(ANYWHERE, accepts_unknown=True).caller("*", HERE, "main") == Peer("*")


def test_a_node_is_one_that_listens():
    listening = Peer("PACS", "pacs.hospital", 104, transfer_syntax_uids=("1.2",), tls=True)
    peers = registry(Peer("PACS", "10.0.0.1"), listening, Peer("*", HERE))
    assert peers.node(" PACS", "main", "MAIN") == Node("pacs.hospital", 104, "PACS", "MAIN", True, ("1.2",))
    assert [peers.node(title, "main", "MAIN") for title in ("pacs", "CT1", "*", "")] == [None] * 4


def test_a_node_of_another_space_is_somebody_else():
    theirs = Peer("PACS", "10.0.0.1", 104, spaces=frozenset({"research"}))
    ours = Peer("PACS", "10.9.9.9", 104, spaces=frozenset({"main", "second"}))
    called = [registry(theirs, ours).node("PACS", space, "US") for space in ("research", "main", "third")]
    assert [node and node.host for node in called] == ["10.0.0.1", "10.9.9.9", None]
