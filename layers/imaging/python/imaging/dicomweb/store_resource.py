"""Every POST below a storage space: STOW-RS; PS3.18 Section 10.5."""

import re
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus

from imaging.dicom.uid import check_uid
from imaging.dicomweb.media_types import DICOM, MULTIPART
from imaging.dicomweb.message import Response, error_response
from imaging.dicomweb.multipart import Part, media_type, split_parts
from imaging.dicomweb.status import http_status
from imaging.dicomweb.store_response import store_response
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Door
from imaging.model.links import Links
from imaging.pipeline.store_instance import Received, Stored, StoreInstance
from imaging.settings import Space, space_named

_PATH = re.compile(r"/spaces/(?P<space>[^/]+)/studies(?:/(?P<study>[^/]+))?/?")
_SIDE_BY_SIDE = 4


@dataclass(frozen=True)
class StoreAnswer:
    """The response, and what it tells, for who counts and logs."""

    response: Response
    outcomes: tuple[Stored | Rejected, ...] = ()


class StoreResource:
    """Stores what a request carries."""

    def __init__(self, store: StoreInstance, spaces: Mapping[str, Space], links: Links) -> None:
        self._store = store
        self._spaces = spaces
        self._links = links

    def __call__(self, path: str, content_type: str, body: bytes) -> StoreAnswer:
        """Answer one request.

        If the store fails for one instance the whole request is to be sent
        again (503): what was stored is then found identical, and no sender has
        to know how to repeat single instances.

        Parameters
        ----------
        path
            From ``/spaces`` on, percent-decoded.
        content_type
            The header, parameters included; empty if there is none.
        """
        try:
            outcomes = self._outcomes(path, content_type, body)
        except Rejected as rejected:
            return StoreAnswer(error_response(http_status(rejected.reason), str(rejected)), (rejected,))
        except Unavailable:
            sentence = "The storage did not answer for every instance; send the whole request again."
            return StoreAnswer(error_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "2"}))
        return StoreAnswer(store_response(outcomes, self._links), tuple(outcomes))

    def _outcomes(self, path: str, content_type: str, body: bytes) -> list[Stored | Rejected]:
        match = _PATH.fullmatch(path)
        if not match:
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE, "Nothing is stored here; POST to studies, or to studies/{study}."
            )
        space_named(self._spaces, match["space"])
        study_instance_uid = _study(match["study"])
        received = [
            self._receive(match["space"], study_instance_uid, part) for part in instances_of(content_type, body)
        ]
        return self._keep(received)

    def _receive(self, space: str, study_instance_uid: str | None, part: Part) -> Received | Rejected:
        try:
            _check_type(part)
            return self._store.receive(space, part.content, door=Door.STOW_RS, study_instance_uid=study_instance_uid)
        except Rejected as rejected:
            return rejected

    def _keep(self, received: list[Received | Rejected]) -> list[Stored | Rejected]:
        """Store side by side; those of one instance one after the other, so that the last of them stays current."""
        outcomes: dict[int, Stored | Rejected] = {}
        of_instance: defaultdict[InstanceKey, list[tuple[int, Received]]] = defaultdict(list)
        for number, one in enumerate(received):
            if isinstance(one, Rejected):
                outcomes[number] = one
            else:
                of_instance[one.key].append((number, one))
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            for kept in pool.map(self._keep_in_turn, of_instance.values()):
                outcomes |= kept
        return [outcomes[number] for number in range(len(received))]

    def _keep_in_turn(self, of_instance: list[tuple[int, Received]]) -> dict[int, Stored | Rejected]:
        outcomes: dict[int, Stored | Rejected] = {}
        for number, one in of_instance:
            try:
                outcomes[number] = self._store.keep(one)
            except Rejected as rejected:
                outcomes[number] = rejected
        return outcomes


def instances_of(content_type: str, body: bytes) -> list[Part]:
    """The parts of a store request, PS3.18 Section 10.5.1.

    Parts without a Content-Type are what the request as a whole says.

    Raises
    ------
    Rejected
        `UNSUPPORTED_MEDIA_TYPE` if it is no request of ``application/dicom``;
        `MALFORMED_REQUEST` if it cannot be split or holds nothing.
    """
    name, parameters = media_type(content_type)
    if name == DICOM:
        parts = [Part(DICOM, body)] if body else []
    elif name == MULTIPART and parameters.get("type", DICOM).lower() == DICOM:
        parts = split_parts(body, parameters.get("boundary", ""))
    else:
        raise Rejected(
            RejectReason.UNSUPPORTED_MEDIA_TYPE,
            f'Instances are stored as {MULTIPART}; type="{DICOM}", or one of them as {DICOM}.',
        )
    if not parts:
        raise Rejected(RejectReason.MALFORMED_REQUEST, "The request holds no instance.")
    return parts


def _check_type(part: Part) -> None:
    if part.content_type not in {"", DICOM}:
        raise Rejected(RejectReason.UNSUPPORTED_MEDIA_TYPE, f"A part is not {DICOM}; nothing else is stored.")


def _study(text: str | None) -> str | None:
    try:
        return check_uid("StudyInstanceUID", text) if text is not None else None
    except Rejected as rejected:  # a fault of the request, not of an instance
        raise Rejected(RejectReason.MALFORMED_REQUEST, str(rejected)) from rejected
