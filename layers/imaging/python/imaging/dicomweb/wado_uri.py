"""The URI service of old viewers, PS3.18 Section 9: one instance, or a picture of it, named in the query."""

import math
from collections.abc import Mapping

from imaging.dicom.pixel_description import PixelDescription
from imaging.dicom.uid import check_uid
from imaging.dicomweb.media_types import DICOM, GIF, JPEG, PNG, Form, Offer, acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.rendered_response import RenderedResponse
from imaging.dicomweb.rendering_parameters import (
    DEFAULT_QUALITY,
    MAX_VIEWPORT_PIXELS,
    malformed,
    number_of,
    window_of,
)
from imaging.dicomweb.retrieve_response import RetrieveResponse
from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.ports.pixels import Rendering, Viewport, Window
from imaging.reading.render_image import Picture, RenderImage
from imaging.reading.retrieve_instances import RetrieveInstances
from imaging.reading.target import Target

_UIDS = ("studyUID", "seriesUID", "objectUID")
_PICTURES = (Offer(JPEG), Offer(PNG), Offer(GIF))
_ONLY_OF_PICTURES = ("frameNumber", "imageQuality", "rows", "columns", "region", "windowCenter", "windowWidth")
_WINDOW = "windowCenter and windowWidth are numbers that come together, the width at least 1"
_REGION = "region is left,top,right,bottom of a part of the image, as fractions from 0.0 to 1.0"

Parameters = Mapping[str, str]


class WadoUri:
    """Answers ``?requestType=WADO&studyUID=…&seriesUID=…&objectUID=…``."""

    def __init__(
        self, find: RetrieveInstances, retrieve: RetrieveResponse, render: RenderImage, rendered: RenderedResponse
    ) -> None:
        self._find = find
        self._retrieve = retrieve
        self._render = render
        self._rendered = rendered

    def __call__(self, request: Request, space: str) -> Response:
        """Answer one request.

        Raises
        ------
        Rejected
            `MALFORMED_REQUEST`, `NO_SUCH_RESOURCE`, `NOT_ACCEPTABLE`, `TOO_LARGE`.
        """
        asked = _parameters(request)
        instance = self._find.find(_target(space, asked))[0]
        accept = asked.get("contentType", request.accept)
        description = self._render.description(instance)
        form = acceptable(accept, self._offers(description, "frameNumber" in asked))[0]
        if form.offer.media_type == DICOM:
            if given := [name for name in _ONLY_OF_PICTURES if name in asked]:
                raise malformed(f"{given[0]} goes with a picture; leave it out for {DICOM}")
            return self._retrieve(request, [instance], [Form(form.offer, asked.get("transferSyntax", ""))])
        if "transferSyntax" in asked or description is None:
            raise malformed(f"transferSyntax goes with contentType={DICOM}")
        rendering = _rendering(asked, form.offer.media_type, description)
        return self._rendered.alone(request, self._picture(asked, instance, rendering), rendering)

    def _offers(self, description: PixelDescription | None, is_frame: bool) -> list[Offer]:
        """By PS3.18 Section 9.4.1.2.1 a single frame is a picture by default, all else a DICOM file."""
        if description is None:
            return [Offer(DICOM)]
        if description.number_of_frames == 1 or is_frame:
            return [*_PICTURES, Offer(DICOM)]
        return [Offer(DICOM), *_PICTURES]

    def _picture(self, asked: Parameters, instance: Instance, rendering: Rendering) -> Picture:
        if "frameNumber" in asked:
            return Picture(instance, (_whole(asked, "frameNumber", 1, 10**9),))
        if rendering.media_type == GIF:
            return Picture(instance, self._render.numbers(instance))
        return self._render.representative(_target_of(instance))


def _parameters(request: Request) -> dict[str, str]:
    asked = {name: value.strip() for name, value in request.parameters}
    if len(asked) < len(request.parameters):
        raise malformed("A parameter is in the query twice; give each once")
    if asked.get("requestType") != "WADO":
        raise malformed("requestType must be WADO")
    for name, wish in (("anonymize", "anonymised"), ("presentationUID", "shown by a presentation state")):
        if name in asked:
            raise Rejected(
                RejectReason.NOT_ACCEPTABLE, f"An instance cannot be {wish} here; leave the parameter {name} out."
            )
    return asked


def _target(space: str, asked: Parameters) -> Target:
    for name in _UIDS:
        if name not in asked:
            raise malformed(f"{', '.join(_UIDS)} must be given, and name one instance")
    try:
        study, series, instance = (check_uid(name, asked[name]) for name in _UIDS)
    except Rejected as rejected:  # a fault of the request, not of an instance
        raise Rejected(RejectReason.MALFORMED_REQUEST, str(rejected)) from rejected
    return Target(StudyKey(space, study), series, instance)


def _target_of(instance: Instance) -> Target:
    return Target(instance.key.study, instance.key.series_instance_uid, instance.key.sop_instance_uid)


def _rendering(asked: Parameters, media_type: str, description: PixelDescription) -> Rendering:
    return Rendering(
        media_type=media_type,
        quality=_whole(asked, "imageQuality", 1, 100) if "imageQuality" in asked else DEFAULT_QUALITY,
        window=_window(asked),
        viewport=_viewport(asked, description),
    )


def _window(asked: Parameters) -> Window | None:
    if not {"windowCenter", "windowWidth"} & asked.keys():
        return None
    if not {"windowCenter", "windowWidth"} <= asked.keys():
        raise malformed(_WINDOW)
    return window_of(asked["windowCenter"], asked["windowWidth"], "LINEAR", _WINDOW)


def _viewport(asked: Parameters, description: PixelDescription) -> Viewport | None:
    """``rows`` and ``columns`` are each a maximum, without them a region keeps its size: Section 9.4.1.2."""
    if not {"rows", "columns", "region"} & asked.keys():
        return None
    left, top, right, bottom = _edges(asked)
    source_width, source_height = (right - left) * description.columns, (bottom - top) * description.rows
    keeps_size = not {"rows", "columns"} & asked.keys()
    return Viewport(
        width=_most(asked, "columns", math.ceil(source_width) if keeps_size else MAX_VIEWPORT_PIXELS),
        height=_most(asked, "rows", math.ceil(source_height) if keeps_size else MAX_VIEWPORT_PIXELS),
        left=left * description.columns,
        top=top * description.rows,
        source_width=source_width,
        source_height=source_height,
    )


def _edges(asked: Parameters) -> list[float]:
    edges = [number_of(edge, _REGION) for edge in asked.get("region", "0,0,1,1").split(",")]
    if len(edges) != 4 or not (0 <= edges[0] < edges[2] <= 1 and 0 <= edges[1] < edges[3] <= 1):
        raise malformed(_REGION)
    return edges


def _most(asked: Parameters, name: str, otherwise: int) -> int:
    return _whole(asked, name, 1, MAX_VIEWPORT_PIXELS) if name in asked else otherwise


def _whole(asked: Parameters, name: str, least: int, most: int) -> int:
    text = asked[name]
    if not (text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most):
        raise malformed(f"{name} is a whole number from {least} to {most}")
    return int(text)
