"""Opens studies in the viewer: IHE Invoke Image Display, RAD TF-2 Section 4.106, by HTTP GET."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import islice, repeat

from imaging.dicomweb.image_display_page import DisplayPages, Link, is_for_people
from imaging.dicomweb.image_display_parameters import DisplayRequest, parse_display_request
from imaging.dicomweb.message import Request, Response
from imaging.dicomweb.path import Names
from imaging.dicomweb.retrieve_resources import Answer
from imaging.dicomweb.status import NOT_ANSWERED, http_status
from imaging.dicomweb.viewer_address import MAX_CHARACTERS, SERIES, viewer_address
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.reading.displayed_studies import (
    MAX_STUDIES,
    DifferentPatients,
    DisplayedStudies,
    FindDisplayedStudies,
    InSpace,
    PatientAsked,
)
from imaging.reading.key_images import FindKeyImages
from imaging.settings import Space, space_named

INVOKE_IMAGE_DISPLAY = "IHEInvokeImageDisplay"

_NO_VIEWER = "No viewer is configured here; the images are retrieved by DICOMweb."
_NOTHING = "Nothing that is stored here matches; what came in a moment ago may still be on its way."
_NO_KEY_IMAGES = "These studies have no key images; leave keyImagesOnly out to see all of their images."
_ONE_BY_ONE = "Each link opens what one storage space has, of one patient."
_OLDER = f"There are older studies; the newest {MAX_STUDIES}, or as many as the viewer's address can hold, are shown."


@dataclass(frozen=True)
class Viewer:
    """Where studies are looked at.

    Attributes
    ----------
    url_template
        As `imaging.dicomweb.viewer_address` fills it; "" for no viewer.
    embedded_in
        Origins whose pages may have it in a frame.
    """

    url_template: str
    embedded_in: Sequence[str] = ()


class ImageDisplayResource:
    """Answers with where the viewer is that shows what is asked for."""

    def __init__(
        self,
        viewer: Viewer,
        spaces: Mapping[str, Space],
        links: Links,
        *,
        find: FindDisplayedStudies,
        key_images: FindKeyImages,
    ) -> None:
        self._template = viewer.url_template
        self._pages = DisplayPages(viewer.embedded_in)
        self._spaces = spaces
        self._links = links
        self._find = find
        self._key_images = key_images

    def routes(self) -> dict[str, Answer]:
        """Answers by path: of all spaces, and of one."""
        return {f"/{INVOKE_IMAGE_DISPLAY}": self, f"/spaces/(?P<space>[^/]+)/{INVOKE_IMAGE_DISPLAY}": self}

    def __call__(self, request: Request, names: Names) -> Response:
        """Answer one request; what is wrong with it is told to programs in JSON, and to people on a page."""
        try:
            return self._answer(request, names.get("space", ""))
        except Rejected as rejected:
            return self._pages.error(request, http_status(rejected.reason), str(rejected))
        except Unavailable:
            retry = {"Retry-After": "1"}
            return self._pages.error(request, HTTPStatus.SERVICE_UNAVAILABLE, NOT_ANSWERED, headers=retry)

    def _answer(self, request: Request, space: str) -> Response:
        if not self._template:
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, _NO_VIEWER)
        asked = parse_display_request(request.parameters)
        if asked.key_images_only and SERIES not in self._template:
            raise _malformed("The viewer that is configured here cannot be told which images are key; leave it out.")
        try:
            displayed = self._find(asked.asked, self._asked_spaces(space, asked))
        except DifferentPatients as refusal:
            return self._one_by_one(request, refusal, asked)
        # Each place has all of them, and the first that has something to show is enough; or each has a part.
        opened = list(islice(self._opened(displayed.places, asked), None if displayed.is_divided else 1))
        if not opened:
            found = bool(displayed.places)
            raise Rejected(RejectReason.NO_SUCH_RESOURCE, _NO_KEY_IMAGES if found else _NOTHING)
        if displayed.missing:
            return self._incomplete(request, displayed, opened)
        if len(opened) > 1:
            sentence = "These studies lie in several storage spaces, and no space has all of them. Open those of:"
            return self._pages.choice(request, sentence, [shown.link for shown in opened])
        is_cut = displayed.is_cut or opened[0].is_cut
        if is_cut and is_for_people(request):  # whom no browser shows a Warning
            return self._pages.notice(_OLDER, opened[0].link)
        warning = {"Warning": f"299 {self._links.base_address}: {_OLDER}"} if is_cut else {}
        return Response(HTTPStatus.FOUND, {"Location": opened[0].address, **self._pages.headers, **warning})

    def _one_by_one(self, request: Request, refusal: DifferentPatients, asked: DisplayRequest) -> Response:
        links = [shown.link for shown in self._opened(refusal.places, asked)]
        sentence = f"{refusal} {_ONE_BY_ONE}" if links else str(refusal)
        return self._pages.error(request, http_status(refusal.reason), sentence, links=links)

    def _incomplete(self, request: Request, displayed: DisplayedStudies, opened: Sequence["_Opened"]) -> Response:
        sentence = (
            f"Of what is asked for, {displayed.missing} is not stored here, or still on its way. "
            "What is stored can be opened without it."
        )
        return self._pages.error(request, HTTPStatus.NOT_FOUND, sentence, links=[shown.link for shown in opened])

    def _asked_spaces(self, space: str, asked: DisplayRequest) -> list[str]:
        if space and asked.space and space != asked.space:
            raise _malformed("The path names another storage space than the parameter space; leave one of them out.")
        named = space or asked.space
        return [space_named(self._spaces, named).name] if named else list(self._spaces)

    def _opened(self, places: Sequence[InSpace], asked: DisplayRequest) -> "Iterator[_Opened]":
        """What the spaces show, but those without key images, where only these are asked for."""
        keys = ([study.key for study in place.studies] for place in places)
        of_places = self._key_images(keys) if asked.key_images_only else repeat({})
        for place, key_images in zip(places, of_places, strict=False):
            if shown := self._opened_in(place, key_images, asked):
                yield shown

    def _opened_in(
        self, place: InSpace, key_images: Mapping[StudyKey, Sequence[str]], asked: DisplayRequest
    ) -> "_Opened | None":
        """The viewer's address for what a space has; None if no key images are there, and only those are asked for."""
        studies = [study.key for study in place.studies if not asked.key_images_only or study.key in key_images]
        for count in range(len(studies), 0, -1):
            values = {
                "space": place.space,
                "dicomweb": self._links.space(place.space),
                "studies": ",".join(study.study_instance_uid for study in studies[:count]),
                "series": ",".join(uid for study in studies[:count] for uid in key_images.get(study, ())),
            }
            address = viewer_address(self._template, values)
            if len(address) <= MAX_CHARACTERS:
                return _Opened(place.space, count, address, is_cut=count < len(studies))
            if not isinstance(asked.asked, PatientAsked):
                break
        if studies:
            raise _malformed("The viewer's address cannot hold all that is asked for; ask for fewer studies.")
        return None


@dataclass(frozen=True)
class _Opened:
    space: str
    studies: int
    address: str
    is_cut: bool

    @property
    def link(self) -> Link:
        text = f"{self.space}: {self.studies} {'study' if self.studies == 1 else 'studies'}"
        return Link(self.address, text, {"space": self.space, "studies": self.studies, "href": self.address})


def _malformed(sentence: str) -> Rejected:
    return Rejected(RejectReason.MALFORMED_REQUEST, sentence)
