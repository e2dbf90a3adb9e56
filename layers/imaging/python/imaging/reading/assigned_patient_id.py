"""A Patient ID and who assigned it, as HL7 names both: HL7 V2.5.1, Sections 2.A.14 (CX) and 2.A.33 (HD)."""

from dataclasses import dataclass

from imaging.dicom.attributes import Attributes, text
from imaging.errors import Rejected
from imaging.fhir.findings import Findings
from imaging.fhir.issuer import is_local, issuer_system
from imaging.fhir.patient_identifier import identifier
from imaging.fhir.sequence import first_item
from imaging.model.links import Links
from imaging.model.study import Study
from imaging.settings import Space

_HL7_TYPES = {"GUID": "UUID"}  # HL7 table 0301, by PS3.3 Section 10.14

_ISSUER_OF_PATIENT_ID, _ISSUER_OF_PATIENT_ID_QUALIFIERS = "00100021", "00100024"
_LOCAL_NAMESPACE_ENTITY_ID, _UNIVERSAL_ENTITY_ID, _UNIVERSAL_ENTITY_ID_TYPE = "00400031", "00400032", "00400033"


@dataclass(frozen=True)
class AssignedPatientId:
    """What names one patient, wherever the number alone may be two patients'.

    Attributes
    ----------
    value
        CX.1, the number.
    namespace, universal, universal_type
        CX.4, the assigning authority: its name where it is known by that, and
        its identifier for everybody; "" where they are left out.
    """

    value: str
    namespace: str = ""
    universal: str = ""
    universal_type: str = ""

    @property
    def names_authority(self) -> bool:
        """Whether it says who assigned the number."""
        return bool(self.namespace or self.universal)

    def is_of(self, study: Study, space: Space, links: Links) -> bool:
        """Whether the study is of this patient, or may be, where no authority is named.

        Where both say how everybody knows the authority, that counts, and no
        name. Else it is the study's if both have the same URI in FHIR, or by
        its name where one of the two has no identifier for everybody.
        """
        patient = patient_of(study, space, links)
        if len(patient) < 2 or patient[1] != self.value:
            return False
        return not self.names_authority or self._has_assigned(patient[0], study.attributes, space, links)

    def _has_assigned(self, system: str, attributes: Attributes, space: Space, links: Links) -> bool:
        kind = _HL7_TYPES.get(self.universal_type.upper(), self.universal_type.upper())
        named = {
            _UNIVERSAL_ENTITY_ID: {"vr": "UT", "Value": [self.universal]},
            _UNIVERSAL_ENTITY_ID_TYPE: {"vr": "CS", "Value": [kind]},
        }
        universal, universal_type = _universal(attributes)
        if self.universal and universal:
            same = universal == self.universal and (universal_type == kind or not (universal_type and kind))
            return same or (issuer_system("", named, space, links) == system and not is_local(system, space, links))
        if issuer_system(self.namespace, named, space, links) == system:
            return True
        if not self.namespace or (self.universal and not is_local(system, space, links)):
            return False
        return self.namespace in _names(attributes)


def patient_of(study: Study, space: Space, links: Links) -> tuple[str, ...]:
    """Who the patient is: two studies are of one patient if this is the same.

    That is the system and the value of the Patient's identifier in FHIR. A
    study without one clear Patient ID has a patient of its own.
    """
    try:
        found = identifier(study.attributes, space, links, Findings())
    except Rejected:
        return (study.key.study_instance_uid,)
    return found["system"], found["value"]


def is_known_elsewhere(study: Study, space: Space, links: Links) -> bool:
    """Whether the study says who assigned its Patient ID, by what other spaces know them by too."""
    issuer, qualifiers = text(study.attributes, _ISSUER_OF_PATIENT_ID), _qualifiers(study.attributes)
    system = issuer_system(issuer, qualifiers, space, links)
    return system is not None and not is_local(system, space, links)


def _qualifiers(attributes: Attributes) -> Attributes:
    return first_item(attributes, _ISSUER_OF_PATIENT_ID_QUALIFIERS) or {}


def _universal(attributes: Attributes) -> tuple[str, str]:
    """How everybody knows who assigned the Patient ID, and how that is to be read; "" for what is not told."""
    qualifiers = _qualifiers(attributes)
    universal, kind = (text(qualifiers, tag).strip() for tag in (_UNIVERSAL_ENTITY_ID, _UNIVERSAL_ENTITY_ID_TYPE))
    return universal, kind.upper()


def _names(attributes: Attributes) -> set[str]:
    qualifiers = _qualifiers(attributes)
    stated = (text(attributes, _ISSUER_OF_PATIENT_ID), text(qualifiers, _LOCAL_NAMESPACE_ENTITY_ID))
    return {name.strip() for name in stated if name.strip()}
