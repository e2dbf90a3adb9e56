"""What a binding is about: the key ``filter`` of an entry of ``imaging.bindings``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pydicom import datadict

from infra.query_tag_config import MATCHED_ANYWAY, QueryTagConfiguration
from infra.section import ConfigurationError, Section

_PATTERN = r"[^\\\x00-\x1f\x7f]{1,64}"
_MUST = "a text of 1 to 64 characters, in which * stands for any text and ? for any character"
_UIDS = r"[0-9.*?]{1,64}"
_MODALITIES_IN_STUDY = "00080061"


@dataclass(frozen=True)
class BindingFilterConfiguration:
    """Patterns, all of which fit what the binding is about.

    Attributes
    ----------
    spaces
        The names of the storage spaces that the filter's own pattern fits.
    patterns
        As the processes read them, those that are given: `space`, `modality`,
        `sop_class_uid`, `calling_ae_title`, and `attributes` by 8-digit tag.
    """

    spaces: tuple[str, ...]
    patterns: Mapping[str, Any]

    @classmethod
    def of(
        cls, path: str, values: object, *, spaces: Sequence[str], query_tags: Sequence[QueryTagConfiguration]
    ) -> "BindingFilterConfiguration":
        """Read ``filter``.

        Parameters
        ----------
        spaces
            The names of all storage spaces.
        query_tags
            What is indexed beside what always is.
        """
        section = Section(path, values, ("space", "modality", "sop_class_uid", "calling_ae_title", "attributes"))
        patterns: dict[str, Any] = {
            key: section.text(key, pattern=_UIDS if key == "sop_class_uid" else _PATTERN, must=_MUST)
            for key in ("space", "modality", "sop_class_uid", "calling_ae_title")
            if key in section
        }
        fitting = tuple(space for space in spaces if fnmatchcase(space, patterns.get("space", "*")))
        if not fitting or "[" in patterns.get("space", ""):
            raise section.error("space", f"a pattern that fits a storage space, of which there are {_listed(spaces)}")
        if "attributes" in section:
            patterns["attributes"] = _attributes(f"{path}.attributes", section.value("attributes"), query_tags)
        return cls(fitting, patterns)


def _attributes(path: str, values: object, query_tags: Sequence[QueryTagConfiguration]) -> dict[str, str]:
    if not isinstance(values, Mapping):
        raise ConfigurationError(f"{path} must be an object of patterns by keyword or tag, not {values!r}.")
    section = Section(path, values, values)
    of_the_deployment = {tag.number for tag in query_tags}
    found: dict[str, str] = {}
    for name in values:
        tag = _tag(str(name))
        if not tag:
            raise ConfigurationError(f"{path}.{name} must be 8 hexadecimal digits or the keyword of an attribute.")
        if tag not in of_the_deployment and not _always_kept(tag):
            raise ConfigurationError(
                f"{path}.{name} must be an attribute whose text is indexed: one that searches match, modality aside, "
                "or one of imaging.query_tags."
            )
        if tag in found:
            raise ConfigurationError(f"{path} must have each attribute once, by its keyword or by its tag.")
        found[tag] = section.text(name, pattern=_PATTERN, must=_MUST)
    return found


def _tag(name: str) -> str:
    if len(name) == 8 and all(digit in "0123456789abcdefABCDEF" for digit in name):
        return name.upper()
    number = datadict.tag_for_keyword(name)
    return "" if number is None else f"{number:08X}"


def _always_kept(tag: str) -> bool:
    """Whether a row has the attribute, and with a text: a sequence has none, and a study's modalities are counted."""
    return tag in MATCHED_ANYWAY and tag != _MODALITIES_IN_STUDY and datadict.dictionary_VR(int(tag, 16)) != "SQ"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
