"""Files in a bucket of `tests.fakes`, as the manifest would have them."""

from datetime import UTC, datetime

from imaging.dicom.byte_source import BytesSource
from imaging.dicom.header import read_header
from imaging.dicom.outline import read_outline
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import NO_LAYOUT, Action, Arrival, Door, Instance
from tests.fakes import InMemoryObjects


def stored(objects: InMemoryObjects, content: bytes) -> Instance:
    """Put a file where a door would, and index it."""
    source = BytesSource(content)
    header = read_header(source)
    key = InstanceKey("main", header.study_instance_uid, header.series_instance_uid, header.sop_instance_uid)
    layout = read_outline(source).pixel_layout
    return Instance(
        key,
        1,
        Action.CREATE,
        objects.put("main", key.object_key, content),
        len(content),
        Arrival("", header.transfer_syntax_uid, Door.STOW_RS, datetime(2026, 1, 2, tzinfo=UTC)),
        header.sop_class_uid,
        {},
        layout.packed() if layout else NO_LAYOUT,
    )
