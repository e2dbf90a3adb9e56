"""The header of a stored instance, read again by ranges of its object version."""

from dataclasses import replace

from pydicom import Dataset

from imaging.dicom.byte_source import ByteSource
from imaging.dicom.header import Header, read_header
from imaging.dicom.long_values import copy_of, with_long_values
from imaging.dicom.outline import read_trailing
from imaging.dicom.transfer_syntaxes import is_deflated
from imaging.model.instance import Instance
from imaging.ports.objects import ObjectStore
from imaging.reading.instance_source import ForwardSource, InstanceSource
from imaging.reading.pixel_layouts import PixelLayouts
from imaging.reading.recent import Recent

_KEPT_BYTES = 32 * 1024 * 1024
_EXPANSION = 4  # what a parsed element holds of memory beside its value


class InstanceHeaders:
    """Reads headers; what was read last is kept, for one image is asked for frame by frame.

    Parameters
    ----------
    layouts
        Shared with who else asks for them.
    """

    def __init__(self, objects: ObjectStore, layouts: PixelLayouts | None = None) -> None:
        self._objects = objects
        self._layouts = layouts or PixelLayouts(objects)
        self._headers: Recent[tuple[str, str, str], Header] = Recent(_KEPT_BYTES, _size_of)
        self._complete: Recent[tuple[str, str, str], Header] = Recent(_KEPT_BYTES, _size_of)

    def header(self, instance: Instance) -> Header:
        """Everything before group 7FE0, unconverted; a bulk value over 64 KiB is None (`data_set` has it).

        The caller's own copy.

        Raises
        ------
        Rejected
            As `imaging.dicom.header.read_header`.
        Unavailable
            It cannot be read.
        """
        header = self._header(instance)
        return replace(header, data_set=copy_of(header.data_set))

    def data_set(self, instance: Instance) -> Dataset:
        """The same data set with all of its values, those over 64 KiB too: palettes, look-up tables, overlays.

        The caller's own copy, without group 7FE0 and what follows it.

        Raises
        ------
        Rejected
            As `header`; `NOT_ACCEPTABLE` if such values are over 64 MiB together.
        Unavailable
            It cannot be read.
        """
        name = _name(instance)
        complete = self._complete.get(name)
        if complete is None:
            header = self._header(instance)
            data_set = with_long_values(header.data_set, self._source(instance, header))
            complete = replace(header, data_set=data_set)
            self._complete.put(name, complete)
        return copy_of(complete.data_set)

    def trailing(self, instance: Instance) -> Dataset:
        """What stands behind the pixels, unconverted, with its values: one more read where there is anything.

        Raises
        ------
        Rejected
            As `data_set`.
        Unavailable
            It cannot be read.
        """
        header = self._header(instance)
        layout = self._layouts.of(instance)
        found = read_trailing(InstanceSource(self._objects, instance), header, layout)
        return with_long_values(found, self._source(instance, header))

    def _header(self, instance: Instance) -> Header:
        name = _name(instance)
        header = self._headers.get(name)
        if header is None:
            header = read_header(InstanceSource(self._objects, instance))
            self._headers.put(name, header)
        return header

    def _source(self, instance: Instance, header: Header) -> ByteSource:
        source = InstanceSource(self._objects, instance)
        return ForwardSource(source, header.data_set_offset) if is_deflated(header.transfer_syntax_uid) else source


def _name(instance: Instance) -> tuple[str, str, str]:
    return instance.key.space, instance.key.object_key, instance.version_id


def _size_of(header: Header) -> int:
    return _EXPANSION * header.pixel_data_offset
