"""Decides what a binding is about: wildcards as in PS3.4 Section C.2.2.2.4, any of several values will do."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from imaging.model.binding import BindingFilter
from imaging.model.instance import DicomJson, Instance
from imaging.model.revision import Revision

MODALITY = "00080060"


@dataclass(frozen=True)
class Facts:
    """What a filter asks of one instance.

    Attributes
    ----------
    attributes
        The indexed ones of all levels.
    """

    sop_class_uid: str
    calling_ae_title: str
    attributes: DicomJson


def facts_of(instance: Instance) -> Facts:
    """Of an instance as the manifest has it."""
    return Facts(instance.sop_class_uid, instance.arrival.calling_ae_title, instance.attributes)


def facts_in(revision: Revision, calling_ae_titles: Mapping[tuple[str, str], str]) -> Iterator[Facts]:
    """Of all instances of a revision, which does not know who sent them.

    Parameters
    ----------
    calling_ae_titles
        By Series and SOP Instance UID.
    """
    for series in revision.series:
        shared = {**revision.attributes, **series.attributes}
        for instance in series.instances:
            sender = calling_ae_titles.get((series.series_instance_uid, instance.sop_instance_uid), "")
            yield Facts(instance.sop_class_uid, sender, {**shared, **instance.attributes})


def fits_space(wanted: BindingFilter, space: str) -> bool:
    """Whether the binding is about the space."""
    return _fits(wanted.space, [space])


def asks_of_instances(wanted: BindingFilter) -> bool:
    """Whether the filter looks at more than the space."""
    return bool(wanted.modality or wanted.sop_class_uid or wanted.calling_ae_title or wanted.attributes)


def fits(wanted: BindingFilter, facts: Facts) -> bool:
    """Whether one instance has everything that the filter asks for."""
    return (
        _fits(wanted.sop_class_uid, [facts.sop_class_uid])
        and _fits(wanted.calling_ae_title, [facts.calling_ae_title])
        and _fits(wanted.modality, _values(facts.attributes, MODALITY))
        and all(_fits(pattern, _values(facts.attributes, tag)) for tag, pattern in wanted.attributes.items())
    )


def fits_any(wanted: BindingFilter, instances: Iterable[Facts]) -> bool:
    """Whether a study fits: one of its instances does."""
    return any(fits(wanted, facts) for facts in instances)


def _fits(pattern: str, values: Iterable[str]) -> bool:
    """An attribute without a value is like an empty one, which only asterisks fit."""
    literal = pattern.replace("[", "[[]")
    return not pattern or any(fnmatchcase(value.strip(" \0"), literal) for value in (list(values) or [""]))


def _values(attributes: DicomJson, tag: str) -> Iterator[str]:
    for value in attributes.get(tag, {}).get("Value") or ():
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any value of DICOM JSON
    """A name is matched by each of its component groups; a sequence has no text."""
    if isinstance(value, Mapping):
        yield from (value[group] for group in ("Alphabetic", "Ideographic", "Phonetic") if group in value)
    elif value is not None:
        yield str(value)
