from io import BytesIO

from pydicom import dcmread
from pydicom.uid import UID

from imaging.dicom.part10 import IMPLEMENTATION_CLASS_UID, file_meta_information
from tests.unit.dicom.files import EXPLICIT_VR_LITTLE_ENDIAN, SOP_CLASS_UID, element


def test_is_what_every_reader_understands() -> None:
    content = file_meta_information(SOP_CLASS_UID, "1.2.3", EXPLICIT_VR_LITTLE_ENDIAN)
    ds = dcmread(BytesIO(content + element(0x00080016, "UI", SOP_CLASS_UID)))
    assert ds.file_meta.FileMetaInformationGroupLength == len(content) - 144
    assert ds.file_meta.FileMetaInformationVersion == b"\0\1"
    assert ds.file_meta.MediaStorageSOPClassUID == ds.SOPClassUID == SOP_CLASS_UID
    assert ds.file_meta.MediaStorageSOPInstanceUID == "1.2.3"
    assert ds.file_meta.TransferSyntaxUID == EXPLICIT_VR_LITTLE_ENDIAN
    assert UID(IMPLEMENTATION_CLASS_UID).is_valid


def test_is_the_same_for_every_sender_and_release() -> None:
    content = file_meta_information("1.2", "1.2.3", "1.2.840.10008.1.2")
    assert content[128:].hex() == (
        "4449434d"
        "02000000554c040086000000"
        "020001004f42000002000000" "0001"
        "02000200554904" "00" "312e3200"
        "02000300554906" "00" "312e322e3300"
        "02001000554912" "00" "312e322e3834302e31303030382e312e3200"
        "0200120055492c" "00"
        "322e32352e3631353033383438323834393135373633343230393338313239333437313036323333343537"
        "00"
        "02001300534808" "00" "494d4147494e4720"
    )  # fmt: skip
