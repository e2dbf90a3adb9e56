"""Pictures written as JPEG, PNG and GIF."""

from collections.abc import Sequence
from io import BytesIO

from PIL import Image
from pydicom import Dataset
from pydicom.multival import MultiValue

DEFAULT_FRAME_MS = 100.0
_SHORTEST_FRAME_MS, _LONGEST_FRAME_MS = 20.0, 10_000.0  # browsers slow down what is faster


def picture_file(picture: Image.Image, media_type: str, quality: int) -> bytes:
    """One picture as a file."""
    written = BytesIO()
    if media_type == "image/jpeg":
        # From here on the colour of every pixel is kept, which is what a high quality is asked for.
        picture.save(written, "JPEG", quality=quality, **({"subsampling": 0} if quality >= 90 else {}))
    elif media_type == "image/png":
        picture.save(written, "PNG", compress_level=3)
    else:
        picture.save(written, "GIF")
    return written.getvalue()


def animation_file(pictures: Sequence[bytes], frame_ms: float) -> bytes:
    """An endless animation of pictures, each a GIF."""
    first, *others = (Image.open(BytesIO(picture)) for picture in pictures)
    written = BytesIO()
    first.save(written, "GIF", save_all=True, append_images=others, duration=round(frame_ms), loop=0)
    return written.getvalue()


def frame_time(header: Dataset) -> float:
    """How long each frame is shown, in milliseconds; PS3.3 Section C.7.6.5, the Cine Module."""
    for keyword in ("RecommendedDisplayFrameRate", "CineRate"):
        rate = header.get(keyword)
        if rate is not None and float(rate) > 0:
            return _bounded(1000 / float(rate))
    time = header.get("FrameTime")
    if time is None and isinstance(vector := header.get("FrameTimeVector"), MultiValue) and len(vector) > 1:
        time = sum(float(each) for each in vector[1:]) / (len(vector) - 1)
    return _bounded(float(time)) if time is not None and float(time) > 0 else DEFAULT_FRAME_MS


def _bounded(milliseconds: float) -> float:
    return min(max(milliseconds, _SHORTEST_FRAME_MS), _LONGEST_FRAME_MS)
