"""The history of a study on its way out: its revisions, one of them, and the study as it was then."""

import re
from functools import partial
from urllib.parse import urlencode

from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import DICOM, JSON, OCTET_STREAM, ZIP, Offer, acceptable, choose
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.dicomweb.path import Names, target_of
from imaging.dicomweb.retrieve_resources import Answer, RetrieveResources
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.model.revision import Revision
from imaging.model.revision_document import document_of
from imaging.reading.read_history import MOST_REVISIONS, ReadHistory
from imaging.reading.retrieval import Retrieval
from imaging.reading.window import Window

_OFFERS = (Offer(JSON), Offer(DICOM, is_multipart=True), Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True))
_NARROWER = "read it in pages, by offset= and limit="
_MOST_INSTANCES = 10_000


class HistoryResource:
    """Answers below ``studies/{study}/revisions``; PS3.18 has no such resource, so nothing of it is hidden."""

    def __init__(self, history: ReadHistory, retrieval: Retrieval, links: Links, max_body_bytes: int | None) -> None:
        self._history = history
        self._retrieval = retrieval
        self._links = links
        self._max_body_bytes = max_body_bytes
        self._json = partial(json_response, narrower=_NARROWER, max_body_bytes=max_body_bytes)

    def routes(self) -> dict[str, Answer]:
        """Answers by path, which is that behind the study: what is retrieved of a study can be of a revision."""
        revision = "/revisions/(?P<number>[^/]+)"
        paths = RetrieveResources(self._retrieval, self._links, self._max_body_bytes).routes()
        return {
            "/revisions": self.entries,
            **{f"{revision}{path}": partial(self._retrieved, path) for path in paths},
            revision: self.revision,
        }

    def entries(self, request: Request, names: Names) -> Response:
        """The entries of the study's revisions.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`, `MALFORMED_REQUEST`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        Unavailable
            A revision cannot be read.
        """
        media_type, window = choose(request.accept, (JSON,)), _window(request, MOST_REVISIONS)
        study = target_of(names).study
        history = self._history.entries(study, window)
        headers = _link(f"{self._links.study(study)}/revisions", history.following)
        return self._json(request, media_type, json_bytes(history.entries), headers)

    def revision(self, request: Request, names: Names) -> Response:
        """One revision: its document, or the study's instances as they were then, as the client asks.

        Raises
        ------
        Rejected
            As `entries`.
        Unavailable
            The revision, or some of it, cannot be read.
        """
        media_type = acceptable(request.accept, _OFFERS)[0].offer.media_type
        if media_type != JSON:
            return self._retrieved("", request, names)
        study, number, window = target_of(names).study, _number(names), _window(request, _MOST_INSTANCES)
        revision = self._history.revision(study, number)
        document, length = _shown(revision, window)
        headers = _link(self._links.revision(study, number), window.next(length))
        return self._json(request, media_type, json_bytes(document), headers)

    def _retrieved(self, path: str, request: Request, names: Names) -> Response:
        target, number = target_of(names), _number(names)
        contents = self._history.contents(target.study, number)
        if not target.is_in(contents):
            raise Rejected(
                RejectReason.NO_SUCH_RESOURCE,
                "This revision of the study has no such instances; its document lists those it has.",
            )
        retrieval = self._retrieval.over(contents)
        resources = RetrieveResources(retrieval, self._links.as_of_revision(number), self._max_body_bytes)
        return resources.routes()[path](request, names)


def _shown(revision: Revision, window: Window) -> tuple[dict[str, object], int]:
    """The document with no more of each list than the window shows, and the length of the longest list."""
    document = document_of(revision)
    del document["change_numbers"]  # for a rebuild; the hierarchy has them
    lengths = [revision.instances]
    for name in ("additions", "modifications", "deletions"):
        lengths.append(len(document[name]))
        document[name] = window.of(document[name])
    hierarchy, before = [], 0
    for series in document["hierarchy"]:
        instances = series["instances"]
        end = len(instances) if window.end is None else window.end - before
        shown = instances[max(window.offset - before, 0) : max(end, 0)]
        before += len(instances)
        if shown:
            hierarchy.append({**series, "instances": shown})
    document["hierarchy"] = hierarchy
    return document, max(lengths)


def _number(names: Names) -> int:
    if not re.fullmatch("[0-9]{1,8}", names["number"]):
        raise Rejected(RejectReason.MALFORMED_REQUEST, "A revision is a number, counted from 1.")
    return int(names["number"])


def _window(request: Request, most: int) -> Window:
    asked = {name.lower(): text for name, text in request.parameters if name.lower() != "accept"}  # PS3.18 8.3.3.1
    if asked.keys() - {"offset", "limit"}:
        raise Rejected(RejectReason.MALFORMED_REQUEST, "The history has no such parameter; it takes offset and limit.")
    if "offset" not in asked and "limit" not in asked:
        return Window()
    offset, limit = asked.get("offset", "0"), asked.get("limit", str(most))
    if not re.fullmatch("[0-9]{1,9}", offset):
        raise Rejected(RejectReason.MALFORMED_REQUEST, "offset is one whole number, 0 or more.")
    if not re.fullmatch("[0-9]{1,9}", limit) or not 1 <= int(limit) <= most:
        raise Rejected(RejectReason.MALFORMED_REQUEST, f"limit is one whole number, 1 to {most}.")
    return Window(int(offset), int(limit))


def _link(address: str, following: Window | None) -> dict[str, str]:
    if following is None:
        return {}
    query = urlencode({"offset": following.offset, "limit": following.limit})
    return {"Link": f'<{address}?{query}>; rel="next"'}
