"""DELETE of a study, a series or an instance; ours, PS3.18 has no such transaction."""

import re
from collections.abc import Mapping
from http import HTTPStatus

from imaging.dicomweb.message import Response, error_response
from imaging.dicomweb.path import INSTANCE, SERIES, STUDY, target_of
from imaging.dicomweb.status import http_status
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.pipeline.delete_instances import DeleteInstances
from imaging.settings import Space, space_named

_PATHS = [re.compile(f"/spaces/(?P<space>[^/]+)/{path}/?") for path in (STUDY, SERIES, INSTANCE)]


class DeleteResource:
    """Answers a DELETE: 204 once nothing of it is found any more."""

    def __init__(self, spaces: Mapping[str, Space], delete: DeleteInstances) -> None:
        self._spaces = spaces
        self._delete_instances = delete

    def __call__(self, path: str) -> Response:
        """Delete what the path names, which goes from ``/spaces`` on."""
        try:
            self._delete(path)
        except Rejected as rejected:
            return error_response(http_status(rejected.reason), str(rejected))
        except Unavailable:
            sentence = "A part of this service did not answer; send the DELETE again in a moment."
            return error_response(HTTPStatus.SERVICE_UNAVAILABLE, sentence, {"Retry-After": "1"})
        return Response(HTTPStatus.NO_CONTENT)

    def _delete(self, path: str) -> None:
        for resource in _PATHS:
            if match := resource.fullmatch(path):
                space_named(self._spaces, match["space"])
                target = target_of(match.groupdict())
                self._delete_instances(target.study, target.series_instance_uid, target.sop_instance_uid)
                return
        raise Rejected(
            RejectReason.NO_SUCH_RESOURCE,
            "There is nothing to delete at this address; a study, a series or an instance can be deleted.",
        )
