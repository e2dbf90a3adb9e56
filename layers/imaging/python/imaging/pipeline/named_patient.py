"""Whether instances name the same patient."""

from collections.abc import Mapping

from imaging.dicom.attributes import Attributes, text

PATIENT_ID = "00100020"
ISSUER_OF_PATIENT_ID, ISSUER_OF_PATIENT_ID_QUALIFIERS = "00100021", "00100024"

_LOCAL_NAMESPACE_ENTITY_ID, _UNIVERSAL_ENTITY_ID, _UNIVERSAL_ENTITY_ID_TYPE = "00400031", "00400032", "00400033"
_UNIVERSAL_ENTITY_ID_TYPES = frozenset({"DNS", "ISO", "URI", "UUID"})  # of which imaging.fhir.issuer makes URIs


def names_patient(attributes: Attributes) -> bool:
    """Whether there is a Patient ID: an issuer alone names nobody."""
    return bool(_patient_id(attributes))


def is_another_patient(one: Attributes, other: Attributes) -> bool:
    """Whether Patient ID or its issuer contradict each other; what one of them leaves out is no contradiction.

    The Universal Entity ID tells who issued the identifier, whatever text
    stands beside it: PS3.3 Section 10.14.
    """
    if _contradict(_patient_id(one), _patient_id(other)):
        return True
    universal = _universal_issuer(one), _universal_issuer(other)
    return _contradict(*universal) if all(universal) else _contradict(_issuer_name(one), _issuer_name(other))


def _contradict(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return bool(one and other) and one != other


def _patient_id(attributes: Attributes) -> tuple[str, ...]:
    values = attributes.get(PATIENT_ID, {}).get("Value") or ()
    return tuple(value for each in values if each is not None and (value := str(each).strip(" ")))


def _universal_issuer(attributes: Attributes) -> tuple[str, ...]:
    qualifiers = _qualifiers(attributes)
    kind = text(qualifiers, _UNIVERSAL_ENTITY_ID_TYPE).strip().upper()
    entity = text(qualifiers, _UNIVERSAL_ENTITY_ID).strip()
    return (kind, entity) if entity and kind in _UNIVERSAL_ENTITY_ID_TYPES else ()


def _issuer_name(attributes: Attributes) -> tuple[str, ...]:
    qualifiers = _qualifiers(attributes)
    name = text(attributes, ISSUER_OF_PATIENT_ID).strip() or text(qualifiers, _LOCAL_NAMESPACE_ENTITY_ID).strip()
    return (name,) if name else ()


def _qualifiers(attributes: Attributes) -> Attributes:
    first = next(iter(attributes.get(ISSUER_OF_PATIENT_ID_QUALIFIERS, {}).get("Value") or ()), None)
    return first if isinstance(first, Mapping) else {}
