"""Metadata on its way out, PS3.18 Section 10.4.1.1.2: DICOM JSON, or the Native DICOM Model in XML."""

from imaging.dicomweb.body_response import body_response, compressed
from imaging.dicomweb.conditions import precondition_response, weak
from imaging.dicomweb.json_response import json_response
from imaging.dicomweb.media_types import DICOM_JSON, DICOM_XML, JSON, Offer, acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.metadata_response import metadata_array
from imaging.dicomweb.multipart_body import Boundary, multipart
from imaging.dicomweb.native_model_response import metadata_parts
from imaging.model.links import Links
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.target import Target

_OFFERS = (Offer(DICOM_JSON), Offer(JSON), Offer(DICOM_XML, is_multipart=True))
_VARY = "Accept, Accept-Encoding"
_NARROWER = "retrieve it by series or by instance"


class MetadataResource:
    """Answers for studies, series and instances alike."""

    def __init__(self, retrieve: RetrieveMetadata, links: Links, max_body_bytes: int | None) -> None:
        self._retrieve = retrieve
        self._links = links
        self._max_body_bytes = max_body_bytes

    def __call__(self, request: Request, target: Target) -> Response:
        """Answer one request.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`, `NOT_ACCEPTABLE` or `TOO_LARGE`.
        Unavailable
            Part of it cannot be read.
        """
        media_type = acceptable(request.accept, _OFFERS)[0].offer.media_type
        found = self._retrieve.find(target)
        tag = weak(f"{found.version}-{media_type}")  # compressed or not, it says the same
        if forbidden := precondition_response(request, tag, vary=_VARY):
            return forbidden
        space = target.study.space
        if media_type != DICOM_XML:
            return json_response(
                request,
                media_type,
                metadata_array(space, found.runs(), self._links),
                {"ETag": tag},
                narrower=_NARROWER,
                max_body_bytes=self._max_body_bytes,
            )
        boundary = Boundary()
        headers = {"Content-Type": boundary.content_type(DICOM_XML), "Vary": _VARY, "ETag": tag}
        body = compressed(request, headers, multipart(boundary, metadata_parts(space, found.runs(), self._links)))
        return body_response(request, headers, body, narrower=_NARROWER, max_body_bytes=self._max_body_bytes)
