"""Writes down where the frames of an instance lie, for who will read them."""

from dataclasses import replace

from imaging.dicom.outline import Outline
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore

LARGEST_KEPT_BYTES = 1024  # some 400 compressed frames; a row stays a few write units


def with_pixel_layout(objects: ObjectStore, instance: Instance, outline: Outline) -> Instance:
    """The instance with its layout; a long one is put beside it, one that took too long is left to who needs it."""
    if outline.gave_up:
        return replace(instance, pixel_layout=b"")
    packed = outline.pixel_layout.packed() if outline.pixel_layout else NO_LAYOUT
    if len(packed) > LARGEST_KEPT_BYTES:
        objects.put_if_absent(
            instance.key.space,
            instance.spilled_layout_key,
            packed,
            metadata={},
            content_type="application/octet-stream",
        )
        packed = LAYOUT_BESIDE
    return replace(instance, pixel_layout=packed)
