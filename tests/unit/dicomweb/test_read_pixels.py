"""Transcoding, frames, bulk data, pictures and the URI service, on real files stored by the real stages."""

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from uuid import uuid4
from zipfile import ZipFile

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEG2000, ExplicitVRLittleEndian, JPEG2000Lossless, JPEGBaseline8Bit, RLELossless

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Request, Response
from imaging.model.identifiers import InstanceKey
from tests.archive import Archive, parts
from tests.instances import part10_instance
from tests.manifest_table import create_manifest_table

FOLDER = Path(pydicom.__file__).parent / "data" / "test_files"
IN_PARTS = 'multipart/related; type="{}"'
OCTET_STREAMS = IN_PARTS.format("application/octet-stream")
DICOM_PARTS = IN_PARTS.format("application/dicom")


@pytest.fixture(scope="module")
def archive(embedded_aws: object) -> Archive:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return Archive(ManifestTable(name))


@pytest.fixture(scope="module")
def stored(archive: Archive) -> Callable[[str], tuple[Dataset, str]]:
    """Stores one of pydicom's files once: its data set, and its instance's path."""
    known: dict[str, tuple[Dataset, str]] = {}

    def store(name: str) -> tuple[Dataset, str]:
        if name not in known:
            content = (FOLDER / name).read_bytes()
            known[name] = dcmread(BytesIO(content)), path_of(archive.send_file(content))
        return known[name]

    return store


Stored = Callable[[str], tuple[Dataset, str]]


def path_of(key: InstanceKey) -> str:
    return f"studies/{key.study_instance_uid}/series/{key.series_instance_uid}/instances/{key.sop_instance_uid}"


def series_of(path: str) -> str:
    return path.partition("/instances/")[0]


def study_of(path: str) -> str:
    return path.partition("/series/")[0]


def picture(response: Response) -> Image.Image:
    assert response.status == 200, response.body
    return Image.open(BytesIO(response.body))


CT = "CT_small.dcm"
JPEG_2000 = "JPEG2000.dcm"
RLE_FRAMES = "SC_rgb_rle_2frame.dcm"  # two of them
FRAMES = "rtdose.dcm"
JPEG_COLOUR = "SC_rgb_jpeg_dcmtk.dcm"
BIG_ENDIAN = "MR_small_bigendian.dcm"
DEFLATED = "image_dfl.dcm"
DOCUMENT = "reportsi.dcm"
PLAN = "rtplan.dcm"


class TestInstances:
    @pytest.mark.parametrize("name", [CT, JPEG_2000, RLE_FRAMES, BIG_ENDIAN, DEFLATED, PLAN])
    def test_come_in_explicit_vr_little_endian_unless_asked_otherwise(
        self, archive: Archive, stored: Stored, name: str
    ) -> None:
        ds, path = stored(name)
        response = archive.get(path, accept="application/dicom")
        assert response.headers["Content-Type"] == f"application/dicom; transfer-syntax={ExplicitVRLittleEndian}"
        made = dcmread(BytesIO(response.body))
        assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert made.SOPInstanceUID == ds.SOPInstanceUID
        if "PixelData" in ds:
            assert np.array_equal(made.pixel_array, ds.pixel_array)

    @pytest.mark.parametrize("name", [CT, JPEG_2000, BIG_ENDIAN, DEFLATED])
    def test_come_byte_for_byte_if_any_transfer_syntax_will_do(
        self, archive: Archive, stored: Stored, name: str
    ) -> None:
        _, path = stored(name)
        response = archive.get(path, accept="application/dicom; transfer-syntax=*")
        assert response.body == (FOLDER / name).read_bytes()

    @pytest.mark.parametrize("transfer_syntax_uid", [RLELossless, JPEG2000Lossless])
    def test_are_compressed_as_asked(self, archive: Archive, stored: Stored, transfer_syntax_uid: str) -> None:
        ds, path = stored(CT)
        response = archive.get(path, accept=f"application/dicom; transfer-syntax={transfer_syntax_uid}")
        made = dcmread(BytesIO(response.body))
        assert made.file_meta.TransferSyntaxUID == transfer_syntax_uid
        assert np.array_equal(made.pixel_array, ds.pixel_array)
        again = archive.get(
            path,
            accept=f"application/dicom; transfer-syntax={transfer_syntax_uid}",
            if_none_match=response.headers["ETag"],
        )
        assert again.status == 304

    def test_in_what_nobody_makes_are_refused_with_what_is_stored(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(CT)
        refused = archive.get(path, accept=f"application/dicom; transfer-syntax={JPEGBaseline8Bit}")
        assert refused.status == 406
        assert b"transfer-syntax=*" in refused.body

    def test_of_a_mixed_study_are_each_made_by_themselves(self, archive: Archive) -> None:
        study, series = f"2.25.{uuid4().int}", f"2.25.{uuid4().int}"
        originals = {}
        for name in (CT, JPEG_2000, BIG_ENDIAN):
            ds = dcmread(FOLDER / name)
            ds.StudyInstanceUID, ds.SeriesInstanceUID = study, series
            ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = f"2.25.{uuid4().int}"
            file = BytesIO()
            ds.save_as(file, enforce_file_format=True)
            archive.send_file(file.getvalue())
            originals[ds.SOPInstanceUID] = ds
        made = [dcmread(BytesIO(content)) for _, content in parts(archive.get(f"studies/{study}"))]
        assert {ds.file_meta.TransferSyntaxUID for ds in made} == {ExplicitVRLittleEndian}
        assert {ds.SOPInstanceUID for ds in made} == originals.keys()
        for ds in made:
            assert np.array_equal(ds.pixel_array, originals[ds.SOPInstanceUID].pixel_array)
        some = archive.get(f"studies/{study}", accept=f"{DICOM_PARTS}; transfer-syntax={JPEG2000Lossless}")
        assert some.status == 200
        assert {head["content-type"].rpartition("=")[2] for head, _ in parts(some)} == {JPEG2000Lossless}

    def test_of_which_only_some_can_be_made_are_a_part_of_the_study(self, archive: Archive) -> None:
        study = f"2.25.{uuid4().int}"
        for name in (CT, PLAN):  # no pixels, nothing to compress
            ds = dcmread(FOLDER / name)
            ds.StudyInstanceUID = study
            file = BytesIO()
            ds.save_as(file, enforce_file_format=True)
            archive.send_file(file.getvalue())
        response = archive.get(f"studies/{study}", accept=f"{DICOM_PARTS}; transfer-syntax={RLELossless}")
        assert response.status == 206
        assert len(parts(response)) == 1
        zipped = archive.get(f"studies/{study}", accept=f"application/zip; transfer-syntax={RLELossless}")
        assert zipped.status == 206

    def test_come_as_files_of_a_zip(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(CT)
        response = archive.get(study_of(path), accept="application/zip; transfer-syntax=*")
        assert response.headers["Content-Type"] == "application/zip"
        with ZipFile(BytesIO(response.body)) as archived:
            assert archived.testzip() is None
            contents = [archived.read(name) for name in archived.namelist()]
        assert (FOLDER / CT).read_bytes() in contents


class TestFrames:
    def test_of_a_native_image_are_its_bytes(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(FRAMES)
        response = archive.get(f"{path}/frames/3,1,10")
        assert response.headers["Content-Type"].startswith(OCTET_STREAMS)
        for (head, content), number in zip(parts(response), (3, 1, 10), strict=True):
            assert content == ds.pixel_array[number - 1].tobytes()
            assert head["content-location"] == f"{archive.address}/{path}/frames/{number}"
            assert head["content-type"].endswith(f"transfer-syntax={ExplicitVRLittleEndian}")

    @pytest.mark.parametrize("name", [RLE_FRAMES, JPEG_2000, JPEG_COLOUR, BIG_ENDIAN, DEFLATED])
    def test_are_uncompressed_unless_asked_otherwise(self, archive: Archive, stored: Stored, name: str) -> None:
        ds, path = stored(name)
        ((_, content),) = parts(archive.get(f"{path}/frames/1", accept=""))
        first = ds.pixel_array[0] if ds.get("NumberOfFrames", 1) > 1 else ds.pixel_array
        assert content == first.astype(first.dtype.newbyteorder("<")).tobytes()

    @pytest.mark.parametrize(
        "accept",
        [
            "multipart/related; type=application/octet-stream; transfer-syntax=*",  # as OHIF asks
            f"{OCTET_STREAMS}; transfer-syntax={RLELossless}",
            IN_PARTS.format("image/dicom-rle"),
            IN_PARTS.format("image/*") + "; transfer-syntax=*",
        ],
    )
    def test_come_as_they_are_stored(self, archive: Archive, stored: Stored, accept: str) -> None:
        ds, path = stored(RLE_FRAMES)
        frames = list(generate_frames(ds.PixelData, number_of_frames=2))
        response = archive.get(f"{path}/frames/2,1", accept=accept)
        assert response.status == 200
        for (head, content), number in zip(parts(response), (2, 1), strict=True):
            assert content.rstrip(b"\0") == frames[number - 1].rstrip(b"\0")
            assert head["content-type"].endswith(f"transfer-syntax={RLELossless}")

    def test_can_be_made_as_jpeg_2000(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(CT)
        response = archive.get(f"{path}/frames/1", accept="image/jp2")
        assert response.headers["Content-Type"] == f"image/jp2; transfer-syntax={JPEG2000Lossless}"
        decoded = np.asarray(Image.open(BytesIO(response.body))).astype(int) - 2**15  # Pillow shows no negative values
        assert np.array_equal(decoded, ds.pixel_array)

    def test_alone_has_ranges(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(CT)
        whole = archive.get(f"{path}/frames/1", accept="application/octet-stream")
        assert whole.body == ds.PixelData
        part = archive.get(f"{path}/frames/1", accept="application/octet-stream", range="bytes=10-19")
        assert (part.status, part.body) == (206, ds.PixelData[10:20])
        tag = whole.headers["ETag"]
        assert archive.get(f"{path}/frames/1", accept="application/octet-stream", if_none_match=tag).status == 304

    @pytest.mark.parametrize(
        ("frames", "accept", "status"),
        [
            ("16", "", 404),
            ("0", "", 404),
            ("1,2,16", "", 404),
            ("x", "", 400),
            ("1,", "", 400),
            ("-1", "", 400),
            ("1", "text/html", 406),
            ("1", IN_PARTS.format("image/jpeg"), 406),
            ("1,2", "application/octet-stream", 406),
        ],
    )
    def test_that_are_not_there_or_cannot_be_sent(
        self, archive: Archive, stored: Stored, frames: str, accept: str, status: int
    ) -> None:
        _, path = stored(FRAMES)
        assert archive.get(f"{path}/frames/{frames}", accept=accept).status == status

    def test_of_what_is_no_image_are_refused(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(PLAN)
        assert archive.get(f"{path}/frames/1").status == 406

    def test_in_parts_are_another_representation_than_one_alone(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(FRAMES)
        alone = archive.get(f"{path}/frames/1", accept="application/octet-stream").headers["ETag"]
        in_parts = archive.get(f"{path}/frames/1,2,3", accept=OCTET_STREAMS).headers["ETag"]
        assert archive.get(f"{path}/frames/1", accept=OCTET_STREAMS, if_none_match=alone).status == 200
        assert archive.get(f"{path}/frames/1,2,3", accept=OCTET_STREAMS, if_none_match=in_parts).status == 304
        assert archive.get(f"{path}/frames/1,2,3", accept=OCTET_STREAMS, if_match=in_parts).status == 412  # it is weak
        assert archive.get(f"{path}/frames/99", if_none_match="*").status == 404

    def test_that_break_off_are_no_success(self, archive: Archive) -> None:
        key = archive.key(*(f"2.25.{uuid4().int}" for _ in range(3)))
        archive.send_file(part10_instance(key, Rows=400, Columns=400, NumberOfFrames=2, PixelData=bytes(400 * 400 * 2)))
        read = archive.reading(None)
        path = f"/spaces/{archive.space}/{path_of(key)}/frames/1,2"
        assert read(Request(path)).status in (404, 406)


class TestBulkData:
    def test_of_metadata_resolves(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(CT)
        response = archive.get(f"{path}/bulkdata/7FE00010", accept="*/*")
        assert (response.headers["Content-Type"], response.body) == ("application/octet-stream", ds.PixelData)
        part = archive.get(f"{path}/bulkdata/7FE00010", accept="*/*", range="bytes=-100")
        assert (part.status, part.body) == (206, ds.PixelData[-100:])
        ((head, content),) = parts(archive.get(f"{path}/bulkdata/7FE00010", accept=OCTET_STREAMS))
        assert content == ds.PixelData
        assert head["content-location"] == f"{archive.address}/{path}/bulkdata/7FE00010"

    @pytest.mark.parametrize("name", [RLE_FRAMES, JPEG_2000])
    def test_that_is_compressed_pixels_is_one_uncompressed_value(
        self, archive: Archive, stored: Stored, name: str
    ) -> None:
        ds, path = stored(name)
        assert archive.get(f"{path}/bulkdata/7FE00010", accept="*/*").body == ds.pixel_array.tobytes()

    def test_that_is_compressed_pixels_comes_as_stored_frame_by_frame(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(RLE_FRAMES)
        response = archive.get(f"{path}/bulkdata/7FE00010", accept=f"{OCTET_STREAMS}; transfer-syntax=*")
        contents = [content.rstrip(b"\0") for _, content in parts(response)]
        assert contents == [frame.rstrip(b"\0") for frame in generate_frames(ds.PixelData, number_of_frames=2)]

    @pytest.mark.parametrize("resource", ["pixeldata", "bulkdata"])
    def test_of_a_whole_series_is_a_part_for_each_value(self, archive: Archive, stored: Stored, resource: str) -> None:
        ds, path = stored(FRAMES)
        address = f"{archive.address}/{path}/bulkdata/7FE00010"
        for below in (path, series_of(path), study_of(path)):
            held = {head["content-location"]: content for head, content in parts(archive.get(f"{below}/{resource}"))}
            assert held[address] == ds.PixelData

    def test_asked_as_the_old_form_of_an_instance_is_the_same(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(FRAMES)
        assert ds.PixelData in [content for _, content in parts(archive.get(path, accept=OCTET_STREAMS))]

    def test_of_a_document_has_its_own_type(self, archive: Archive) -> None:
        key = archive.key(*(f"2.25.{uuid4().int}" for _ in range(3)))
        document = b"%PDF-1.7 " * 1_000
        archive.send_file(
            part10_instance(key, EncapsulatedDocument=document, MIMETypeOfEncapsulatedDocument="application/pdf")
        )
        response = archive.get(f"{path_of(key)}/bulkdata/00420011", accept="application/pdf")
        assert (response.headers["Content-Type"], response.body) == ("application/pdf", document)

    @pytest.mark.parametrize(
        ("stated", "own"),
        [
            ("Application/PDF; version=1.7", "application/pdf"),
            ("model/stl", "model/stl"),
            ("text/html", None),
            ("text/html;application/pdf", None),
            ("image/svg+xml", None),
            ("text/XML", None),
            ("application/xhtml+xml", None),
            ("text/javascript", None),
            ("application/pdf\nX-Injected: 1", None),
            ("application/pdf, text/html", None),
            ("*/*", None),
            ("pdf", None),
        ],
    )
    def test_of_a_document_has_its_own_type_only_if_no_browser_runs_it(
        self, archive: Archive, stated: str, own: str | None
    ) -> None:
        key = archive.key(*(f"2.25.{uuid4().int}" for _ in range(3)))
        part10 = part10_instance(key, EncapsulatedDocument=b"<script/>1", MIMETypeOfEncapsulatedDocument=stated)
        archive.send_file(part10)
        document = f"{path_of(key)}/bulkdata/00420011"
        navigated = archive.get(document, accept=f"{stated},text/html,application/xhtml+xml,image/*;q=0.9,*/*;q=0.8")
        assert navigated.headers["Content-Type"] == (own or "application/octet-stream")
        assert navigated.body == b"<script/>1"
        assert archive.get(document, accept="text/*,image/*,application/xhtml+xml,text/html").status == 406
        ((head, content),) = parts(archive.get(document, accept=IN_PARTS.format("*/*")))
        assert (head["content-type"], content) == ("application/octet-stream", b"<script/>1")

    def test_of_what_has_none_is_404(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(PLAN)
        assert archive.get(f"{path}/pixeldata").status == 404


class TestPictures:
    @pytest.mark.parametrize(
        ("accept", "kind"), [("", "JPEG"), ("image/jpeg", "JPEG"), ("image/png", "PNG"), ("image/gif", "GIF")]
    )
    def test_of_an_instance(self, archive: Archive, stored: Stored, accept: str, kind: str) -> None:
        ds, path = stored(CT)
        shown = picture(archive.get(f"{path}/rendered", accept=accept))
        assert (shown.format, shown.size) == (kind, (ds.Columns, ds.Rows))

    def test_are_as_large_and_as_bright_as_asked(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(CT)
        small = picture(archive.get(f"{path}/rendered", ("viewport", "64,32"), accept="image/png"))
        assert small.size == (32, 32)
        dark = picture(archive.get(f"{path}/rendered", ("window", "5000,1,linear"), accept="image/png"))
        assert np.asarray(dark.convert("L")).max() == 0

    def test_of_many_frames_move_as_gif_and_stand_as_jpeg(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(FRAMES)
        assert getattr(picture(archive.get(f"{path}/rendered", accept="image/gif")), "n_frames", 1) == 15
        assert picture(archive.get(f"{path}/rendered")).format == "JPEG"
        assert getattr(picture(archive.get(f"{path}/frames/2,4/rendered", accept="image/gif")), "n_frames", 1) == 2

    def test_of_frames_are_parts(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(FRAMES)
        response = archive.get(f"{path}/frames/2,4/rendered", accept=IN_PARTS.format("image/png"))
        assert [head["content-location"].rpartition("/frames/")[2] for head, _ in parts(response)] == [
            "2/rendered",
            "4/rendered",
        ]
        assert picture(archive.get(f"{path}/frames/2/rendered")).format == "JPEG"

    def test_of_a_series_are_a_part_for_each_image_or_the_one_in_the_middle(
        self, archive: Archive, stored: Stored
    ) -> None:
        _, path = stored(CT)
        for below in (series_of(path), study_of(path)):
            assert all(head["content-type"] == "image/jpeg" for head, _ in parts(archive.get(f"{below}/rendered")))
            assert picture(archive.get(f"{below}/rendered", accept="image/png")).format == "PNG"

    @pytest.mark.parametrize("level", [study_of, series_of, lambda path: path, lambda path: f"{path}/frames/1"])
    def test_that_are_thumbnails_exist_at_all_levels(
        self, archive: Archive, stored: Stored, level: Callable[[str], str]
    ) -> None:
        _, path = stored(JPEG_COLOUR)
        shown = picture(archive.get(f"{level(path)}/thumbnail"))
        assert shown.format == "JPEG"
        assert max(shown.size) <= 200

    def test_that_are_thumbnails_show_one_frame(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(FRAMES)
        assert archive.get(f"{path}/frames/2,3/thumbnail").status == 400
        assert archive.get(f"{path}/frames/99/thumbnail").status == 404

    @pytest.mark.parametrize("resource", ["rendered", "thumbnail"])
    def test_of_what_is_no_image_are_refused(self, archive: Archive, stored: Stored, resource: str) -> None:
        _, path = stored(PLAN)
        for below in (path, series_of(path), study_of(path)):
            refused = archive.get(f"{below}/{resource}")
            assert refused.status == 406
            assert b"not an image" in refused.body

    def test_are_not_sent_again(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(CT)
        tag = archive.get(f"{path}/thumbnail").headers["ETag"]
        assert archive.get(f"{path}/thumbnail", if_none_match=tag).status == 304

    def test_say_what_is_not_done(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(CT)
        assert "annotation" in archive.get(f"{path}/rendered", ("annotation", "patient")).headers["Warning"]


@pytest.fixture(scope="module")
def path(archive: Archive) -> str:
    """Of an image that tells of more pixels than any memory has, and has 128 bytes of them."""
    key = archive.key(*(f"2.25.{uuid4().int}" for _ in range(3)))
    return path_of(archive.send_file(part10_instance(key, Rows=65535, Columns=65535, NumberOfFrames=2**31 - 1)))


class TestPixelsThatAreNotThere:
    @pytest.mark.parametrize(
        "accept", ["image/gif", "image/jpeg", IN_PARTS.format("image/jpeg"), IN_PARTS.format("image/gif")]
    )
    def test_are_not_drawn(self, archive: Archive, path: str, accept: str) -> None:
        for below in (path, series_of(path), study_of(path)):
            assert archive.get(f"{below}/rendered", accept=accept).status in (404, 406, 413)
        _, study, _, series, _, instance = path.split("/")
        names = [("requestType", "WADO"), ("studyUID", study), ("seriesUID", series), ("objectUID", instance)]
        assert archive.get("wado", *names, ("contentType", "image/gif")).status in (404, 406, 413)

    @pytest.mark.parametrize("resource", ["frames/1", "frames/999999999", "thumbnail", "pixeldata"])
    def test_are_not_sent(self, archive: Archive, path: str, resource: str) -> None:
        assert archive.get(f"{path}/{resource}").status in (200, 404, 406, 413)

    def test_do_not_keep_the_rest_of_the_file(self, archive: Archive, path: str) -> None:
        assert archive.get(path, accept="application/dicom; transfer-syntax=*").status == 200
        assert archive.get(path, accept="application/dicom").status == 200
        assert archive.get(path, accept=f"application/dicom; transfer-syntax={RLELossless}").status == 406


class TestUriService:
    def asked(self, archive: Archive, path: str, *more: tuple[str, str], **headers: str) -> Response:
        _, study, _, series, _, instance = path.split("/")
        names = [("requestType", "WADO"), ("studyUID", study), ("seriesUID", series), ("objectUID", instance)]
        return archive.get("wado", *names, *more, **headers)

    def test_shows_a_single_frame_as_jpeg(self, archive: Archive, stored: Stored) -> None:
        ds, path = stored(CT)
        shown = picture(self.asked(archive, path))
        assert (shown.format, shown.size) == ("JPEG", (ds.Columns, ds.Rows))

    def test_shows_a_frame_a_region_and_a_window(self, archive: Archive, stored: Stored) -> None:
        _, path = stored(FRAMES)
        more = [("frameNumber", "3"), ("rows", "16"), ("region", "0.0,0.0,0.5,0.25"), ("contentType", "image/png")]
        ds, _ = stored(FRAMES)
        shown = picture(self.asked(archive, path, *more))
        assert shown.size == (round(16 * 2 * ds.Columns / ds.Rows), 16)
        assert picture(self.asked(archive, path, ("region", "0,0,0.5,0.5"), ("frameNumber", "1"))).size == (
            ds.Columns // 2,
            ds.Rows // 2,
        )

    def test_gives_the_instance_in_explicit_vr_little_endian_or_as_asked(
        self, archive: Archive, stored: Stored
    ) -> None:
        ds, path = stored(JPEG_2000)
        made = dcmread(BytesIO(self.asked(archive, path, ("contentType", "application/dicom")).body))
        assert made.file_meta.TransferSyntaxUID == ExplicitVRLittleEndian
        assert np.array_equal(made.pixel_array, ds.pixel_array)
        as_stored = [("contentType", "application/dicom"), ("transferSyntax", JPEG2000)]
        assert self.asked(archive, path, *as_stored).body == (FOLDER / JPEG_2000).read_bytes()

    @pytest.mark.parametrize("name", [FRAMES, PLAN])
    def test_gives_what_is_no_single_picture_as_dicom(self, archive: Archive, stored: Stored, name: str) -> None:
        _, path = stored(name)
        assert self.asked(archive, path).headers["Content-Type"].startswith("application/dicom")

    @pytest.mark.parametrize(
        ("more", "status"),
        [
            ([("rows", "0")], 400),
            ([("windowCenter", "40")], 400),
            ([("region", "0,0,2,1")], 400),
            ([("frameNumber", "2")], 404),
            ([("requestType", "WADO")], 400),
            ([("anonymize", "yes")], 406),
            ([("contentType", "text/html")], 406),
            ([("contentType", "application/dicom"), ("rows", "10")], 400),
            ([("transferSyntax", ExplicitVRLittleEndian)], 400),
        ],
    )
    def test_refuses_in_a_sentence(
        self, archive: Archive, stored: Stored, more: list[tuple[str, str]], status: int
    ) -> None:
        _, path = stored(CT)
        assert self.asked(archive, path, *more).status == status

    def test_names_one_instance(self, archive: Archive) -> None:
        assert archive.get("wado", ("requestType", "WADO"), ("studyUID", "1")).status == 400
        assert self.asked(archive, "studies/1/series/2/instances/3").status == 404
