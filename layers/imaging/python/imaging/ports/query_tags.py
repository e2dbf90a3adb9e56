"""What is written while stored instances are indexed by a new extended query tag."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from imaging.model.identifiers import InstanceKey
from imaging.model.instance import DicomJson, Instance
from imaging.model.study import Series, Study
from imaging.settings import QueryTag


def name_of(query_tag: QueryTag) -> str:
    """A query tag as the register has it: changed in anything, it is another one."""
    return " ".join((query_tag.tag, query_tag.level, query_tag.vr, query_tag.private_creator)).rstrip()


@dataclass(frozen=True)
class TagRegister:
    """How far a space is indexed by which tags.

    Attributes
    ----------
    ready, pending
        Tags, as `name_of` names them. The pending ones share one walk.
    since
        When the last of the pending ones was seen first.
    last_study
        The walk has come so far, in the order of the bucket.
    reached
        The last instance that is done of a study under way.
    left
        Studies before `last_study` of which all instances are done; they moved on meanwhile themselves.
    failed
        Studies before `last_study` that could not be read, nobody knows why.
    studies_done, studies_in_all
        Counts; the latter as it was when the walk began.
    instances_passed_over
        How many are not indexed by the tags because their metadata is lost.
    version
        Of the register, for whoever writes it next.
    """

    space: str
    ready: frozenset[str] = frozenset()
    pending: frozenset[str] = frozenset()
    since: datetime | None = None
    last_study: str = ""
    reached: InstanceKey | None = None
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    studies_done: int = 0
    studies_in_all: int = 0
    instances_passed_over: int = 0
    version: int = 0

    @property
    def percent(self) -> int:
        """How much of the walk is done; 100 only when all of it is."""
        if not self.pending:
            return 100
        return min(99, 100 * self.studies_done // max(1, self.studies_in_all))


class TagRegisters(Protocol):
    """The registers of all spaces. Reads are consistent."""

    def read_register(self, space: str) -> TagRegister:
        """The space's register; an empty one if there is none yet."""

    def write_register(self, register: TagRegister) -> TagRegister | None:
        """Write what was made of a register; None if somebody else has written it since it was read."""


class AttributeRewriting(Protocol):
    """Brings indexed attributes up without a change that anyone is told of."""

    def rewrite_instance(self, instance: Instance, attributes: DicomJson) -> bool:
        """Set an instance's attributes; False if the row moved on since it was read."""

    def rewrite_series(self, series: Series, attributes: DicomJson) -> bool:
        """Set a series' attributes; False if the row moved on since it was read."""

    def rewrite_study(self, study: Study, attributes: DicomJson) -> bool:
        """Set a study's attributes; False if it changed, or a finalizer was at it, since it was read."""
