"""Every POST below a storage space: STOW-RS; PS3.18 Section 10.5."""

import errno
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from math import inf
from time import monotonic
from typing import BinaryIO

from imaging.dicom.uid import check_uid
from imaging.dicomweb.message import Response, error_response
from imaging.dicomweb.status import http_status
from imaging.dicomweb.store_request import instances_of
from imaging.dicomweb.store_response import store_response
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import EXPECTED_INSTANCES, Door, expected_instances
from imaging.model.links import Links
from imaging.pipeline.store_instance import Received, Stored, StoreInstance
from imaging.settings import Space, space_named

_PATH = re.compile(r"/spaces/(?P<space>[^/]+)/studies(?:/(?P<study>[^/]+))?/?")
_SIDE_BY_SIDE = 8


@dataclass(frozen=True)
class StoreAnswer:
    """The response, and what it tells, for who counts and logs."""

    response: Response
    outcomes: tuple[Stored | Rejected, ...] = ()


class StoreResource:
    """Stores what a request carries, while it comes in.

    Parameters
    ----------
    time_limit
        Instances that come later than this are refused, so that the others
        are answered for in time. None: they may take as long as they like.
    """

    def __init__(
        self, store: StoreInstance, spaces: Mapping[str, Space], links: Links, *, time_limit: timedelta | None = None
    ) -> None:
        self._store = store
        self._spaces = spaces
        self._links = links
        self._time_limit = time_limit

    def __call__(self, path: str, headers: Mapping[str, str], body: Iterable[bytes]) -> StoreAnswer:
        """Answer one request.

        If the store fails for one instance the whole request is to be sent
        again (503): what was stored is then found identical, and no sender has
        to know how to repeat single instances.

        Parameters
        ----------
        path
            From ``/spaces`` on, percent-decoded.
        headers
            By lower-case name.
        body
            In pieces of any size. It is read to its end, unless it cannot be
            understood at all; no more is held than a few instances.
        """
        try:
            outcomes = self._outcomes(path, headers, body)
        except Rejected as rejected:
            return StoreAnswer(error_response(http_status(rejected.reason), str(rejected)), (rejected,))
        except Unavailable:
            return _again("The storage did not take every instance; send the whole request again.")
        except OSError as failure:
            if failure.errno not in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
                raise
            return _again("There is no room for the request at this moment; send it again.")
        return StoreAnswer(store_response(outcomes, self._links), tuple(outcomes))

    def _outcomes(self, path: str, headers: Mapping[str, str], body: Iterable[bytes]) -> list[Stored | Rejected]:
        match = _PATH.fullmatch(path)
        if not match:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "Nothing is stored here; POST to studies, or to studies/{study}."
            )
        space_named(self._spaces, match["space"])
        study_instance_uid, expected = _study(match["study"]), _expected(headers)
        with _InOrder(self._store) as keeping, closing(instances_of(headers, body)) as instances:
            self._take_all(match["space"], study_instance_uid, expected, instances, keeping)
            return keeping.outcomes()

    def _take_all(
        self,
        space: str,
        study_instance_uid: str | None,
        expected: int | None,
        instances: Iterator[BinaryIO | Rejected],
        keeping: "_InOrder",
    ) -> None:
        """Hand over one instance after the other; a body that breaks off is one more failure among them.

        Where nothing was taken before, it is the failure of the request.
        """
        ends_at = monotonic() + self._time_limit.total_seconds() if self._time_limit else inf
        try:
            for content in instances:
                if isinstance(content, Rejected):
                    keeping.refuse(content)
                    continue
                try:
                    received = self._store.receive(
                        space,
                        content,
                        door=Door.STOW_RS,
                        study_instance_uid=study_instance_uid,
                        expected_instances=expected,
                    )
                    if monotonic() > ends_at:
                        raise _too_late(received)
                except Rejected as rejected:
                    content.close()
                    keeping.refuse(rejected)
                else:
                    keeping.keep(received, content)
        except Rejected as rejected:
            if not keeping.has_taken_any:
                raise
            keeping.refuse(rejected)


def _too_late(received: Received) -> Rejected:
    return Rejected(
        RejectReason.TOO_LARGE,
        "The request holds more instances than fit into its time; send this one again, in a smaller one.",
        sop_class_uid=received.sop_class_uid,
        sop_instance_uid=received.key.sop_instance_uid,
    )


def _again(sentence: str) -> StoreAnswer:
    return StoreAnswer(error_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "5"}))


class _InOrder:
    """Keeps instances side by side, those of one key one after the other, so that the last of them stays current.

    No more than `_SIDE_BY_SIDE` wait for the store; whoever brings one more
    waits as well, and with it the sender.
    """

    def __init__(self, store: StoreInstance) -> None:
        self._store = store
        self._outcomes: list[Stored | Rejected | Future[Stored | Rejected]] = []
        self._waiting: deque[Future[Stored | Rejected]] = deque()
        self._latest: dict[InstanceKey, Future[Stored | Rejected]] = {}
        self._pool = ThreadPoolExecutor(_SIDE_BY_SIDE)
        self._failed: Unavailable | None = None

    def __enter__(self) -> "_InOrder":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    @property
    def has_taken_any(self) -> bool:
        """Whether an instance was accepted."""
        return any(not isinstance(outcome, Rejected) for outcome in self._outcomes)

    def refuse(self, rejected: Rejected) -> None:
        self._outcomes.append(rejected)

    def keep(self, received: Received, content: BinaryIO) -> None:
        """Store an instance, and close its content when that is done; after a failure of the store, only close it."""
        while len(self._waiting) >= _SIDE_BY_SIDE:
            self._settle(self._waiting.popleft())
        if self._failed:
            content.close()
            return
        kept = self._pool.submit(self._keep, received, content, self._latest.get(received.key))
        self._latest[received.key] = kept
        self._waiting.append(kept)
        self._outcomes.append(kept)

    def outcomes(self) -> list[Stored | Rejected]:
        """What became of each, in the order of the request.

        Raises
        ------
        Unavailable
            If the store failed for one of them.
        """
        while self._waiting:
            self._settle(self._waiting.popleft())
        if self._failed:
            raise self._failed
        return [outcome.result() if isinstance(outcome, Future) else outcome for outcome in self._outcomes]

    def _settle(self, kept: "Future[Stored | Rejected]") -> None:
        try:
            kept.result()
        except Unavailable as failure:
            self._failed = failure

    def _keep(
        self, received: Received, content: BinaryIO, earlier: "Future[Stored | Rejected] | None"
    ) -> Stored | Rejected:
        with content:
            if earlier:
                earlier.exception()  # it began before; its outcome is its own
            try:
                return self._store.keep(received)
            except Rejected as rejected:
                return rejected


def _expected(headers: Mapping[str, str]) -> int | None:
    """How many instances the study shall have when it is complete; ours, PS3.18 has no such thing."""
    text = headers.get(EXPECTED_INSTANCES, "").strip()
    number = expected_instances(text)
    if text and number is None:
        raise Rejected(
            RejectReason.MALFORMED_REQUEST,
            "Expected-Instances is the number of instances that the study has when it is complete, from 1 on.",
        )
    return number


def _study(text: str | None) -> str | None:
    try:
        return check_uid("StudyInstanceUID", text) if text is not None else None
    except Rejected as rejected:  # a fault of the request, not of an instance
        raise Rejected(RejectReason.MALFORMED_REQUEST, str(rejected)) from rejected
