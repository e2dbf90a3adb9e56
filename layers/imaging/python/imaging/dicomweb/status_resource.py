"""What waits and what is in trouble, as it was recorded last: ``GET /status``."""

from http import HTTPStatus

from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.path import Names
from imaging.errors import Rejected, RejectReason
from imaging.ports.status_record import StatusRecord

_NO_STORE = {"Cache-Control": "no-store"}


class StatusResource:
    """Answers requests for the status, by what was recorded last: 204 if nothing was yet."""

    def __init__(self, record: StatusRecord) -> None:
        self._record = record

    def __call__(self, request: Request, _names: Names) -> Response:
        """Answer one request.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST` or `NOT_ACCEPTABLE`.
        """
        if any(name != "accept" for name, _ in request.parameters):  # PS3.18 8.3.3.1
            raise Rejected(RejectReason.MALFORMED_REQUEST, "The status takes no parameters; leave them out.")
        media_type = choose(request.accept, (JSON,))
        document = self._record.read()
        if document is None:
            return Response(HTTPStatus.NO_CONTENT, _NO_STORE)
        return json_response(request, media_type, document.encode(), _NO_STORE, narrower="send Accept-Encoding: gzip")
