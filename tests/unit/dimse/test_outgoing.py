"""Messages cut into PDUs, PS3.8 Section 9.3.5 and Annex E, read back by pynetdicom."""

from io import BytesIO
from struct import unpack

from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dimse_primitives import C_FIND
from pynetdicom.pdu import P_DATA_TF

from imaging.dimse import outgoing as module
from imaging.dimse.outgoing import Outgoing


class _UpperLayer:
    """Keeps what is sent."""

    is_established = may_answer = True

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send_at_once(self, pdus: bytes) -> None:
        self.sent.append(pdus)


class _Messages:
    """Answers each request with success."""

    def __init__(self) -> None:
        self.message_id = 0

    def next_response(self):
        self.message_id += 1
        response = module.C_STORE()
        response.MessageIDBeingRespondedTo, response.Status = self.message_id, 0
        return response

    def next_event_response(self, seconds):
        raise AssertionError("Nothing was notified.")


class _Association:
    """One that is open, to a peer that takes PDUs of this length; 0: of any."""

    is_established = True

    def __init__(self, maximum_pdu_size: int) -> None:
        self.dimse = type("Dimse", (), {"maximum_pdu_size": maximum_pdu_size})()


def values_of(pdus: bytes) -> list[tuple[int, int, bytes]]:
    """Context ID, control header and fragment of each PDU, of which each has one."""
    found = []
    while pdus:
        (length,) = unpack(">2xL", pdus[:6])
        pdu, pdus = pdus[: 6 + length], pdus[6 + length :]
        decoded = P_DATA_TF()
        decoded.decode(pdu)
        ((context_id, value),) = decoded.to_primitive().presentation_data_value_list
        assert len(pdu) == 6 + length
        found.append((context_id, value[0], value[1:]))
    return found


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=3000), max_size=6),
    longest=st.sampled_from([0, 1, 100, 101, 1000, 16382, 2**20]),
)
def test_a_data_set_goes_out_whole_in_even_fragments_no_longer_than_the_peer_takes(pieces, longest):
    layer = _UpperLayer()
    outgoing = Outgoing(_Association(longest), layer, _Messages())
    kind = module.Kind("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
    assert outgoing.store(3, kind, "1.2.3", pieces) == 0
    values = values_of(b"".join(layer.sent))
    commands = [value for value in values if value[1] & 1]
    data_set = [value for value in values if not value[1] & 1]
    assert {context_id for context_id, _, _ in values} == {3}
    assert [control for _, control, _ in commands] == [1] * (len(commands) - 1) + [3]
    assert [control for _, control, _ in data_set] == [0] * (len(data_set) - 1) + [2]
    assert b"".join(fragment for _, _, fragment in data_set) == b"".join(pieces)
    assert all(len(fragment) % 2 == 0 for _, _, fragment in data_set[:-1])
    assert longest < 64 or all(len(fragment) + 6 <= longest for _, _, fragment in values)


def test_a_long_data_set_is_written_many_pdus_at_a_time_and_never_held_whole():
    layer = _UpperLayer()
    outgoing = Outgoing(_Association(16384), layer, _Messages())
    kind = module.Kind("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1")
    outgoing.store(1, kind, "1.2.3", (bytes(2**20) for _ in range(16)))
    assert max(map(len, layer.sent)) < 2**20
    assert 16 < len(layer.sent) < 64


def test_an_odd_deflated_data_set_gets_the_nul_that_it_should_have():
    layer = _UpperLayer()
    outgoing = Outgoing(_Association(0), layer, _Messages())
    kind = module.Kind("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.1.2.1.99")
    outgoing.store(1, kind, "1.2.3", [b"abc"])
    assert values_of(b"".join(layer.sent))[-1][2] == b"abc\0"


@given(
    identifiers=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=6),
    longest=st.sampled_from([0, 100, 16382]),
)
def test_many_responses_are_the_same_messages_written_together(identifiers, longest):
    together, apart = _UpperLayer(), _UpperLayer()
    response = C_FIND()
    response.MessageIDBeingRespondedTo, response.Status = 7, 0xFF00
    response.Identifier = BytesIO(identifiers[0])
    Outgoing(_Association(longest), together, _Messages()).send_each(response, 5, identifiers)
    for identifier in identifiers:
        response.Identifier = BytesIO(identifier)
        Outgoing(_Association(longest), apart, _Messages()).send(response, 5)
    assert together.sent == [b"".join(apart.sent)]
