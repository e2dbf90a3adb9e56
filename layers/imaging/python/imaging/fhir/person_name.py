"""Person Name (PN), PS3.5 Section 6.2.1, as FHIR has names."""

from collections.abc import Mapping
from unicodedata import normalize

from imaging.dicom.attributes import Attributes
from imaging.fhir.findings import Findings
from imaging.fhir.identifier_value import LOST
from imaging.fhir.primitives import Resource, present, string

REPRESENTATION = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-representation"
"""https://hl7.org/fhir/R4/extension-iso21090-en-representation.html"""

_GROUPS = {"Alphabetic": None, "Ideographic": "IDE", "Phonetic": "SYL"}  # PS3.18 F.2.2
_COMPONENTS = 5  # family, given, middle, prefix, suffix: PS3.5 6.2.1.1

PARTS = ("family", "given", "prefix", "suffix")
"""The elements of a HumanName that a Person Name gives."""


def human_names(attributes: Attributes, tag: str, findings: Findings) -> list[Resource]:
    """The name in usual use, once for each of its component groups.

    The alphabetic one stands plain, as most readers of FHIR know no other; the
    ideographic and the phonetic one say that they are. What is no Person Name,
    what lost characters when it was decoded, and a second one, is noted.
    """
    names = []
    values = _values(attributes, tag)
    if _is_something_else(attributes.get(tag, {})) or values[1:]:
        findings.invalid(tag)
    for value in values[:1]:
        for group, representation in _GROUPS.items():
            written = str(value.get(group) or "")
            name = {} if LOST in written else _human_name(written)
            if (written.strip("^ ") and not name) or any(written.split("^")[_COMPONENTS:]):
                findings.invalid(tag)
            if name:
                extension = [{"url": REPRESENTATION, "valueCode": representation}] if representation else []
                names.append(present(extension=extension, use="usual", **name))
    return names


def spelled(name: Resource) -> list[str]:
    """What a HumanName says, part by part, however it is written: case, spaces and width do not count."""
    return [_folded(name.get(part, "")) for part in PARTS]


def representation_of(name: Resource) -> str | None:
    """``IDE`` or ``SYL``; None for an alphabetic name, which need not say so."""
    stated = (each.get("valueCode") for each in name.get("extension", []) if each.get("url") == REPRESENTATION)
    return next((code for code in stated if code in _GROUPS.values()), None)


def display_name(attributes: Attributes, tag: str) -> str | None:
    """The first name in the first group that it has, as it is spoken.

    In an ideographic or a phonetic one the family name comes first, as it does
    in Chinese, Japanese and Korean.
    """
    for value in _values(attributes, tag)[:1]:
        for group, representation in _GROUPS.items():
            family, given, middle, prefix, suffix = _components(str(value.get(group) or ""))
            names = (family, given, middle) if representation else (given, middle, family)
            if spoken := string(" ".join(" ".join((prefix, *names, suffix)).split())):
                return spoken
    return None


def _human_name(group: str) -> Resource:
    family, given, middle, prefix, suffix = _components(group)
    return present(
        family=string(family),
        # Middle names are given names in FHIR: https://hl7.org/fhir/R4/datatypes.html#HumanName
        given=_words(given) + _words(middle),
        prefix=_words(prefix),
        suffix=_words(suffix),
    )


def _values(attributes: Attributes, tag: str) -> list[Mapping[str, object]]:
    return [value for value in attributes.get(tag, {}).get("Value") or [] if isinstance(value, Mapping)]


def _is_something_else(attribute: Mapping[str, object]) -> bool:
    """Whether an attribute has a value that is no Person Name, whatever its VR says."""
    values = attribute.get("Value")
    stated = [value for value in values if value not in (None, "", {})] if isinstance(values, list) else []
    is_name = attribute.get("vr") == "PN" and all(isinstance(value, Mapping) for value in stated)
    return bool(stated and not is_name) or bool(attribute.keys() - {"vr", "Value"})


def _components(group: str) -> list[str]:
    return (group.split("^") + [""] * _COMPONENTS)[:_COMPONENTS]


def _folded(part: str | list[str]) -> str:
    words = part if isinstance(part, str) else " ".join(word or "" for word in part)
    return " ".join(normalize("NFKC", words).casefold().split())


def _words(component: str) -> list[str]:
    """Several names in one component stand apart by spaces, as in ``John Robert Quincy``: PS3.5 6.2.1.1."""
    return [name for word in component.split() if (name := string(word))]
