"""What the instances of a study, or of a series, say of it together.

An attribute has the value of the instance stored last that has one. Of
attributes that belong together the first decides: the others come from
instances that have the same value of it. What is said of the patient comes
from instances of one patient: a name never meets the identifier of another.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from imaging.dicom.attributes import (
    INSTANCE_ATTRIBUTES,
    PATIENT_STUDY_ATTRIBUTES,
    Attributes,
    series_tags,
    study_tags,
)
from imaging.model.instance import DicomJson, Instance
from imaging.pipeline.named_patient import (
    ISSUER_OF_PATIENT_ID,
    ISSUER_OF_PATIENT_ID_QUALIFIERS,
    PATIENT_ID,
    is_another_patient,
    names_patient,
)
from imaging.settings import QueryTag

_IDENTITY = (PATIENT_ID, ISSUER_OF_PATIENT_ID, ISSUER_OF_PATIENT_ID_QUALIFIERS)
_PATIENT_GROUP = "0010"

# Of which the first decides: who says the same of it, gives the others.
_BELONG_TOGETHER = (
    (*_IDENTITY, "00100022"),  # and Type of Patient ID
    ("00080050", "00080051"),  # Accession Number and its issuer
    ("00080020", "00080030", "00080201"),  # Study Date, Time, Timezone Offset From UTC
    ("00080021", "00080031", "00080201"),  # Series Date, Time, and again Timezone Offset From UTC
    ("00400244", "00400245"),  # Performed Procedure Step Start Date, Time
    ("00400250", "00400251"),  # Performed Procedure Step End Date, Time
    # Names and identifications, which PS3.3 makes correspond item by item.
    ("00080090", "00080096"),  # Referring Physician
    ("00081060", "00081062"),  # Physician(s) Reading Study
    ("00081050", "00081052"),  # Performing Physician
    ("00081070", "00081072"),  # Operators
    ("00180015", "00200060"),  # Body Part Examined, Laterality
)
_MAY_BE_LEFT_OUT = (ISSUER_OF_PATIENT_ID, ISSUER_OF_PATIENT_ID_QUALIFIERS)  # without meaning anybody else


@dataclass(frozen=True)
class Told:
    """What instances say together.

    Attributes
    ----------
    conflicts
        Tags, sorted, of which an instance has another value than is given;
        Patient ID if an instance names another patient, be it by the issuer.
    unreadable
        Tags of which there would be a value, could it be read.
    partial_dates
        What is said of a date that has no value.
    """

    attributes: DicomJson
    unreadable: frozenset[str]
    partial_dates: DicomJson
    conflicts: tuple[str, ...] = ()


def told_of_study(instances: Iterable[Instance], query_tags: Sequence[QueryTag] = ()) -> Told:
    """The attributes of patient and study."""
    latest_first = _latest_first(instances)
    tags = study_tags(query_tags)
    of_patient = frozenset(tag for tag in tags if tag.startswith(_PATIENT_GROUP))
    patient = _told(_of_one_patient(latest_first), of_patient)
    study = _told(latest_first, tags - of_patient)
    attributes = _in_order({**study.attributes, **patient.attributes})
    return Told(
        attributes,
        study.unreadable | patient.unreadable,
        {**study.partial_dates, **patient.partial_dates},
        _conflicts(attributes, latest_first),
    )


def told_of_series(instances: Iterable[Instance], query_tags: Sequence[QueryTag] = ()) -> Told:
    """The attributes of a series, and the zone of its times."""
    return _told(_latest_first(instances), series_tags(query_tags))


def unreadable_of_instances(instances: Iterable[Instance]) -> frozenset[str]:
    """The tags of what instances have each for itself and cannot be given."""
    return frozenset(tag for instance in instances for tag in instance.unreadable).intersection(INSTANCE_ATTRIBUTES)


def too_long_of(unreadable: Collection[str], instances: Iterable[Instance]) -> frozenset[str]:
    """Those of the tags of which no instance has a value that breaks its VR."""
    broken = {tag for instance in instances for tag in instance.unreadable if tag not in instance.too_long}
    return frozenset(unreadable) - broken


def _latest_first(instances: Iterable[Instance]) -> list[Instance]:
    return sorted(instances, key=lambda instance: (instance.arrival.stored_at, instance.key), reverse=True)


def _of_one_patient(latest_first: Sequence[Instance]) -> list[Instance]:
    """Those that do not name another patient than the one whose Patient ID was stored last."""
    named = _told(latest_first, frozenset(_IDENTITY)).attributes
    return [instance for instance in latest_first if not is_another_patient(named, instance.attributes)]


def _told(latest_first: Sequence[Instance], tags: frozenset[str]) -> Told:
    present: dict[str, int] = {}
    valued: dict[str, int] = {}
    broken: set[str] = set()
    for place, instance in enumerate(latest_first):
        broken.update(instance.unreadable)
        for tag in instance.attributes:
            if tag in tags and tag not in valued:
                present.setdefault(tag, place)
                if has_value(instance.attributes, tag):
                    valued[tag] = place
    attributes: dict[str, Any] = {}
    unreadable: set[str] = set()
    for together in _groups(tags):
        places = [valued[tag] for tag in together if tag in valued]
        for tag in together:
            if tag in valued:
                said = _said(latest_first[valued[tag] :], tag, attributes, together[: together.index(tag)])
            else:
                said = latest_first[present[tag]].attributes[tag] if tag in present else None
            if said is not None:
                attributes[tag] = said
        cannot_be_given = latest_first[valued.get(together[0], min(places))].unreadable if places else broken
        unreadable.update(tag for tag in together if tag in cannot_be_given and not has_value(attributes, tag))
    partial = _partial_dates(latest_first, {tag for tag in tags if not has_value(attributes, tag)})
    return Told(_in_order(attributes), frozenset(unreadable - partial.keys()), partial)


def _said(latest_first: Iterable[Instance], tag: str, given: Attributes, before: Collection[str]) -> Any:  # noqa: ANN401 - JSON
    """The value of the instance stored last that says the same of what belongs together and comes before it.

    An issuer that it leaves out is the same one; a time that it leaves out is
    another, as nothing tells that its zone is that of the time.
    """
    return next(
        (
            instance.attributes[tag]
            for instance in latest_first
            if has_value(instance.attributes, tag)
            and all(_is_same(given, instance.attributes, each) for each in before)
        ),
        None,
    )


def _is_same(given: Attributes, other: Attributes, tag: str) -> bool:
    if not has_value(given, tag) or (tag in _MAY_BE_LEFT_OUT and not has_value(other, tag)):
        return True
    return has_value(other, tag) and not _differ(given[tag], other[tag])


def _partial_dates(latest_first: Iterable[Instance], tags: Collection[str]) -> DicomJson:
    found: dict[str, Any] = {}
    for instance in latest_first:
        for tag, date in instance.partial_dates.items():
            if tag in tags:
                found.setdefault(tag, date)
    return _in_order(found)


def _groups(tags: Collection[str]) -> Iterator[tuple[str, ...]]:
    """What belongs together, of these tags; what stands alone is a group too."""
    left = set(tags)
    for together in _BELONG_TOGETHER:
        if together[0] in tags:
            left.difference_update(together)
            yield tuple(tag for tag in together if tag in tags)
    yield from ((tag,) for tag in left)


def _conflicts(given: Attributes, instances: Sequence[Instance]) -> tuple[str, ...]:
    """What is not given counts too: it was left out because it belongs to something else that is not given."""
    tags = set(PATIENT_STUDY_ATTRIBUTES) - {PATIENT_ID}
    found = {
        tag
        for instance in instances
        for tag, attribute in instance.attributes.items()
        if tag in tags and attribute != given.get(tag) and has_value(instance.attributes, tag)
        if not has_value(given, tag) or _differ(given[tag], attribute)
    }
    naming = (instance.attributes for instance in instances if names_patient(instance.attributes))
    if any(is_another_patient(given, attributes) for attributes in naming):
        found.add(PATIENT_ID)
    return tuple(sorted(found))


def has_value(attributes: Attributes, tag: str) -> bool:
    """Whether an attribute says anything: empty ones, and items without content, do not."""
    attribute = attributes.get(tag, {})
    return "InlineBinary" in attribute or any(value not in (None, "", {}) for value in attribute.get("Value", ()))


def _differ(one: Any, other: Any) -> bool:  # noqa: ANN401 - JSON
    return bool(_comparable(one) != _comparable(other))


def _comparable(attribute: Any) -> Any:  # noqa: ANN401 - JSON
    """Of a person name without the delimiters that may be left out at its end: PS3.5 Section 6.2.1.1.

    Spaces around other text are padding: Section 6.2.
    """
    if attribute["vr"] != "PN":
        values = attribute.get("Value", ())
        return {**attribute, "Value": [each.strip(" ") if isinstance(each, str) else each for each in values]}
    return [{group: text.rstrip("^ ") for group, text in (name or {}).items()} for name in attribute.get("Value", ())]


def _in_order(attributes: DicomJson) -> DicomJson:
    return dict(sorted(attributes.items()))
