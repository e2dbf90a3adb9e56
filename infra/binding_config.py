"""What goes where: the entries of ``imaging.bindings``."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from infra.binding_filter_config import BindingFilterConfiguration
from infra.binding_target_config import BindingTargetConfiguration
from infra.query_tag_config import QueryTagConfiguration
from infra.section import ConfigurationError, Section

MOST = 40
"""A stack may have 500 resources (CloudFormation's quota): 12 of each binding, and a few of them all."""
_MOST_TO_NODES = 16
"""Associations at a time of all bindings that lead to DIMSE nodes: one task of 4 GiB has them all."""
_MOST_CHARACTERS = 1800
"""Of a binding as JSON: all variables of a function's environment have 4 KB together."""


@dataclass(frozen=True)
class BindingConfiguration:
    """A binding.

    Attributes
    ----------
    name
        Part of the names of its resources.
    on
        ``instance`` or ``study``: what sets a delivery off.
    concurrency
        How many deliveries are under way at a time.
    """

    name: str
    on: str
    filter: BindingFilterConfiguration
    target: BindingTargetConfiguration
    concurrency: int

    @classmethod
    def of(
        cls,
        path: str,
        values: object,
        *,
        spaces: Sequence[str],
        query_tags: Sequence[QueryTagConfiguration],
        region: str,
    ) -> "BindingConfiguration":
        """Read one entry."""
        section = Section(path, values, cls.__dataclass_fields__)
        name = section.text(
            "name",
            pattern="[a-z]([a-z0-9-]{0,28}[a-z0-9])?",
            must="at most 30 lower-case letters, digits and hyphens",
        )
        target = BindingTargetConfiguration.of(f"{path}.target", section.value("target"), spaces=spaces, region=region)
        found = cls(
            name=name,
            on=section.choice("on", "", ("instance", "study")),
            filter=BindingFilterConfiguration.of(
                f"{path}.filter", section.value("filter", {}), spaces=spaces, query_tags=query_tags
            ),
            target=target,
            # Lambda takes no less than two of an event source; a DIMSE node may bear one association only.
            concurrency=section.number("concurrency", 2, least=1 if target.kind == "dimse" else 2, most=100),
        )
        if target.kind == "space" and target.settings["space"] in found.filter.spaces:
            raise ConfigurationError(
                f"{path}.filter.space must not fit {target.settings['space']!r}, the space that the binding leads to."
            )
        if len(found.setting) > _MOST_CHARACTERS:
            raise ConfigurationError(
                f"{path} must have at most {_MOST_CHARACTERS} characters as JSON, what fits into a function's "
                "environment."
            )
        return found

    @property
    def document(self) -> Mapping[str, Any]:
        """The binding as the processes read it."""
        return {
            "name": self.name,
            "on": self.on,
            "filter": self.filter.patterns,
            "target": self.target.settings,
            "concurrency": self.concurrency,
        }

    @property
    def setting(self) -> str:
        """The same as JSON (`BINDING`)."""
        return json.dumps(self.document, separators=(",", ":"))

    @property
    def detail_types(self) -> tuple[str, ...]:
        """Which events set a delivery off; a deletion sends nobody an image, but closes what could not be sent."""
        if self.on == "instance":
            return ("Instance Stored", "Instance Deleted")
        return ("Study Revised", "Study Deleted")


def bindings(
    values: object, *, spaces: Sequence[str], query_tags: Sequence[QueryTagConfiguration], region: str
) -> tuple[BindingConfiguration, ...]:
    """Read ``imaging.bindings``."""
    path = "imaging.bindings"
    if not isinstance(values, list) or len(values) > MOST:
        raise ConfigurationError(f"{path} must be a list of at most {MOST} bindings.")
    found = tuple(
        BindingConfiguration.of(f"{path}[{number}]", entry, spaces=spaces, query_tags=query_tags, region=region)
        for number, entry in enumerate(values)
    )
    if len({each.name for each in found}) < len(found):
        raise ConfigurationError(f"{path} must have each name only once.")
    if sum(each.concurrency for each in found if each.target.kind == "dimse") > _MOST_TO_NODES:
        raise ConfigurationError(
            f"{path} must have a concurrency of at most {_MOST_TO_NODES} over all that lead to DIMSE nodes, since one "
            "task delivers to them all."
        )
    if ring := _ring(found):
        raise ConfigurationError(
            f"{path} must not copy in a ring, since older bytes would chase newer ones round it: {' to '.join(ring)}."
        )
    return found


def _ring(found: Iterable[BindingConfiguration]) -> list[str]:
    """The spaces of a ring of copies, the first once more at its end; empty if there is none."""
    copies: dict[str, set[str]] = {}
    for binding in found:
        if binding.target.kind == "space":
            for space in binding.filter.spaces:
                copies.setdefault(space, set()).add(str(binding.target.settings["space"]))

    def from_space(way: list[str]) -> Iterator[list[str]]:
        for target in sorted(copies.get(way[-1], ())):
            if target in way:
                yield [*way[way.index(target) :], target]
            else:
                yield from from_space([*way, target])

    return next((ring for space in sorted(copies) for ring in from_space([space])), [])
