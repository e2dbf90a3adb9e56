"""The storage spaces with their counts: ``GET /spaces``."""

from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.errors import Rejected, RejectReason
from imaging.model.links import Links
from imaging.reading.read_spaces import ReadSpaces, SpaceSummary


class SpacesResource:
    """Answers requests for all spaces."""

    def __init__(self, read: ReadSpaces, links: Links) -> None:
        self._read = read
        self._links = links

    def __call__(self, request: Request) -> Response:
        """Answer one request.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` or `NOT_ACCEPTABLE`.
        """
        if any(name.lower() != "accept" for name, _ in request.parameters):  # PS3.18 8.3.3.1
            raise Rejected(RejectReason.MALFORMED_REQUEST, "The list of spaces takes no parameters; leave them out.")
        media_type = choose(request.accept, (JSON,))
        body = json_bytes(list(map(self._entry, self._read())))
        return json_response(
            request, media_type, body, {"Cache-Control": "no-store"}, narrower="send Accept-Encoding: gzip"
        )

    def _entry(self, summary: SpaceSummary) -> dict[str, str | int]:
        return {
            "space": summary.space,
            "dicomweb": self._links.space(summary.space),
            "studies": summary.totals.studies,
            "series": summary.totals.series,
            "instances": summary.totals.instances,
            "bytes": summary.totals.bytes,
            "open_studies": summary.open_studies,
            **({} if summary.is_exact else {"open_studies_exact": False}),
        }
