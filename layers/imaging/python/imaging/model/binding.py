"""A binding: what of a space goes where, as the deployment's configuration lists it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Occasion(StrEnum):
    """What sets a delivery off."""

    INSTANCE = "instance"
    """Every change of an instance."""
    STUDY = "study"
    """Every revision of a study."""


class TargetKind(StrEnum):
    """Where a binding leads."""

    DICOMWEB = "dicomweb"
    DIMSE = "dimse"
    SPACE = "space"
    WEBHOOK = "webhook"
    QUEUE = "queue_arn"
    EVENT_BUS = "event_bus_arn"

    @property
    def takes_images(self) -> bool:
        """Whether it is sent instances; the others are told events."""
        return self in (TargetKind.DICOMWEB, TargetKind.DIMSE, TargetKind.SPACE)


@dataclass(frozen=True)
class BindingFilter:
    """What a binding is about; a pattern has wildcards ``*`` and ``?``, an empty one fits everything.

    Attributes
    ----------
    attributes
        Patterns by 8-digit tag, of attributes that the manifest keeps.
    """

    space: str = ""
    modality: str = ""
    sop_class_uid: str = ""
    calling_ae_title: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Binding:
    """One binding.

    Attributes
    ----------
    target
        As configured: the key that names the kind, and what goes with it.
    """

    name: str
    on: Occasion
    filter: BindingFilter
    target: Mapping[str, Any]

    @property
    def kind(self) -> TargetKind:
        """Where it leads."""
        return next(kind for kind in TargetKind if kind.value in self.target)


def binding_of(document: Mapping[str, Any]) -> Binding:
    """Read a binding as `BINDING` has it; the configuration has been checked at synth."""
    return Binding(
        name=document["name"],
        on=Occasion(document["on"]),
        filter=BindingFilter(**document.get("filter", {})),
        target=document["target"],
    )


def bindings_of(setting: str) -> tuple[Binding, ...]:
    """Read a JSON list of bindings."""
    return tuple(binding_of(document) for document in json.loads(setting))
