from io import BytesIO
from typing import Any

import pytest
from pydicom import DataElement, Dataset, dcmread, dcmwrite
from pydicom.dataelem import RawDataElement
from pydicom.tag import Tag

from imaging.dicom.rendering_header import frame_header, rendering_header


def header(**attributes: Any) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def reread(ds: Dataset, *, implicit_vr: bool, little_endian: bool) -> Dataset:
    written = BytesIO()
    dcmwrite(written, ds, implicit_vr=implicit_vr, little_endian=little_endian, enforce_file_format=False)
    read = dcmread(written, force=True)
    read.set_original_encoding(implicit_vr, little_endian)
    return read


def test_nothing_of_the_patient_is_copied() -> None:
    head = header(PatientName="Secret^Name", PatientID="1", StudyDescription="head", WindowCenter=40, WindowWidth=80)
    assert {element.keyword for element in rendering_header(head, [1])} == {"WindowCenter", "WindowWidth"}


@pytest.mark.parametrize("encoding", [(True, True), (False, True), (False, False)])
def test_tables_are_little_endian_whatever_they_were_read_from(encoding: tuple[bool, bool]) -> None:
    table = header(LUTDescriptor=[3, 0, 16])
    words = (1).to_bytes(2, "little") + (2).to_bytes(2, "little") + (773).to_bytes(2, "little")
    in_file = words if encoding[1] else b"".join(words[place : place + 2][::-1] for place in (0, 2, 4))
    table.add(DataElement("LUTData", "OW", in_file))
    head = reread(
        header(PixelRepresentation=0, VOILUTSequence=[table]), implicit_vr=encoding[0], little_endian=encoding[1]
    )
    (item,) = rendering_header(head, [1]).VOILUTSequence
    assert item.LUTData == words
    assert list(item.LUTDescriptor) == [3, 0, 16]


def test_a_value_that_breaks_its_vr_is_left_out() -> None:
    head = header(WindowCenter=4)
    tag = Tag("RescaleSlope")
    head[tag] = RawDataElement(tag, "DS", 4, b"abc ", 0, False, True)
    assert [element.keyword for element in rendering_header(head, [1])] == ["WindowCenter"]


def test_of_several_values_where_one_belongs_the_first_is_taken() -> None:
    head = header(RescaleSlope=[2, 3], RescaleIntercept="", WindowCenter=[4, 5])
    found = rendering_header(head, [1])
    assert (found.RescaleSlope, list(found.WindowCenter)) == (2, [4, 5])
    assert "RescaleIntercept" not in found


def test_a_table_without_entries_is_left_out() -> None:
    assert not rendering_header(header(VOILUTSequence=[header(LUTDescriptor=[3, 0, 16])]), [1]).VOILUTSequence


def test_each_frame_has_what_its_functional_groups_say() -> None:
    head = header(
        PixelSpacing=[3, 3],
        SharedFunctionalGroupsSequence=[
            header(
                PixelMeasuresSequence=[header(PixelSpacing=[1, 2])],
                FrameVOILUTSequence=[header(WindowCenter=1, WindowWidth=2)],
            )
        ],
        PerFrameFunctionalGroupsSequence=[
            header(PixelValueTransformationSequence=[header(RescaleSlope=number, RescaleIntercept=0)])
            for number in range(1, 6)
        ],
    )
    head.PerFrameFunctionalGroupsSequence[3].FrameVOILUTSequence = [header(WindowCenter=7, WindowWidth=8)]
    found = rendering_header(head, [4, 2, 9])
    of_frames = [frame_header(found, place) for place in range(3)]
    assert [one.get("RescaleSlope") for one in of_frames] == [4, 2, None]
    assert [one.WindowCenter for one in of_frames] == [7, 1, 1]
    assert [list(one.PixelSpacing) for one in of_frames] == [[1, 2]] * 3
    assert "SharedFunctionalGroupsSequence" not in of_frames[0]


def test_a_copy_for_all_frames_can_be_copied_again_for_some() -> None:
    groups = [header(PixelValueTransformationSequence=[header(RescaleSlope=number)]) for number in range(1, 6)]
    shared = [header(FrameVOILUTSequence=[header(WindowCenter=1, WindowWidth=2)])]
    table = header(LUTDescriptor=[1, 0, 16])
    table.add(DataElement("LUTData", "OW", b"\1\2"))
    written = header(
        PixelRepresentation=0,
        VOILUTSequence=[table],
        SharedFunctionalGroupsSequence=shared,
        PerFrameFunctionalGroupsSequence=groups,
    )
    for little_endian in (True, False):
        head = reread(written, implicit_vr=False, little_endian=little_endian)
        whole = rendering_header(head, None)
        assert len(whole.PerFrameFunctionalGroupsSequence) == 5
        for numbers in ([], [4, 2, 9], [1]):
            assert rendering_header(whole, numbers) == rendering_header(head, numbers)
