"""The coding schemes of a study's codes, as FHIR names code systems."""

from collections import defaultdict
from collections.abc import Mapping

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.primitives import is_oid, is_uri
from imaging.fhir.sequence import items
from imaging.model.revision import Revision

SNOMED_CT = "http://snomed.info/sct"
SNOMED_RT = "http://snomed.info/srt"
DICOM = "http://dicom.nema.org/resources/ontology/DCM"

SNOMED_DESIGNATORS = frozenset({"SCT", "SRT", "SNM3", "99SDM"})
"""PS3.16 Section 8.1.1: the last three stand for SNOMED-RT, whose codes SNOMED CT took over under numbers."""

_CODING_SCHEME_IDENTIFICATION_SEQUENCE, _CODING_SCHEME_RESOURCES_SEQUENCE = "00080110", "00080109"
_CODING_SCHEME_DESIGNATOR, _CODING_SCHEME_UID = "00080102", "0008010C"
_CODING_SCHEME_URL_TYPE, _CODING_SCHEME_URL = "0008010A", "0008010E"

# PS3.16 Table 8-1, and of HL7 v2 Table 0396, which it takes in, what orders bring along; by the names of
# https://hl7.org/fhir/R4/terminologies-systems.html and https://hl7.org/fhir/R4/icd.html. HCPCS and ICD-10-PCS, which
# those leave to their owner, by the URI of https://terminology.hl7.org/external_terminologies.html.
_KNOWN: Mapping[str, str] = {
    "C4": "http://www.ama-assn.org/go/cpt",
    "CPT4": "http://www.ama-assn.org/go/cpt",
    "DCM": DICOM,
    "HPC": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "I10": "http://hl7.org/fhir/sid/icd-10",
    "I10C": "http://hl7.org/fhir/sid/icd-10-cm",
    "I10P": "http://www.cms.gov/Medicare/Coding/ICD10",
    "I11": "http://id.who.int/icd/release/11/mms",
    "I9C": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CDX": "http://hl7.org/fhir/sid/icd-9-cm",
    "I9CP": "http://hl7.org/fhir/sid/icd-9-cm",
    "LN": "http://loinc.org",
    "MDC": "urn:iso:std:iso:11073:10101",
    "NCIt": "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl",
    "NDC": "http://hl7.org/fhir/sid/ndc",
    "RADLEX": "http://www.radlex.org",
    "RXNORM": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "SCT": SNOMED_CT,
    "UCUM": "http://unitsofmeasure.org",
    "UMLS": "http://terminology.hl7.org/CodeSystem/umls",
}


class CodingSchemes:
    """Coding Scheme Designator (0008,0102) to the URI of the code system.

    Parameters
    ----------
    described
        Attributes that may have Coding Scheme Identification Sequence
        (0008,0110), PS3.3 Section C.12.1.1.1: it tells what the private
        designators stand for. One that stands for two things is not used.
    """

    def __init__(self, *described: Attributes) -> None:
        systems = defaultdict(set)
        for attributes in described:
            for item in items(attributes, _CODING_SCHEME_IDENTIFICATION_SEQUENCE):
                designator = text(item, _CODING_SCHEME_DESIGNATOR).strip()
                if designator and (system := _system(item)):
                    systems[designator].add(system)
        self._described = {designator: uris.pop() for designator, uris in systems.items() if len(uris) == 1}

    def system(self, designator: str) -> str | None:
        """The URI of a scheme; None if nothing tells it."""
        return _KNOWN.get(designator) or self._described.get(designator)


def coding_schemes(revision: Revision) -> CodingSchemes:
    """Those of all series, as any of them may explain a code of the study."""
    return CodingSchemes(*(series.attributes for series in revision.series))


def _system(item: Attributes) -> str | None:
    """The FHIR canonical URL of the scheme if it is told, else its UID."""
    for resource in items(item, _CODING_SCHEME_RESOURCES_SEQUENCE):
        url = text(resource, _CODING_SCHEME_URL).strip()
        if text(resource, _CODING_SCHEME_URL_TYPE).strip() == "FHIR" and is_uri(url):
            return url
    uid = text(item, _CODING_SCHEME_UID).strip()
    return f"urn:oid:{uid}" if is_oid(uid) else None
