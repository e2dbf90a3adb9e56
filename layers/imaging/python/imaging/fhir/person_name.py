"""Person Name (PN), PS3.5 Section 6.2.1, as FHIR has names."""

from typing import Any

from imaging.fhir.primitives import Resource, present, string
from imaging.model.instance import DicomJson

_GROUPS = ("Alphabetic", "Ideographic", "Phonetic")  # PS3.18 F.2.2
_COMPONENTS = 5  # family, given, middle, prefix, suffix: PS3.5 6.2.1.1


def human_name(attributes: DicomJson, tag: str) -> Resource | None:
    """The first representation the name has, as the name in usual use."""
    family, given, middle, prefix, suffix = _components(attributes, tag)
    name = present(
        family=string(family),
        # Middle names are given names in FHIR: https://hl7.org/fhir/R4/datatypes.html#HumanName
        given=_names(given) + _names(middle),
        prefix=_names(prefix),
        suffix=_names(suffix),
    )
    return {"use": "usual", **name} if name else None


def display_name(attributes: DicomJson, tag: str) -> str | None:
    """The name as it is spoken: prefix, given names, family name, suffix."""
    family, given, middle, prefix, suffix = _components(attributes, tag)
    return string(" ".join(" ".join((prefix, given, middle, family, suffix)).split()))


def _components(attributes: DicomJson, tag: str) -> list[str]:
    values: list[Any] = attributes.get(tag, {}).get("Value") or [None]
    representations = values[0] if isinstance(values[0], dict) else {}
    text = next((representations[group] for group in _GROUPS if representations.get(group)), "")
    return (str(text).split("^") + [""] * _COMPONENTS)[:_COMPONENTS]


def _names(component: str) -> list[str]:
    """Several names in one component stand apart by spaces, as in ``John Robert Quincy``: PS3.5 6.2.1.1."""
    return [name for word in component.split() if (name := string(word))]
