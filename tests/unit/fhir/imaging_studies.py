"""ImagingStudies as they are mapped, and as a server has them."""

from typing import Any

from imaging.fhir.findings import Findings
from imaging.fhir.imaging_study import ELEMENTS, imaging_study
from imaging.fhir.merging import renewed
from imaging.fhir.policy import PublishingPolicy
from imaging.fhir.primitives import Resource
from tests.unit.fhir.samples import LINKS, SPACE, small_revision


def ours(based_on: list[Resource] | None = None, **of_study: Any) -> Resource:
    """Mapped from a small revision with these attributes."""
    return imaging_study(
        small_revision(**of_study),
        space=SPACE,
        subject={"reference": "Patient/p1"},
        endpoints=[{"reference": "Endpoint/e1"}],
        based_on=based_on or [],
        links=LINKS,
        policy=PublishingPolicy(),
        findings=Findings(),
    )


def on_server(resource: Resource, **elements: Any) -> Resource:
    """As a server gives it back, with what others have written there."""
    meta = {**resource["meta"], "versionId": "3", "lastUpdated": "2026-11-21T20:55:01Z"}
    return {**resource, "meta": meta, **elements}


def renewal(current: Resource | None, wanted: Resource) -> Resource:
    """One ImagingStudy brought up to date."""
    return renewed(current, wanted, ELEMENTS)
