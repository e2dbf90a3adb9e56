"""A series of an ImagingStudy.

References
----------
https://hl7.org/fhir/R4/imagingstudy-mappings.html#dicom
"""

from collections.abc import Sequence
from dataclasses import dataclass

from imaging.fhir.body_site import body_site
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.imaging_instance import imaging_instance
from imaging.fhir.laterality import laterality
from imaging.fhir.modality import UNKNOWN, modality
from imaging.fhir.primitives import Resource, present, string, unsigned_int
from imaging.fhir.series_performer import performers
from imaging.fhir.started import offset_from_utc, started
from imaging.model.revision import RevisionSeries

_SERIES_NUMBER, _SERIES_DESCRIPTION = "00200011", "0008103E"
_SERIES_DATE, _SERIES_TIME = "00080021", "00080031"


@dataclass(frozen=True)
class OfStudy:
    """What all series of a study share.

    Attributes
    ----------
    endpoints
        References; they are the study's, for whoever reads a series alone.
    lists_instances
        Whether `series.instance` is given.
    """

    endpoints: Sequence[Resource]
    schemes: CodingSchemes
    lists_instances: bool
    findings: Findings


def imaging_series(series: RevisionSeries, of_study: OfStudy) -> Resource:
    """Map a series."""
    attributes, findings = series.attributes, of_study.findings
    offset = offset_from_utc(attributes, findings)  # of its own: another device may stand in another zone
    return present(
        uid=series.series_instance_uid,
        number=findings.mapped(attributes, _SERIES_NUMBER, unsigned_int),
        # Required in FHIR as in DICOM: https://hl7.org/fhir/R4/conformance-rules.html#cardinality
        modality=modality(series.modality, findings) or dict(UNKNOWN),
        description=findings.mapped(attributes, _SERIES_DESCRIPTION, string),
        numberOfInstances=len(series.instances),
        endpoint=list(of_study.endpoints),
        bodySite=body_site(series, of_study.schemes, findings),
        laterality=laterality(series, findings),
        started=started(attributes, _SERIES_DATE, _SERIES_TIME, offset, findings),
        performer=performers(attributes, of_study.schemes, findings),
        instance=[imaging_instance(each, findings) for each in series.instances] if of_study.lists_instances else [],
    )
