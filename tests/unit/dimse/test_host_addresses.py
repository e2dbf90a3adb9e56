"""The addresses of hosts by name: asked now and then, waited for a moment only."""

import threading
from ipaddress import ip_address

import pytest

from imaging.dimse.host_addresses import FRESH_SECONDS, HostAddresses, address_of

FIRST, SECOND = ip_address("10.0.0.1"), ip_address("10.0.0.2")


class Dns:
    """Answers with what a test says, and counts."""

    def __init__(self) -> None:
        self.answer: list[str] | Exception = ["10.0.0.1"]
        self.asked = 0

    def __call__(self, _host: str) -> list[str]:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def dns():
    return Dns()


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def addresses_of(dns, now):
    return HostAddresses(dns, lambda: now[0])


def test_an_answer_holds_for_a_while_and_is_asked_for_again(addresses_of, dns, now):
    assert addresses_of("ct1") == {FIRST}
    dns.answer = ["10.0.0.2", "fd00::2"]
    assert (addresses_of("ct1"), dns.asked) == ({FIRST}, 1)
    now[0] += FRESH_SECONDS
    assert addresses_of("ct1") == {SECOND, ip_address("fd00::2")}


@pytest.mark.parametrize("failure", [OSError("no answer"), UnicodeError("no name")])
def test_the_last_addresses_hold_while_the_dns_fails_and_it_is_not_asked_all_the_time(addresses_of, dns, now, failure):
    addresses_of("ct1")
    dns.answer, now[0] = failure, FRESH_SECONDS
    assert [addresses_of("ct1") for _ in range(3)] == [{FIRST}] * 3
    assert dns.asked == 2


def test_a_host_that_nobody_knows_has_no_address(addresses_of, dns):
    dns.answer = OSError()
    assert addresses_of("ct1") == frozenset()


def test_nobody_waits_long_and_the_late_answer_is_kept():
    answer = threading.Event()

    def late(_host):
        answer.wait(10)
        return ["10.0.0.1"]

    addresses_of = HostAddresses(late, patience_seconds=0.01)
    assert [addresses_of("ct1"), addresses_of("ct1")] == [frozenset(), frozenset()]
    asking = [thread for thread in threading.enumerate() if thread.name == "host"]
    assert len(asking) == 1
    answer.set()
    asking[0].join(10)
    assert addresses_of("ct1") == {FIRST}


def test_the_name_of_this_machine_is_found():
    assert ip_address("127.0.0.1") in HostAddresses()("localhost")


def test_an_address_is_not_asked_for(addresses_of, dns):
    assert (addresses_of("10.0.0.2"), dns.asked) == ({SECOND}, 0)


@pytest.mark.parametrize("text", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_an_ipv4_address_is_one_in_ipv6_clothes_too(text):
    assert address_of(text) == FIRST


def test_the_interface_of_a_link_local_address_does_not_matter():
    assert address_of("fe80::1%eth0") == ip_address("fe80::1")
