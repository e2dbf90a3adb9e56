"""How far what is stored is indexed by extended query tags."""

from dataclasses import dataclass

from imaging.ports.query_tags import TagRegister


@dataclass(frozen=True)
class TagProgress:
    """How far a space is indexed by its extended query tags.

    Attributes
    ----------
    ready, pending
        Tags with level, VR and private creator.
    percent
        Of what was stored before the pending ones were configured.
    """

    space: str
    ready: tuple[str, ...]
    pending: tuple[str, ...]
    percent: int
    studies_done: int
    studies_in_all: int
    since: str

    @classmethod
    def of(cls, register: TagRegister) -> "TagProgress":
        """The same as the register has it."""
        return cls(
            space=register.space,
            ready=tuple(sorted(register.ready)),
            pending=tuple(sorted(register.pending)),
            percent=register.percent,
            studies_done=register.studies_done,
            studies_in_all=register.studies_in_all,
            since=register.since.isoformat() if register.since else "",
        )
