"""What an instance is called.

References
----------
https://hl7.org/fhir/R4/imagingstudy-mappings.html#dicom, ImagingStudy.series.instance.title
"""

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import string
from imaging.fhir.sequence import first_item

_CONTENT_LABEL, _DOCUMENT_TITLE, _CONCEPT_NAME_CODE_SEQUENCE = "00700080", "00420010", "0040A043"
_CODE_MEANING, _IMAGE_TYPE = "00080104", "00080008"


def title(attributes: Attributes, findings: Findings) -> str | None:
    r"""The most telling that an instance has.

    Of the four attributes of FHIR's mapping first those by which somebody
    named this one instance: Document Title (0042,0010) and Content Label
    (0070,0080); then what kind of document it is, Concept Name Code Sequence
    (0040,A043); of an image its Image Type (0008,0008), as
    ``ORIGINAL\PRIMARY\AXIAL``.
    """
    for tag in (_DOCUMENT_TITLE, _CONTENT_LABEL):
        if named := findings.mapped(attributes, tag, string):
            return named
    concept = first_item(attributes, _CONCEPT_NAME_CODE_SEQUENCE)
    meaning = string(text(concept, _CODE_MEANING)) if concept else None
    return meaning or string(
        "\\".join(str(value or "") for value in attributes.get(_IMAGE_TYPE, {}).get("Value") or [])
    )
