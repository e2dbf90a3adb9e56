"""What C-MOVE and C-GET have in common: which instances, and how each of them goes out."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

from pynetdicom.dimse_primitives import C_GET, C_MOVE

from imaging.dimse.data_sets import DataSet, ReadDataSets
from imaging.dimse.exchange import Exchange
from imaging.dimse.identifier import WrongKey, read_identifier
from imaging.dimse.journal import Journal
from imaging.dimse.outgoing import Kind, MoveOriginator, Outgoing
from imaging.dimse.retrieve_identifier import selection_of
from imaging.dimse.status import (
    CANCELLED,
    IDENTIFIER_DOES_NOT_MATCH,
    TOO_MANY_MATCHES,
    UNABLE_TO_PROCESS,
    response,
)
from imaging.dimse.sub_operations import MAX_SUB_OPERATIONS, SubOperations
from imaging.dimse.transfer_syntax_choice import chosen_kind
from imaging.errors import ImagingError, Rejected, Unavailable
from imaging.model.instance import Instance
from imaging.reading.encode_instances import Encoding
from imaging.reading.select_instances import SelectInstances, TooManyInstances

_AT_A_TIME = 1000  # instances whose transfer syntax is chosen in one go
_MOST_LOSSES = 3  # associations in a row over which nothing was stored

# Why instances do not go out, in words for an Error Comment
_BROKEN_OFF = "The destination broke off the association."
_NOT_ACCEPTED = "The peer accepts no transfer syntax that can be made."
_NOT_READ = "The archive cannot read an instance now; ask again later."
_NOT_MADE = "Pixels cannot be decoded, nor does the peer take them as stored."


@dataclass(frozen=True)
class Carrier:
    """An association over which instances go.

    Attributes
    ----------
    kinds
        What the receiver takes, and in which presentation contexts.
    count
        For how many of the next instances it was made.
    """

    outgoing: Outgoing
    kinds: Mapping[Kind, int]
    count: int


class Way(Protocol):
    """To where instances go."""

    @property
    def preferred(self) -> Sequence[str]:
        """The transfer syntaxes that the receiver likes best."""

    @property
    def originator(self) -> MoveOriginator | None:
        """Whose request the instances are told to come from."""

    def carrier(self, instances: Sequence[Instance]) -> Carrier:
        """An association for the first of these, one or more.

        Raises
        ------
        Unavailable
            There is none to be had.
        """


class Retrieve:
    """Selects instances and sends them."""

    def __init__(self, select: SelectInstances, read: ReadDataSets, journal: Journal) -> None:
        self._select = select
        self._read = read
        self._journal = journal

    def selected(self, request: C_MOVE | C_GET, exchange: Exchange) -> Sequence[Instance] | None:
        """The instances that a request names; None: it has been answered with a failure, or with its cancellation.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        try:
            identifier = read_identifier(
                request.Identifier.getvalue() if isinstance(request.Identifier, BytesIO) else b"",
                exchange.context.transfer_syntax_uid,
            )
            selection = selection_of(identifier, exchange.context.abstract_syntax_uid, exchange.record.space)
            return self._select(selection, MAX_SUB_OPERATIONS, _until_cancelled(exchange))
        except WrongKey as wrong:
            outcome = response(IDENTIFIER_DOES_NOT_MATCH, str(wrong))
            outcome.OffendingElement = [wrong.tag]
        except Rejected as rejected:
            outcome = response(UNABLE_TO_PROCESS, str(rejected))
        except TooManyInstances:
            outcome = response(TOO_MANY_MATCHES, f"More than {MAX_SUB_OPERATIONS} instances; ask for less at a time.")
        except _Cancelled:
            outcome = response(CANCELLED)
        except Unavailable:
            if not exchange.is_open:
                raise
            outcome = response(TOO_MANY_MATCHES, "The archive cannot search now; ask again later.")
        exchange.respond(outcome)
        return None

    def send(self, instances: Sequence[Instance], way: Way, counts: SubOperations) -> None:
        """Send them one after the other.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        losses = 0
        left = instances
        while left and not counts.is_cancelled:
            try:
                carrier = way.carrier(left)
            except Unavailable as failure:
                counts.check_requester()
                _fail(left, str(failure), counts)
                break
            stored, broken_off = counts.stored, counts.failures(_BROKEN_OFF)
            left = left[self._send_over(carrier, left[: carrier.count], way, counts) :]
            is_lost = counts.stored == stored and counts.failures(_BROKEN_OFF) > broken_off
            losses = losses + 1 if is_lost else 0
            if losses == _MOST_LOSSES:
                _fail(left, _BROKEN_OFF, counts)
                break

    def finish(self, counts: SubOperations, exchange: Exchange) -> None:
        """Answer the request, and tell of what was not sent.

        Raises
        ------
        Unavailable
            The requester's association has ended.
        """
        for cause, sop_instance_uids in counts.failed_by_cause.items():
            self._journal.not_sent(exchange.record, cause, sop_instance_uids)
        counts.end()

    def failed(self, exchange: Exchange, failure: Exception) -> None:
        """Tell of a fault of ours in a request that has been answered."""
        self._journal.failed(exchange.record, "retrieve", failure)

    def _send_over(self, carrier: Carrier, instances: Sequence[Instance], way: Way, counts: SubOperations) -> int:
        """Send so many of them, all unless the association ends or the requester wants no more."""
        done = 0
        for first in range(0, len(instances), _AT_A_TIME):
            batch = instances[first : first + _AT_A_TIME]
            chosen = [self._chosen(instance, carrier, way) for instance in batch]
            encodings = [each for each in chosen if isinstance(each, Encoding)]
            with closing(self._read(encodings)) as data_sets:
                for instance, encoding in zip(batch, chosen, strict=True):
                    counts.check_requester()
                    if counts.is_cancelled:
                        return done
                    counts.tell_if_due()
                    done += 1
                    if not isinstance(encoding, Encoding):
                        counts.failed(instance.key.sop_instance_uid, encoding)
                    elif not self._store(encoding, next(data_sets)[1], carrier, way, counts):
                        return done
        return done

    def _chosen(self, instance: Instance, carrier: Carrier, way: Way) -> Encoding | str:
        """How it goes out, or why it cannot."""
        try:
            kind = chosen_kind(instance, carrier.kinds, way.preferred, self._read.makeable)
        except Unavailable:
            return _NOT_READ
        return Encoding(instance, kind.transfer_syntax_uid) if kind else _NOT_ACCEPTED

    def _store(
        self, encoding: Encoding, data_set: DataSet | ImagingError, carrier: Carrier, way: Way, counts: SubOperations
    ) -> bool:
        """Send one instance; False if the association is of no more use."""
        instance = encoding.instance
        sop_instance_uid = instance.key.sop_instance_uid
        if not isinstance(data_set, DataSet):
            counts.failed(sop_instance_uid, _NOT_READ if isinstance(data_set, Unavailable) else _NOT_MADE)
            return True
        kind = Kind(instance.sop_class_uid, encoding.transfer_syntax_uid)
        counts.begun(sop_instance_uid)
        try:
            status = carrier.outgoing.store(carrier.kinds[kind], kind, sop_instance_uid, data_set, way.originator)
        except ImagingError:
            carrier.outgoing.abort()  # the middle of a message may be the last thing that was sent
            counts.check_requester()
            counts.failed(sop_instance_uid, _NOT_READ if data_set.failed else _BROKEN_OFF)
            return False
        counts.answered(sop_instance_uid, status, data_set.size_bytes)
        return True


class _Cancelled(Exception):
    """By the requester, before anything was sent."""


def _fail(instances: Sequence[Instance], cause: str, counts: SubOperations) -> None:
    for instance in instances:
        counts.failed(instance.key.sop_instance_uid, cause)


def _until_cancelled(exchange: Exchange) -> Callable[[], None]:
    def go_on() -> None:
        if exchange.is_cancelled:
            raise _Cancelled
        if not exchange.is_open:
            raise Unavailable("The requester has gone; it can ask again.")

    return go_on
