"""What a space can do, for machines: the Retrieve Capabilities transaction, PS3.18 Section 8.9 and Annex H."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as ET

from imaging.dicomweb.media_types import DICOM, DICOM_JSON, DICOM_XML, GIF, JPEG, JSON, OCTET_STREAM, PNG, ZIP, Offer

WADL = "application/vnd.sun.wadl+xml"
_NAMESPACE = "http://wadl.dev.java.net/2009/02"

_SEARCH = ("limit", "offset", "after", "includefield", "fuzzymatching", "emptyvaluematching", "multiplevaluematching")
_RENDER = ("quality", "viewport", "window")


@dataclass(frozen=True)
class Capability:
    """One transaction: its name in Table H-1 of Annex H, and what it takes and gives."""

    name: str
    method: str
    offers: Sequence[Offer]
    parameters: Sequence[str] = ()


@dataclass(frozen=True)
class Resource:
    """A resource, with those below it."""

    path: str
    capabilities: Sequence[Capability] = ()
    below: Sequence["Resource"] = field(default=())


def _get(name: str, *offers: Offer, parameters: Sequence[str] = ()) -> Capability:
    return Capability(name, "GET", offers, parameters)


def _both(*media_types: str) -> list[Offer]:
    return [Offer(one, is_multipart) for one in media_types for is_multipart in (True, False)]


def _search(name: str) -> Capability:
    return _get(name, Offer(DICOM_JSON), Offer(JSON), parameters=_SEARCH)


def _store(name: str) -> Capability:
    return Capability(name, "POST", [Offer(DICOM_JSON)])


def _of_any_level(level: str, *, is_instance: bool = False) -> list[Resource]:
    """What a study, a series and an instance have alike."""
    pictures = _both(JPEG, PNG, GIF)
    return [
        Resource(
            "metadata",
            [_get(f"Retrieve{level}Metadata", Offer(DICOM_JSON), Offer(JSON), Offer(DICOM_XML, is_multipart=True))],
        ),
        Resource("rendered", [_get(f"RetrieveRendered{level}", *pictures, parameters=_RENDER)]),
        Resource("thumbnail", [_get(f"Retrieve{level}Thumbnail", Offer(JPEG), Offer(PNG), parameters=("viewport",))]),
        Resource(
            "bulkdata",
            [_get(f"Retrieve{level}Bulkdata", Offer(OCTET_STREAM, is_multipart=True))],
            [Resource("{path}", [_get("RetrieveBulkdata", *_both(OCTET_STREAM))])] if is_instance else [],
        ),
        Resource("pixeldata", [_get(f"Retrieve{level}PixelData", Offer(OCTET_STREAM, is_multipart=True))]),
    ]


def _instances(level: str) -> Capability:
    return _get(f"Retrieve{level}", Offer(DICOM, is_multipart=True), Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True))


def _delete(level: str) -> Capability:
    return Capability(f"Delete{level}", "DELETE", [])


_FRAMES = Resource(
    "frames/{frames}",
    [_get("RetrieveFrames", *_both(OCTET_STREAM, "image/*"))],
    [
        Resource("rendered", [_get("RetrieveRenderedFrames", *_both(JPEG, PNG, GIF), parameters=_RENDER)]),
        Resource("thumbnail", [_get("RetrieveFrameThumbnail", Offer(JPEG), Offer(PNG), parameters=("viewport",))]),
    ],
)
_INSTANCE = Resource(
    "{SOPInstance}",
    [_get("RetrieveInstance", *_both(DICOM), Offer(ZIP), Offer(OCTET_STREAM, is_multipart=True)), _delete("Instance")],
    [*_of_any_level("Instance", is_instance=True), _FRAMES],
)
_SERIES = Resource(
    "{SeriesInstance}",
    [_instances("Series"), _delete("Series")],
    [*_of_any_level("Series"), Resource("instances", [_search("SearchForStudySeriesInstances")], [_INSTANCE])],
)
_REVISION = Resource("{Revision}", [_get("RetrieveStudyRevision", Offer(JSON), Offer(DICOM, is_multipart=True))])
_STUDY = Resource(
    "{StudyInstance}",
    [_instances("Study"), _store("StoreStudyInstances"), _delete("Study")],
    [
        *_of_any_level("Study"),
        Resource("series", [_search("SearchForStudySeries")], [_SERIES]),
        Resource("instances", [_search("SearchForStudyInstances")]),
        Resource("revisions", [_get("RetrieveStudyHistory", Offer(JSON))], [_REVISION]),
    ],
)
RESOURCES = (
    Resource("studies", [_search("SearchForStudies"), _store("StoreInstances")], [_STUDY]),
    Resource("series", [_search("SearchForSeries")]),
    Resource("instances", [_search("SearchForInstances")]),
    Resource("wado", [_get("RetrieveByURI", Offer(DICOM), Offer(JPEG), Offer(PNG), Offer(GIF))]),
    Resource("fhir-errors", [_get("RetrieveFhirErrors", Offer(JSON), parameters=("kind", "limit", "after"))]),
)


def capabilities_description(address: str) -> bytes:
    """The WADL document of a space, whose DICOMweb root is `address`."""
    application = ET.Element("application", {"xmlns": _NAMESPACE})
    resources = ET.SubElement(application, "resources", {"base": address})
    for resource in RESOURCES:
        _describe(resources, resource)
    ET.indent(application)
    described: bytes = ET.tostring(application, encoding="utf-8", xml_declaration=True)
    return described


def _describe(parent: ET.Element, resource: Resource) -> None:
    element = ET.SubElement(parent, "resource", {"path": resource.path})
    for capability in resource.capabilities:
        method = ET.SubElement(element, "method", {"name": capability.method, "id": capability.name})
        request = ET.SubElement(method, "request")
        for parameter in capability.parameters:
            ET.SubElement(request, "param", {"name": parameter, "style": "query"})
        if capability.offers:
            accept = ET.SubElement(request, "param", {"name": "Accept", "style": "header"})
            response = ET.SubElement(method, "response", {"status": "200"})
            for offer in capability.offers:
                ET.SubElement(accept, "option", {"value": str(offer)})
                ET.SubElement(response, "representation", {"mediaType": str(offer)})
    for below in resource.below:
        _describe(element, below)
