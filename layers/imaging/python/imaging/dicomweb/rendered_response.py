"""Pictures on their way out: rendered resources and thumbnails, PS3.18 Sections 10.4.1.1.3 and 10.4.1.1.4."""

from collections.abc import Generator, Sequence
from contextlib import closing

from imaging.dicomweb.body_response import body_response
from imaging.dicomweb.conditions import digest, precondition_response, weak
from imaging.dicomweb.frames_response import MAX_FRAMES
from imaging.dicomweb.media_types import GIF, JPEG, PNG, Form, Offer, acceptable
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.multipart_body import BodyPart, Boundary, multipart
from imaging.dicomweb.rendering_parameters import ignored_parameters, rendering_of, thumbnail_of
from imaging.dicomweb.single_body import single_body_response
from imaging.errors import Rejected, RejectReason
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.ports.pixels import Rendering
from imaging.reading.render_image import Picture, RenderImage
from imaging.reading.target import Target

_PICTURES = (JPEG, PNG, GIF)
_ALONE = tuple(map(Offer, _PICTURES))
_IN_PARTS = tuple(Offer(media_type, is_multipart=True) for media_type in _PICTURES)
_NARROWER = "ask for a smaller viewport, or for fewer images"


class RenderedResponse:
    """Renders studies, series, instances and frames."""

    def __init__(self, render: RenderImage, links: Links, max_body_bytes: int | None) -> None:
        self._render = render
        self._links = links
        self._max_body_bytes = max_body_bytes

    def thumbnail(self, request: Request, target: Target, number: int | None = None) -> Response:
        """A small picture that stands for all of the target, or of one of its frames.

        Raises
        ------
        Rejected
            `NO_SUCH_RESOURCE`; `NOT_ACCEPTABLE` if there is no image; `MALFORMED_REQUEST`.
        """
        form = acceptable(request.accept, _ALONE)[0]
        rendering = thumbnail_of(request, form.offer.media_type)
        return self.alone(request, self._render.representative(target, number), rendering)

    def frames(self, request: Request, target: Target, numbers: Sequence[int]) -> Response:
        """Some frames of an instance: each a part, one alone, or several as an animation.

        Raises
        ------
        Rejected
            As `thumbnail`.
        """
        instance = self._render.instance(target)
        form = acceptable(request.accept, [*_ALONE, *_IN_PARTS] if len(numbers) == 1 else [*_IN_PARTS, Offer(GIF)])[0]
        return self.picture(request, form, instance, numbers)

    def target(self, request: Request, target: Target) -> Response:
        """Everything of the target that is an image.

        An instance alone is shown by one of its frames, as GIF by all of them.
        A study or a series is a part for each of its instances; where the
        client reads no parts, the one that stands for all.

        Raises
        ------
        Rejected
            As `thumbnail`.
        """
        if target.instance:
            instance = self._render.instance(target)
            form = acceptable(request.accept, [*_ALONE, *_IN_PARTS])[0]
            numbers = self._render.numbers(instance)
            if not form.offer.is_multipart and form.offer.media_type != GIF:
                return self.alone(request, self._render.representative(target), self._rendering(request, form))
            return self.picture(request, form, instance, numbers)
        form = acceptable(request.accept, [*_IN_PARTS, *_ALONE])[0]
        rendering = self._rendering(request, form)
        if not form.offer.is_multipart:
            return self.alone(request, self._render.representative(target), rendering)
        return self._in_parts(request, self._render.images(target, animated=form.offer.media_type == GIF), rendering)

    def picture(self, request: Request, form: Form, instance: Instance, numbers: Sequence[int]) -> Response:
        """Frames of one instance in a form; see `frames`."""
        rendering = self._rendering(request, form)
        if not form.offer.is_multipart:
            return self.alone(request, Picture(instance, numbers), rendering)
        if len(numbers) > MAX_FRAMES:
            raise Rejected(RejectReason.TOO_LARGE, f"The image has over {MAX_FRAMES} frames; ask for some of them.")
        return self._in_parts(request, [Picture(instance, (number,)) for number in numbers], rendering)

    def _rendering(self, request: Request, form: Form) -> Rendering:
        return rendering_of(request, form.offer.media_type)

    def alone(self, request: Request, picture: Picture, rendering: Rendering) -> Response:
        """One picture in one part."""
        tag = weak(f"{picture.instance.version_id}-{digest(picture.numbers, rendering)}")
        if forbidden := precondition_response(request, tag):
            return forbidden
        return single_body_response(
            request,
            {"Content-Type": rendering.media_type, **self._warnings(request, picture.instance)},
            self._render(picture, rendering),
            tag,
            narrower=_NARROWER,
            max_body_bytes=self._max_body_bytes,
        )

    def _in_parts(self, request: Request, pictures: Sequence[Picture], rendering: Rendering) -> Response:
        boundary = Boundary()
        return body_response(
            request,
            {
                "Content-Type": boundary.content_type(rendering.media_type),
                "Vary": "Accept",
                **self._warnings(request, pictures[0].instance),
            },
            multipart(boundary, self._parts(pictures, rendering)),
            narrower=_NARROWER,
            max_body_bytes=self._max_body_bytes,
        )

    def _parts(self, pictures: Sequence[Picture], rendering: Rendering) -> Generator[BodyPart, None, None]:
        with closing(self._render.all(pictures, rendering)) as rendered:
            for picture, content in rendered:
                yield BodyPart(rendering.media_type, self._location(picture), (piece for piece in (content,)))

    def _location(self, picture: Picture) -> str:
        frames = ",".join(map(str, picture.numbers))
        return f"{self._links.instance(picture.instance.key)}/frames/{frames}/rendered"

    def _warnings(self, request: Request, instance: Instance) -> dict[str, str]:
        service = self._links.space(instance.key.space)
        warnings = [f"299 {service}: {text}" for text in ignored_parameters(request)]
        return {"Warning": ", ".join(warnings)} if warnings else {}
