"""What was deleted of a study while its rows do not say so yet."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from imaging.model.instance import Instance

WHOLE_STUDY = "*"


def scope_of(series_instance_uid: str | None, sop_instance_uid: str | None) -> str:
    """Name what a deletion speaks of: `WHOLE_STUDY`, ``{series}`` or ``{series}/{instance}``."""
    return "/".join(uid for uid in (series_instance_uid, sop_instance_uid) if uid) or WHOLE_STUDY


@dataclass(frozen=True)
class Deletions:
    """Marks that hide rows whose objects were deleted, until those rows are tombstones.

    Attributes
    ----------
    until
        By scope (`scope_of`): what a door took up to this moment is deleted.
    leased_until
        Up to when somebody gives their markers to objects that have none yet;
        None if all have.
    """

    until: Mapping[str, datetime] = field(default_factory=dict)
    leased_until: datetime | None = None

    def __bool__(self) -> bool:
        return bool(self.until)

    def hides(self, instance: Instance) -> bool:
        """Whether the instance's row speaks of what was deleted."""
        return self.hides_what_was(
            instance.key.series_instance_uid, instance.key.sop_instance_uid, instance.arrival.stored_at
        )

    def hides_what_was(self, series_instance_uid: str, sop_instance_uid: str, stored_at: datetime) -> bool:
        """The same for an instance of which no more than this is known."""
        scopes = (WHOLE_STUDY, series_instance_uid, scope_of(series_instance_uid, sop_instance_uid))
        return any(stored_at <= self.until[scope] for scope in scopes if scope in self.until)

    def of_all(self, series_instance_uid: str | None) -> datetime | None:
        """Up to when all of the series is deleted, or all of the study; None if that never was."""
        scopes = {WHOLE_STUDY, series_instance_uid or WHOLE_STUDY}
        return max((self.until[scope] for scope in scopes if scope in self.until), default=None)

    def touches(self, series_instance_uid: str) -> bool:
        """Whether anything of the series may be hidden."""
        return WHOLE_STUDY in self.until or series_instance_uid in self.series

    @property
    def series(self) -> set[str]:
        """The series that marks of less than the study speak of."""
        return {scope.partition("/")[0] for scope in self.until if scope != WHOLE_STUDY}

    def adding(self, scope: str, until: datetime, leased_until: datetime | None = None) -> "Deletions":
        """These and one more; what it covers needs no mark of its own any longer."""
        kept = {
            other: moment for other, moment in self.until.items() if not (_covers(scope, other) and moment <= until)
        }
        return Deletions({scope: until} | kept, self.leased_until or leased_until)


def _covers(scope: str, other: str) -> bool:
    return scope in (WHOLE_STUDY, other) or other.startswith(f"{scope}/")
