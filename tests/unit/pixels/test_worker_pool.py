"""Whatever happens to a worker, one task is refused and the next one is done."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom import Dataset, dcmread
from pydicom.uid import JPEG2000Lossless, RLELossless

from imaging.dicom.rendering_header import frame_header, rendering_header
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.pixels import worker_pool, worker_process
from imaging.pixels.decoding import decoded
from imaging.pixels.encoding import encoded
from imaging.pixels.rendering import rendered
from imaging.pixels.wire import READY, packed
from imaging.pixels.worker_pool import WorkerPool
from imaging.ports.pixels import Frame, Rendering, Viewport, Window
from tests.unit.pixels.pictures import FOLDER, first_frame, frame_of, header, ramp

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:pydicom")

NATIVE = frame_of(np.random.default_rng(4).integers(-500, 500, (64, 64)).astype("<i2"))
RLE = encoded(NATIVE, RLELossless)
COMPRESSED = {
    name: first_frame(dcmread(FOLDER / "test_files" / name))
    for name in (
        "MR_small_RLE.dcm",
        "MR_small_jp2klossless.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_dcmtk_+eb+cy+s4.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "JPGExtended.dcm",
    )
}


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(1)
    pool.decoded(RLE)
    yield pool
    pool.close()


@pytest.fixture
def own_pool() -> Iterator[WorkerPool]:
    """One worker that is given half a second for a task, and is waited for as long."""
    pool = WorkerPool(1, seconds_per_task=0.5, seconds_to_wait=0.5)
    pool.decoded(RLE)
    yield pool
    pool.close()


def worker_of(pool: WorkerPool) -> int:
    (worker,) = pool._started
    return worker.process_id


def test_does_what_is_done_without_it(pool: WorkerPool) -> None:
    assert pool.decoded(RLE) == decoded(RLE) == NATIVE
    assert pool.encoded(NATIVE, JPEG2000Lossless) == encoded(NATIVE, JPEG2000Lossless)
    head = rendering_header(header(WindowCenter=3, WindowWidth=200), [1])
    for wish in (
        Rendering("image/png", window=Window(1, 2.5, "SIGMOID"), viewport=Viewport(20, 20, 1, 2, -40.5, None)),
        Rendering("image/jpeg", 71),
        Rendering("image/gif"),
    ):
        assert pool.rendered(head, [RLE], wish) == rendered(frame_header(head, 0), RLE, wish)


def test_what_is_not_compressed_takes_no_worker() -> None:
    pool = WorkerPool(1)
    assert pool.decoded(NATIVE) == NATIVE
    assert not pool._started


def test_each_frame_of_an_animation_has_its_own_window_and_time(pool: WorkerPool) -> None:
    groups = [header(FrameVOILUTSequence=[header(WindowCenter=center, WindowWidth=10)]) for center in (50, 200)]
    head = rendering_header(header(PerFrameFunctionalGroupsSequence=groups, FrameTime="250"), [1, 2])
    made = pool.rendered(head, iter([frame_of(ramp(0, 255)), frame_of(ramp(0, 255))]), Rendering("image/gif"))
    animation = Image.open(BytesIO(made))
    assert (animation.n_frames, animation.info["duration"]) == (2, 250)
    white = []
    for number in range(2):
        animation.seek(number)
        white.append(int((np.asarray(animation.convert("L")) == 255).sum()))
    assert white == [256 - 54, 256 - 204]  # from 4 above the center on


def test_several_frames_are_no_jpeg(pool: WorkerPool) -> None:
    with pytest.raises(Rejected, match="only as image/gif"):
        pool.rendered(Dataset(), [NATIVE, NATIVE], Rendering("image/jpeg"))


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        (lambda pool: pool.decoded(replace(RLE, content=RLE.content[:-40])), "cannot be decoded"),
        (
            lambda pool: pool.decoded(_described(RLE, transfer_syntax_uid="1.2.840.10008.1.2.4.102")),
            "cannot be decoded",
        ),
        (lambda pool: pool.decoded(_described(RLE, transfer_syntax_uid="1.2.3.4")), "cannot be decoded"),
        (lambda pool: pool.encoded(NATIVE, "1.2.840.10008.1.2.4.80"), "no room for pixels"),
        (lambda pool: pool.rendered(Dataset(), [_coloured("HSV")], Rendering("image/png")), "photometric"),
    ],
)
def test_what_cannot_be_done_is_refused_with_a_sentence(pool: WorkerPool, task: object, sentence: str) -> None:
    before = worker_of(pool)
    with pytest.raises(Rejected, match=sentence) as refused:
        task(pool)  # type: ignore[operator]
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
    assert worker_of(pool) == before


def _described(frame: Frame, **changes: object) -> Frame:
    return replace(frame, description=replace(frame.description, **changes))


def _coloured(photometric_interpretation: str) -> Frame:
    return frame_of(np.zeros((4, 4, 3), "u1"), photometric_interpretation)


@pytest.mark.parametrize("fatal", [signal.SIGSEGV, signal.SIGABRT, signal.SIGKILL])
def test_a_crash_refuses_one_task_and_the_next_one_is_done(own_pool: WorkerPool, fatal: signal.Signals) -> None:
    worker = worker_of(own_pool)
    os.kill(worker, signal.SIGSTOP)  # so that it dies over the task
    with ThreadPoolExecutor(1) as other:
        task = other.submit(own_pool.decoded, RLE)
        time.sleep(0.1)
        os.kill(worker, fatal)
        os.kill(worker, signal.SIGCONT)
        with pytest.raises(Rejected, match="cannot be decoded"):
            task.result()
    assert own_pool.decoded(RLE) == NATIVE
    assert worker_of(own_pool) != worker


def test_a_worker_that_died_idle_refuses_nothing(own_pool: WorkerPool) -> None:
    for _ in range(3):
        worker = worker_of(own_pool)
        os.kill(worker, signal.SIGKILL)
        while _exists(worker):
            time.sleep(0.01)
        assert own_pool.decoded(RLE) == NATIVE


def test_a_task_that_does_not_end_is_ended(own_pool: WorkerPool) -> None:
    worker = worker_of(own_pool)
    os.kill(worker, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(Rejected, match="cannot be decoded"):
        own_pool.decoded(RLE)
    assert 0.4 < time.monotonic() - began < 30
    assert not _exists(worker)
    assert own_pool.decoded(RLE) == NATIVE


def test_who_finds_no_free_worker_is_told_to_come_again(own_pool: WorkerPool) -> None:
    busy = WorkerPool(1, seconds_per_task=3, seconds_to_wait=0.2)
    busy.decoded(RLE)
    worker = worker_of(busy)
    os.kill(worker, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as other:
        first = other.submit(busy.decoded, RLE)
        time.sleep(0.1)
        with pytest.raises(Unavailable, match="Too many pictures"):
            busy.decoded(RLE)
        os.kill(worker, signal.SIGCONT)
        assert first.result() == NATIVE
    busy.close()


def test_memory_is_bounded() -> None:
    pool = WorkerPool(1, max_memory_bytes=64 * 1024 * 1024)
    assert pool.decoded(RLE) == NATIVE
    with pytest.raises(Rejected):
        pool.encoded(frame_of(np.zeros((9000, 9000), "u1")), RLELossless)
    assert pool.decoded(RLE) == NATIVE
    pool.close()


def test_a_frame_that_claims_to_be_huge_takes_no_memory(pool: WorkerPool) -> None:
    with pytest.raises(Rejected):
        pool.decoded(_described(RLE, rows=65_535, columns=65_535))
    assert pool.decoded(RLE) == NATIVE


@pytest.mark.parametrize(
    "nonsense",
    [
        b"x" * 64,
        b"",
        b"".join(packed({"description": {"rows": "?"}}, [b"1"])),
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x02\0\0\0\0\0\0\0{]",
    ],
)
def test_an_answer_that_is_none_refuses_the_task(nonsense: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = b"".join(packed({"answer": READY}, []))
    monkeypatch.setattr(
        worker_process,
        "_START",
        f"import os; os.write(1, {ready!r}); os.read(0, 1); os.write(1, {nonsense!r}); os.close(1)",
    )
    pool = WorkerPool(1)
    with pytest.raises(Rejected, match="cannot be decoded"):
        pool.decoded(RLE)
    pool.close()


def test_workers_that_do_not_start_are_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "_START", "raise SystemExit")
    with pytest.raises(Unavailable, match="could be started"):
        WorkerPool(1).decoded(RLE)


def test_after_many_tasks_a_process_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "TASKS_PER_PROCESS", 2)
    pool = WorkerPool(1)
    processes = set()
    for _ in range(3):
        assert pool.decoded(RLE) == NATIVE
        processes |= {worker.process_id for worker in pool._started}
    assert len(processes) == 2
    pool.close()


def test_threads_share_the_workers() -> None:
    pool = WorkerPool(2)
    frames = [encoded(frame_of(np.full((64, 64), number, "<i2")), RLELossless) for number in range(40)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(pool.decoded, frames))
    assert [np.frombuffer(frame.content, "<i2")[0] for frame in made] == list(range(40))
    assert 1 <= len(pool._started) <= 2
    pool.close()


def test_a_worker_has_no_credentials_and_leaves_no_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    pool = WorkerPool(1)
    pool.decoded(RLE)
    told = Path(f"/proc/{worker_of(pool)}")
    assert b"AWS" not in (told / "environ").read_bytes()
    limits = (told / "limits").read_text()
    assert "Max core file size        0 " in limits
    assert "Max address space         unlimited" not in limits
    pool.close()


def test_workers_end_with_the_pool() -> None:
    pool = WorkerPool(1)
    pool.decoded(RLE)
    worker = worker_of(pool)
    pool.close()
    assert not _exists(worker)


def test_workers_end_with_the_process_that_started_them() -> None:
    script = (
        "import time\n"
        "from tests.unit.pixels.test_worker_pool import RLE, WorkerPool, worker_of\n"
        "pool = WorkerPool(1); pool.decoded(RLE); print(worker_of(pool), flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]
    ) as parent:
        assert parent.stdout
        worker = int(parent.stdout.readline())
        assert _exists(worker)
        parent.kill()
    until = time.monotonic() + 5
    while _exists(worker) and time.monotonic() < until:
        time.sleep(0.02)
    assert not _exists(worker)


def _exists(process_id: int) -> bool:
    """A process that has ended and that nobody has asked after counts as gone."""
    try:
        return Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@given(data=st.data(), name=st.sampled_from(sorted(COMPRESSED)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_broken_codestreams_do_no_harm(pool: WorkerPool, data: st.DataObject, name: str) -> None:
    frame = COMPRESSED[name]
    content = bytearray(frame.content)
    for _ in range(data.draw(st.integers(0, 8))):
        # Most damage is done near the beginning, where the sizes stand.
        place = data.draw(st.integers(0, min(len(content) - 1, data.draw(st.sampled_from([200, 10**9])))))
        content[place] = data.draw(st.integers(0, 255))
    content = content[: data.draw(st.sampled_from([len(content), len(content) // 2, 3, 0]))]
    described = frame.description
    value_bytes = described.bits_allocated // 8 * described.samples_per_pixel
    try:
        made = pool.decoded(replace(frame, content=bytes(content)))
    except Rejected:
        return
    assert len(made.content) == described.rows * described.columns * value_bytes


NUMBERS = st.sampled_from(["0", "1", "-1", "1e30", "-1e300", "nan", "inf", "0.0001", "65536", "40", ""])
WORDS = st.sampled_from([0, 1, 3, 7, 8, 16, 256, 65535])
TABLES = st.builds(
    lambda descriptor, content: [header(LUTDescriptor=descriptor, LUTData=content)],
    st.lists(WORDS, min_size=2, max_size=4),
    st.one_of(st.binary(max_size=8), st.lists(WORDS, max_size=5), WORDS),
)
HEADERS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("RescaleSlope", "RescaleIntercept", "WindowCenter", "WindowWidth", "FrameTime"), NUMBERS),
        "PixelSpacing": st.lists(NUMBERS, max_size=3),
        "PixelAspectRatio": st.lists(st.sampled_from(["0", "1", "-3", "99999"]), max_size=3),
        **dict.fromkeys(("PixelPaddingValue", "PixelPaddingRangeLimit"), WORDS),
        **dict.fromkeys(("ModalityLUTSequence", "VOILUTSequence"), TABLES),
        **{f"{colour}PaletteColorLookupTableDescriptor": st.lists(WORDS, max_size=4) for colour in ("Red", "Green")},
        **{f"{colour}PaletteColorLookupTableData": st.binary(max_size=40) for colour in ("Red", "Green", "Blue")},
        **{f"Segmented{colour}PaletteColorLookupTableData": st.binary(max_size=40) for colour in ("Red", "Green")},
        "BluePaletteColorLookupTableDescriptor": st.just([16, 0, 8]),
        "VOILUTFunction": st.sampled_from(["SIGMOID", "LINEAR_EXACT", "", "OTHER"]),
    },
)


@given(attributes=HEADERS, photometric_interpretation=st.sampled_from(["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR"]))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_headers_that_say_nonsense_do_no_harm(
    pool: WorkerPool, attributes: dict[str, object], photometric_interpretation: str
) -> None:
    before = worker_of(pool)
    try:
        made = pool.rendered(
            rendering_header(header(**attributes), [1]),
            [frame_of(ramp(-20, 43), photometric_interpretation)],
            Rendering("image/png", viewport=Viewport(16, 16)),
        )
    except Rejected:
        pass
    else:
        assert max(Image.open(BytesIO(made)).size) == 16
    assert worker_of(pool) == before


def test_a_frame_that_becomes_too_large_takes_no_worker() -> None:
    pool = WorkerPool(1)
    with pytest.raises(Rejected, match="uncompressed; the stored form") as refused:
        pool.decoded(_described(RLE, rows=20_000, columns=20_000))
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
    assert not pool._started


def test_an_animation_that_takes_too_long_is_given_up() -> None:
    pool = WorkerPool(1, seconds_per_picture=0)
    taken = []

    def frames() -> Iterator[Frame]:
        for number in range(500):
            taken.append(number)
            yield RLE

    assert pool.rendered(Dataset(), [RLE], Rendering("image/gif"))
    with pytest.raises(Rejected, match="takes too long") as refused:
        pool.rendered(Dataset(), frames(), Rendering("image/gif"))
    assert refused.value.reason is RejectReason.NOT_ACCEPTABLE
    assert taken == [0, 1]
    pool.close()


def test_a_system_that_has_no_process_left_is_our_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = WorkerPool(1)
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/no/such/program")
        with pytest.raises(Unavailable, match="could be started"):
            pool.decoded(RLE)
    assert pool.decoded(RLE) == NATIVE
    pool.close()
