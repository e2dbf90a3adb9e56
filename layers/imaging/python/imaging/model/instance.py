"""An instance: what only its door knew of it, and what the manifest keeps of it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias
from urllib.parse import quote, unquote

from imaging.model.identifiers import InstanceKey

DicomJson: TypeAlias = Mapping[str, Mapping[str, Any]]
"""A data set in the DICOM JSON Model, PS3.18 Annex F: 8-hex tag to ``{"vr", "Value"}``."""

NO_LAYOUT = b"\0"
"""In place of a layout: the instance has no pixels."""

EXPECTED_INSTANCES = "expected-instances"
"""The S3 user metadata, and in capitals the HTTP header, by which a sender says how many a study shall have."""

LAYOUT_BESIDE = b"\1"
"""In place of a layout: it is too long for a row, and lies under `Instance.spilled_layout_key`."""


class Door(StrEnum):
    """The way an instance came in."""

    STOW_RS = "stow-rs"
    C_STORE = "c-store"
    BULK_DROP = "bulk-drop"
    BY_HAND = "by-hand"
    """Somebody put the object at its key; no door saw it."""


class Action(StrEnum):
    """What a change did to an instance."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True)
class Arrival:
    """What a door knows of an instance and the bytes alone do not tell cheaply.

    It travels as metadata of the S3 object, so that the manifest can be
    rebuilt from the bucket alone.

    Attributes
    ----------
    data_set_digest
        SHA-256 of the data set's bytes as they came, without preamble and File
        Meta Information, in hex. For an object put by hand, ``etag:`` and its
        entity tag.
    transfer_syntax_uid
        What those bytes are encoded in.
    stored_at
        When the door took it, UTC.
    calling_ae_title
        Of the association, empty for the other doors.
    expected_instances
        How many instances the study shall have, if the sender says so.
    """

    data_set_digest: str
    transfer_syntax_uid: str
    door: Door
    stored_at: datetime
    calling_ae_title: str = ""
    expected_instances: int | None = None

    def is_identical_to(self, other: "Arrival") -> bool:
        """The same data set bytes in the same transfer syntax."""
        return (self.data_set_digest, self.transfer_syntax_uid) == (other.data_set_digest, other.transfer_syntax_uid)

    def as_object_metadata(self) -> dict[str, str]:
        """The S3 user metadata; ASCII only, whatever the AE title holds."""
        metadata = {
            "data-set-sha256": self.data_set_digest,
            "transfer-syntax-uid": self.transfer_syntax_uid,
            "door": self.door.value,
            "stored-at": self.stored_at.isoformat(),
            "calling-ae-title": quote(self.calling_ae_title),
        }
        if self.expected_instances:
            metadata[EXPECTED_INSTANCES] = str(self.expected_instances)
        return metadata

    @classmethod
    def of_object_metadata(cls, metadata: Mapping[str, str]) -> "Arrival | None":
        """Read the metadata back; None if no door of ours wrote it."""
        if "data-set-sha256" not in metadata:
            return None
        return cls(
            data_set_digest=metadata["data-set-sha256"],
            transfer_syntax_uid=metadata["transfer-syntax-uid"],
            door=Door(metadata["door"]),
            stored_at=datetime.fromisoformat(metadata["stored-at"]),
            calling_ae_title=unquote(metadata.get("calling-ae-title", "")),
            expected_instances=expected_instances(metadata.get(EXPECTED_INSTANCES, "")),
        )


def expected_instances(text: str) -> int | None:
    """The number of instances that a sender says a study shall have; None for what is no such number."""
    return int(text) if re.fullmatch("[1-9][0-9]{0,8}", text) else None


@dataclass(frozen=True)
class Instance:
    """An instance as the manifest has it; a deleted one stays as a tombstone.

    Attributes
    ----------
    change_number
        1 for its first change, one more for every change after that.
    action
        The last change.
    version_id
        The S3 object version it speaks of; of a tombstone, the last one.
    size_bytes
        Of the whole object.
    attributes
        The indexed attributes (`imaging.dicom.attributes`), study and series
        attributes included.
    pixel_layout
        Where its frames lie, packed (`imaging.dicom.pixel_layout`), `NO_LAYOUT`
        or `LAYOUT_BESIDE`; empty if it is to be found when it is needed.
    unreadable
        Tags of indexed attributes that it has and `attributes` has no value of:
        the value breaks its VR, or is too long for a row.
    too_long
        Those of them that are only too long.
    partial_dates
        What those of them that are dates say (`imaging.dicom.partial_dates`).
    """

    key: InstanceKey
    change_number: int
    action: Action
    version_id: str
    size_bytes: int
    arrival: Arrival
    sop_class_uid: str
    attributes: DicomJson
    pixel_layout: bytes = b""
    unreadable: tuple[str, ...] = ()
    too_long: tuple[str, ...] = ()
    partial_dates: DicomJson = field(default_factory=dict)

    @property
    def spilled_metadata_key(self) -> str:
        """Where the DICOM JSON of this version lies if it is too large for the manifest."""
        return self.key.spilled_metadata_key(self.version_id)

    @property
    def spilled_layout_key(self) -> str:
        """Where the pixel layout of this version lies if it is too long for the manifest."""
        return f"{self.key.object_key.removesuffix('.dcm')}.{self.version_id}.frames"

    @property
    def deleted(self) -> bool:
        """Whether this is a tombstone."""
        return self.action is Action.DELETE
