"""Why a study was requested."""

from imaging.dicom.attributes import Attributes
from imaging.fhir.coded_concept import codeable_concepts
from imaging.fhir.coding_schemes import CodingSchemes
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource, string
from imaging.fhir.sequence import items
from imaging.model.revision import Revision

_REQUEST_ATTRIBUTES_SEQUENCE = "00400275"
_REASON_FOR_THE_REQUESTED_PROCEDURE, _REASON_FOR_REQUESTED_PROCEDURE_CODE_SEQUENCE = "00401002", "0040100A"
_REASON_FOR_PERFORMED_PROCEDURE_CODE_SEQUENCE = "00401012"


def reasons(revision: Revision, schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    """What the requests of its series give, in code and in text, then why it was performed; each once."""
    found = [
        reason
        for series in revision.series
        for request in items(series.attributes, _REQUEST_ATTRIBUTES_SEQUENCE)
        for reason in _of_request(request, schemes, findings)
    ]
    found += codeable_concepts(revision.attributes, _REASON_FOR_PERFORMED_PROCEDURE_CODE_SEQUENCE, schemes, findings)
    return [reason for position, reason in enumerate(found) if reason not in found[:position]]


def _of_request(request: Attributes, schemes: CodingSchemes, findings: Findings) -> list[Resource]:
    coded = codeable_concepts(request, _REASON_FOR_REQUESTED_PROCEDURE_CODE_SEQUENCE, schemes, findings)
    written = findings.mapped(request, _REASON_FOR_THE_REQUESTED_PROCEDURE, string)
    return [*coded, *([{"text": written}] if written else [])]
