"""Which instances of a study, a series or one instance are images, in the order in which they are looked at."""

import sys
from collections.abc import Generator

from imaging.model.instance import NO_LAYOUT, DicomJson, Instance
from imaging.model.study import Series
from imaging.ports.catalogue import StudyContents
from imaging.reading.matching import values_of
from imaging.reading.target import Target

_SERIES_NUMBER, _INSTANCE_NUMBER, _ROWS = "00200011", "00200013", "00280010"


def find_images(contents: StudyContents, target: Target) -> Generator[list[Instance], None, None]:
    """Instances that are images, series by series, as far as their rows tell; read as the caller goes on.

    Raises
    ------
    Rejected
        `NO_SUCH_RESOURCE` at the end if there is nothing at all.
    """
    if target.series_instance_uid:
        parts = [target]
    else:
        series = sorted(contents.read_series(target.study), key=_series_place)
        parts = [Target(target.study, one.series_instance_uid) for one in series]
    found = False
    for part in parts:
        instances = part.instances(contents)
        found = found or bool(instances)
        if images := sorted(filter(_is_image, instances), key=_place):
            yield images
    if not found:
        raise target.not_found()


def _is_image(instance: Instance) -> bool:
    return instance.pixel_layout != NO_LAYOUT and _ROWS in instance.attributes


def _series_place(series: Series) -> tuple[int, str]:
    return _number(series.attributes, _SERIES_NUMBER), series.series_instance_uid


def _place(instance: Instance) -> tuple[int, str]:
    return _number(instance.attributes, _INSTANCE_NUMBER), instance.key.sop_instance_uid


def _number(attributes: DicomJson, tag: str) -> int:
    """A number to sort by; without one, at the end."""
    values = values_of(attributes, tag)
    return int(values[0]) if values and values[0].lstrip("+-").isdecimal() else sys.maxsize
