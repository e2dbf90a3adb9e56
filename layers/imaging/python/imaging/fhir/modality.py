"""Modalities, as codes."""

from collections.abc import Mapping

from imaging.fhir.coding_schemes import DICOM
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource, code_string
from imaging.model.revision import Revision

_MODALITY = "00080060"

# https://hl7.org/fhir/R4/extension-data-absent-reason.html
UNKNOWN: Mapping[str, list[Resource]] = {
    "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
}

# PS3.16 CID 33 without CID 29 and without Other (OT), which a converter writes for whatever was acquired.
_NOT_ACQUIRED = frozenset(
    (
        *("ASMT", "AU", "CTPROTOCOL", "DOC", "FID", "HC", "IOL", "KO", "M3D", "PLAN", "PR", "REG", "RTDOSE", "RTPLAN"),
        *("RTRECORD", "RTSTRUCT", "RWV", "SEG", "SMR", "SR", "STAIN", "TEXTUREMAP"),
    )
)


def modality(value: str, findings: Findings) -> Resource | None:
    """Modality (0008,0060), a term of PS3.3 Section C.7.3.1.1.1; None if it is absent or no Code String."""
    code = code_string(value)
    if code is None and value.strip():
        findings.invalid(_MODALITY)
    return {"system": DICOM, "code": code} if code else None


def acquisition_modalities(revision: Revision, findings: Findings) -> list[Resource]:
    """Those of the series by which something was acquired, each once, sorted.

    FHIR lists no others: a CT with its report is a CT.
    https://hl7.org/fhir/R4/imagingstudy-definitions.html#ImagingStudy.modality
    """
    return [
        coding
        for value in revision.modalities
        if (coding := modality(value, findings)) and coding["code"] not in _NOT_ACQUIRED
    ]
