"""An instance is what it was when it is read back from its row."""

from dataclasses import replace

import pytest

from imaging.aws.rows import instance_of, instance_row, of_item, to_item
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Action, Arrival, Door, Instance
from tests.fakes import START

INSTANCE = Instance(
    InstanceKey("main", "1.2.1", "1.2.2", "1.2.3"),
    change_number=2,
    action=Action.UPDATE,
    version_id="v1",
    size_bytes=1_000,
    arrival=Arrival("digest", "1.2.840.10008.1.2.1", Door.C_STORE, START, "CALLER"),
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    attributes={"00100010": {"vr": "PN", "Value": [{"Alphabetic": "Test^Patient"}]}},
)


@pytest.mark.parametrize("pixel_layout", [b"", NO_LAYOUT, LAYOUT_BESIDE, b"\x78\xda packed"])
def test_an_instance_comes_back_with_its_pixel_layout(pixel_layout: bytes) -> None:
    instance = replace(INSTANCE, pixel_layout=pixel_layout)
    assert instance_of(of_item(to_item(instance_row(instance)))) == instance


def test_an_instance_comes_back_with_what_cannot_be_read_of_it() -> None:
    year = {"00080020": {"vr": "DA", "Value": ["1921"]}}
    instance = replace(INSTANCE, unreadable=("00080020", "00080030"), too_long=("00080030",), partial_dates=year)
    assert instance_of(of_item(to_item(instance_row(instance)))) == instance
    assert not {"unreadable", "too_long", "partial_dates"} & to_item(instance_row(INSTANCE)).keys()


def test_a_row_of_an_earlier_release_has_no_layout() -> None:
    row = instance_row(INSTANCE)
    del row["pixel_layout"]
    assert instance_of(of_item(to_item(row))) == INSTANCE
