"""Pictures of stored instances, with the store's fake and with real workers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset

from imaging.errors import Rejected, RejectReason
from imaging.model.identifiers import InstanceKey, StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.pixels import Rendering, Viewport
from imaging.reading import render_image, rendering_headers
from imaging.reading.instance_header import InstanceHeaders
from imaging.reading.instance_pixels import InstancePixels
from imaging.reading.render_image import Picture, RenderImage
from imaging.reading.target import Target
from tests.instances import part10_instance
from tests.unit.reading.stored_instances import CountingObjects, stored_instance

STUDY = StudyKey("main", "1.2")
PNG = Rendering("image/png")


class Archive:
    """`imaging.ports.catalogue.StudyContents`, of one study."""

    def __init__(self) -> None:
        self.objects = CountingObjects()
        self.instances: list[Instance] = []
        self.series: dict[str, Series] = {}

    def store(self, series: str, instance: str, *, series_number: int = 1, **attributes: Any) -> Instance:
        key = InstanceKey("main", "1.2", series, instance)
        content = part10_instance(key, **attributes)
        rows: dict[str, Any] = {}
        if attributes.get("Rows", 8):
            rows["00280010"] = {"vr": "US", "Value": [8]}
        if "InstanceNumber" in attributes:
            rows["00200013"] = {"vr": "IS", "Value": [attributes["InstanceNumber"]]}
        stored = replace(stored_instance(self.objects, content), attributes=rows)
        self.instances.append(stored)
        self.series[series] = Series(STUDY, series, 1, 1, {"00200011": {"vr": "IS", "Value": [series_number]}})
        return stored

    def read_series(self, study: StudyKey) -> list[Series]:
        return [self.series[uid] for uid in sorted(self.series)]

    def read_instances(self, study: StudyKey, series_instance_uid: str | None = None) -> Iterator[Instance]:
        return (one for one in self.instances if series_instance_uid in (None, one.key.series_instance_uid))

    def read_instances_at(self, keys: Sequence[InstanceKey]) -> list[Instance]:
        return [one for one in self.instances if one.key in keys]


@pytest.fixture
def archive() -> Archive:
    return Archive()


@pytest.fixture(scope="module")
def worker() -> Iterator[WorkerPool]:
    pool = WorkerPool(1)
    yield pool
    pool.close()


@pytest.fixture
def render(archive: Archive, worker: WorkerPool) -> RenderImage:
    pixels, headers = InstancePixels(archive.objects), InstanceHeaders(archive.objects)
    return RenderImage(archive, pixels, headers, worker)  # type: ignore[arg-type]


def frames_of(*numbers: int) -> bytes:
    """Frames of 8 by 8 pixels; in each the first is 0 and the others the number."""
    return b"".join(np.array([0] + [number] * 63, "<u2").tobytes() for number in numbers)


def report(**attributes: Any) -> dict[str, Any]:
    return {"Rows": None, "Columns": None, "PixelData": None, "Modality": "SR", **attributes}


def test_a_frame_is_rendered_as_its_header_says(archive: Archive, render: RenderImage) -> None:
    content = np.arange(64).astype("<u2").tobytes()
    stored = archive.store("1.2.3", "1", PixelData=content, WindowCenter=32, WindowWidth=64)
    made = np.asarray(Image.open(BytesIO(render(Picture(stored, (1,)), PNG))))
    assert (made == np.rint(np.clip((np.arange(64) - 31.5) / 63 + 0.5, 0, 1) * 255).reshape(8, 8)).all()


def test_each_frame_of_an_enhanced_image_has_its_own_window(archive: Archive, render: RenderImage) -> None:
    groups = []
    for center in (1, 500, 1):
        window = Dataset()
        window.WindowCenter, window.WindowWidth = center, 2
        groups.append(Dataset())
        groups[-1].FrameVOILUTSequence = [window]
    stored = archive.store(
        "1.2.3", "1", NumberOfFrames=3, PixelData=frames_of(9, 9, 9), PerFrameFunctionalGroupsSequence=groups
    )
    white = [np.asarray(Image.open(BytesIO(render(Picture(stored, (number,)), PNG)))).max() for number in (1, 2, 3)]
    assert white == [255, 0, 255]


def test_several_frames_move(archive: Archive, render: RenderImage) -> None:
    head = {"WindowCenter": 10, "WindowWidth": 20, "FrameTime": "50"}
    stored = archive.store("1.2.3", "1", NumberOfFrames=3, PixelData=frames_of(3, 9, 20), **head)
    assert list(render.numbers(stored)) == [1, 2, 3]
    animation = Image.open(BytesIO(render(Picture(stored, (3, 1)), Rendering("image/gif"))))
    assert (animation.n_frames, animation.info["duration"], animation.size) == (2, 50, (8, 8))


@pytest.mark.parametrize(
    ("numbers", "rendering", "reason"),
    [
        ((4,), PNG, RejectReason.NO_SUCH_RESOURCE),
        ((1, 2), PNG, RejectReason.NOT_ACCEPTABLE),
        ((1,), replace(PNG, viewport=Viewport(5, 5, 9, 0)), RejectReason.MALFORMED_REQUEST),
    ],
)
def test_what_cannot_be_shown_is_refused(
    archive: Archive, render: RenderImage, numbers: tuple[int, ...], rendering: Rendering, reason: RejectReason
) -> None:
    stored = archive.store("1.2.3", "1", NumberOfFrames=3, PixelData=frames_of(1, 2, 3))
    with pytest.raises(Rejected) as refused:
        render(Picture(stored, numbers), rendering)
    assert refused.value.reason is reason


def test_a_report_is_no_image(archive: Archive, render: RenderImage) -> None:
    stored = archive.store("1.2.3", "1", **report())
    assert render.description(stored) is None
    for target in (Target(STUDY), Target(STUDY, "1.2.3"), Target(STUDY, "1.2.3", "1")):
        with pytest.raises(Rejected, match="is not an image") as refused:
            render.representative(target)
        assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
        with pytest.raises(Rejected, match="is not an image"):
            render.images(target, animated=False)
    with pytest.raises(Rejected):
        render(Picture(stored, (1,)), PNG)


def test_what_is_not_there_is_not_found(archive: Archive, render: RenderImage) -> None:
    archive.store("1.2.3", "1")
    for target in (Target(STUDY, "1.9"), Target(STUDY, "1.2.3", "9")):
        for ask in (render.representative, render.instance, lambda one: render.images(one, animated=False)):
            if ask == render.instance and not target.instance:
                continue
            with pytest.raises(Rejected) as refused:
                ask(target)
            assert refused.value.reason is RejectReason.NO_SUCH_RESOURCE


def test_the_middle_of_the_first_series_with_images_stands_for_the_study(archive: Archive, render: RenderImage) -> None:
    archive.store("1.2.3", "9", series_number=1, **report())
    for instance, number in (("31", 10), ("32", 2), ("33", 1)):
        archive.store("1.2.5", instance, series_number=2, InstanceNumber=number)
    archive.store("1.2.4", "41", series_number=3, InstanceNumber=1)
    assert render.representative(Target(STUDY)).instance.key.sop_instance_uid == "32"
    assert render.representative(Target(STUDY, "1.2.4")).instance.key.sop_instance_uid == "41"
    assert render.representative(Target(STUDY, "1.2.5", "31")).instance.key.sop_instance_uid == "31"


@pytest.mark.parametrize(
    ("said", "number"), [({}, 3), ({"RepresentativeFrameNumber": 5}, 5), ({"RepresentativeFrameNumber": 7}, 3)]
)
def test_the_frame_that_stands_for_an_image(
    archive: Archive, render: RenderImage, said: dict[str, int], number: int
) -> None:
    stored = archive.store("1.2.3", "1", NumberOfFrames=5, PixelData=frames_of(*range(5)), **said)
    target = Target(STUDY, "1.2.3", "1")
    assert render.representative(target) == Picture(stored, (number,))
    for given in (2, 0):
        assert render.representative(target, given) == Picture(stored, (given,))


def test_the_pictures_of_a_study_come_in_order(archive: Archive, render: RenderImage) -> None:
    last = archive.store("1.2.3", "1", series_number=5, NumberOfFrames=3, PixelData=frames_of(1, 2, 3))
    archive.store("1.2.3", "2", series_number=5, **report())
    second, first = (archive.store("1.2.4", uid, series_number=4, InstanceNumber=11 - int(uid)) for uid in ("4", "9"))
    still = [Picture(first, (1,)), Picture(second, (1,)), Picture(last, (2,))]
    assert render.images(Target(STUDY), animated=False) == still
    assert render.images(Target(STUDY), animated=True)[-1] == Picture(last, range(1, 4))
    made = list(render.all(still, PNG))
    assert [picture for picture, _ in made] == still
    assert [content for _, content in made] == [render(picture, PNG) for picture in still]


def test_a_picture_that_cannot_be_made_is_left_out_unless_it_is_the_only_one(
    archive: Archive, render: RenderImage
) -> None:
    whole, other = (archive.store("1.2.3", uid) for uid in ("1", "2"))
    broken = archive.store("1.2.3", "3", BitsAllocated=16, BitsStored=16, PixelData=bytes(126))
    pictures = [Picture(one, (1,)) for one in (broken, whole, other)]
    assert [picture.instance for picture, _ in render.all(pictures, PNG)] == [whole, other]
    with pytest.raises(Rejected):
        list(render.all(pictures[:1], PNG))


def test_a_small_file_that_counts_very_many_frames_takes_nothing(archive: Archive, render: RenderImage) -> None:
    whole = archive.store("1.2.3", "1")
    hostile = archive.store("1.2.3", "2", NumberOfFrames=100_000_000)
    assert [picture.instance for picture in render.images(Target(STUDY), animated=True)] == [whole]
    assert render.description(hostile) is None
    for ask in (
        lambda: render.numbers(hostile),
        lambda: render(Picture(hostile, range(1, 100_000_001)), Rendering("image/gif")),
    ):
        with pytest.raises(Rejected) as refused:
            ask()
        assert refused.value.reason is RejectReason.NOT_ACCEPTABLE


def test_a_series_of_too_many_images_is_refused(
    archive: Archive, render: RenderImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(render_image, "MAX_PICTURES", 2)
    archive.store("1.2.3", "1")
    archive.store("1.2.3", "2")
    assert len(render.images(Target(STUDY), animated=False)) == 2
    archive.store("1.2.3", "3")
    with pytest.raises(Rejected, match="over 2 images") as refused:
        render.images(Target(STUDY), animated=False)
    assert refused.value.reason is RejectReason.TOO_LARGE


class CountingHeaders(InstanceHeaders):
    """Remembers how often it was asked."""

    asked = 0

    def data_set(self, instance: Instance) -> Dataset:
        self.asked += 1
        return super().data_set(instance)


def test_a_header_is_gone_through_once_for_all_frames(archive: Archive, worker: WorkerPool) -> None:
    groups = []
    for center in (1, 500, 1):
        window = Dataset()
        window.WindowCenter, window.WindowWidth = center, 2
        groups.append(Dataset())
        groups[-1].FrameVOILUTSequence = [window]
    head = {"NumberOfFrames": 3, "PixelData": frames_of(9, 9, 9), "PerFrameFunctionalGroupsSequence": groups}
    stored, headers = archive.store("1.2.3", "1", **head), CountingHeaders(archive.objects)
    render = RenderImage(archive, InstancePixels(archive.objects), headers, worker)  # type: ignore[arg-type]
    white = [np.asarray(Image.open(BytesIO(render(Picture(stored, (number,)), PNG)))).max() for number in (1, 2, 3)]
    assert white == [255, 0, 255]
    assert render.representative(Target(STUDY, "1.2.3", "1")).numbers == (2,)
    assert headers.asked == 1


def test_a_header_that_cannot_be_kept_makes_no_picture(
    archive: Archive, render: RenderImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rendering_headers, "_KEPT_BYTES", 1000)
    stored = archive.store("1.2.3", "1", WindowCenter=32, WindowWidth=64)
    with pytest.raises(Rejected, match="says too much of its frames") as refused:
        render(Picture(stored, (1,)), PNG)
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
