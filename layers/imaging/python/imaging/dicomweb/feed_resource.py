"""The change feed on its way out: ``changefeed`` and ``changefeed/latest`` of a space."""

from http import HTTPStatus
from urllib.parse import quote, urlencode

from imaging.dicomweb.feed_query import parse_feed_query, parse_latest_query
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import JSON, choose
from imaging.dicomweb.message import Request, Response, json_bytes
from imaging.dicomweb.metadata_response import with_absolute_addresses
from imaging.dicomweb.path import Names
from imaging.model.links import Links
from imaging.reading.read_feed import FeedRow, ReadFeed

_NARROWER = "ask for one row at a time, or without metadata"


class FeedResource:
    """Answers requests for the feed."""

    def __init__(self, read: ReadFeed, links: Links, max_body_bytes: int | None) -> None:
        self._read = read
        self._links = links
        self._max_body_bytes = max_body_bytes

    def page(self, request: Request, names: Names) -> Response:
        """Rows behind an offset, or of a span of time.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        """
        media_type = choose(request.accept, (JSON,))
        page = self._read.page(parse_feed_query(names["space"], request.parameters))
        headers = {}
        if page.next_offset is not None:
            kept = [(name, value) for name, value in request.parameters if name.lower() != "offset"]
            query = urlencode([*kept, ("offset", str(page.next_offset))], quote_via=quote)
            headers["Link"] = f'<{self._links.changes(names["space"])}?{query}>; rel="next"'
        body = b"[" + b",".join(map(self._row, page.rows)) + b"]"
        return self._json(request, media_type, body, headers)

    def latest(self, request: Request, names: Names) -> Response:
        """The newest row; 204 if there is none.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        """
        media_type = choose(request.accept, (JSON,))
        row = self._read.latest(names["space"], includes_metadata=parse_latest_query(request.parameters))
        return self._json(request, media_type, self._row(row), {}) if row else Response(HTTPStatus.NO_CONTENT)

    def _json(self, request: Request, media_type: str, body: bytes, headers: dict[str, str]) -> Response:
        headers["Cache-Control"] = "no-store"  # the same address says something else a moment later
        return json_response(
            request, media_type, body, headers, narrower=_NARROWER, max_body_bytes=self._max_body_bytes
        )

    def _row(self, row: FeedRow) -> bytes:
        change = row.change
        document = json_bytes(
            {
                "sequence": change.sequence,
                "studyInstanceUid": change.key.study_instance_uid,
                "seriesInstanceUid": change.key.series_instance_uid,
                "sopInstanceUid": change.key.sop_instance_uid,
                "action": change.action.value,
                "timestamp": change.told_at.isoformat(timespec="microseconds"),
                "state": row.state.value,
            }
        )
        if row.metadata is None:
            return document
        # As text: reading and writing it again takes several times as long.
        data_set = b"".join(with_absolute_addresses(change.key.space, row.metadata, self._links))
        return document[:-1] + b',"metadata":' + data_set + b"}"
