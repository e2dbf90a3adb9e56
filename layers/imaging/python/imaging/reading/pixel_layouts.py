"""Where the pixels of stored instances lie: what the index wrote down, or what is found now."""

from imaging.dicom.fragments import PATIENT
from imaging.dicom.outline import read_outline
from imaging.dicom.pixel_layout import PixelLayout
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.instance import LAYOUT_BESIDE, NO_LAYOUT, Instance
from imaging.ports.objects import ObjectStore
from imaging.reading.instance_source import InstanceSource
from imaging.reading.recent import Recent

_KEPT_BYTES = 16 * 1024 * 1024
_BYTES_OF_A_LAYOUT = 1024
_BYTES_OF_AN_OFFSET = 40


class PixelLayouts:
    """Finds layouts; most lie on the instance's row and cost no read."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._recent: Recent[tuple[str, str, str], PixelLayout] = Recent(_KEPT_BYTES, _size_of)

    def of(self, instance: Instance) -> PixelLayout:
        """The layout of an instance's pixels.

        Raises
        ------
        Rejected
            `NOT_ACCEPTABLE` if it has none.
        Unavailable
            It cannot be read.
        """
        layout = self._recent.get(_name(instance))
        if layout is None:
            layout = self._read(instance)
            self._recent.put(_name(instance), layout)
        return layout

    def found_anew(self, instance: Instance) -> PixelLayout:
        """The layout found without offset tables, which were wrong; it is kept in place of the other.

        Raises
        ------
        Rejected
            As `of`.
        """
        layout = self._found(instance, trusts_offset_tables=False)
        self._recent.put(_name(instance), layout)
        return layout

    def _read(self, instance: Instance) -> PixelLayout:
        if not instance.pixel_layout:  # indexed by an earlier release, or too long to find then
            return self._found(instance)
        if instance.pixel_layout == NO_LAYOUT:
            raise no_pixels()
        if instance.pixel_layout == LAYOUT_BESIDE:
            return self._beside(instance)
        return PixelLayout.unpacked(instance.pixel_layout)

    def _found(self, instance: Instance, *, trusts_offset_tables: bool = True) -> PixelLayout:
        source = InstanceSource(self._objects, instance)
        layout = read_outline(source, effort=PATIENT, trusts_offset_tables=trusts_offset_tables).pixel_layout
        if layout is None:
            raise no_pixels()
        return layout

    def _beside(self, instance: Instance) -> PixelLayout:
        found = self._objects.read(instance.key.space, instance.spilled_layout_key)
        if found is None:
            raise Unavailable("An instance was replaced while it was read; ask again.")
        return PixelLayout.unpacked(found[1])


def no_pixels() -> Rejected:
    """The refusal of an instance that is no image."""
    return Rejected(RejectReason.NOT_ACCEPTABLE, "The instance has no pixel data: it is not an image.")


def _name(instance: Instance) -> tuple[str, str, str]:
    return instance.key.space, instance.key.object_key, instance.version_id


def _size_of(layout: PixelLayout) -> int:
    return _BYTES_OF_A_LAYOUT + _BYTES_OF_AN_OFFSET * len(layout.frame_offsets)
