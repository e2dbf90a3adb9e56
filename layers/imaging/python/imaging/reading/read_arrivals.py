"""Read what came in: the studies of several spaces, newest first."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import islice

from imaging.dicom.attributes import text
from imaging.dicom.comparable_text import comparable
from imaging.model.completion import Completions
from imaging.model.identifiers import StudyKey
from imaging.model.publication_state import PublicationStanding
from imaging.model.study import Study, StudyState
from imaging.ports.arrivals import ArrivalPlace, Arrivals, PublicationStandings
from imaging.ports.catalogue import Catalogue
from imaging.reading.person_name import groups_of

MAX_ROWS_READ = 1_000
"""Studies looked at for a page, whatever the filter."""

_STUDIES_AT_A_TIME = 100  # rows that one BatchGetItem gives
_PATIENT_NAME = "00100010"
_SEARCHED = ("00100020", "00080050", "00081030")  # Patient ID, Accession Number, Study Description


@dataclass(frozen=True)
class ArrivalsQuery:
    """Which studies are asked for.

    Attributes
    ----------
    after
        Those behind this place; None for the newest.
    modality
        One that the study has; "": whichever.
    first, last
        Days of arrival, UTC, both included; None: whenever.
    words
        Each stands, without regard to case and accents, somewhere in the
        patient's name or ID, the accession number, the description or the UID.
    """

    spaces: Sequence[str]
    limit: int
    after: ArrivalPlace | None = None
    modality: str = ""
    first: date | None = None
    last: date | None = None
    words: tuple[str, ...] = ()

    @property
    def is_filtered(self) -> bool:
        """Whether rows must be looked at that may not match."""
        return bool(self.modality or self.words)

    @property
    def first_moment(self) -> datetime | None:
        """The first of the first day."""
        return datetime.combine(self.first, time.min, UTC) if self.first else None

    @property
    def last_moment(self) -> datetime | None:
        """The last of the last day."""
        return datetime.combine(self.last, time.max, UTC) if self.last else None


@dataclass(frozen=True)
class ArrivedStudy:
    """One study.

    Attributes
    ----------
    due_at
        When it will have been quiet; None unless it is still arriving.
    standing
        On its way to FHIR; None where nothing is published there.
    """

    study: Study
    due_at: datetime | None
    standing: PublicationStanding | None


@dataclass(frozen=True)
class ArrivalsPage:
    """Studies, newest first.

    Attributes
    ----------
    next
        The place that the next page is behind; None if this is the last.
    is_cut_short
        It ends where no more rows are read at a time, not where it is full.
    """

    arrived: tuple[ArrivedStudy, ...]
    next: ArrivalPlace | None
    is_cut_short: bool


class ReadArrivals:
    """Reads an index of each space as far as the page goes, and the rows of the studies it shows.

    Parameters
    ----------
    standings
        None where nothing is published to FHIR.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        catalogue: Catalogue,
        standings: PublicationStandings | None,
        completions: Completions,
    ) -> None:
        self._arrivals = arrivals
        self._catalogue = catalogue
        self._standings = standings
        self._completions = completions

    def __call__(self, query: ArrivalsQuery) -> ArrivalsPage:
        """One page.

        A study that changes goes to the top: it may be seen there again, and
        none is missed by who looks there again.
        """
        found: dict[StudyKey, Study] = {}
        listed, rows_left, reached = self._listed(query), MAX_ROWS_READ, query.after
        at_a_time = _STUDIES_AT_A_TIME if query.is_filtered else query.limit
        places: list[ArrivalPlace] = []
        while len(found) < query.limit and rows_left:
            places = list(islice(listed, min(at_a_time, rows_left)))
            if not places:
                break
            rows_left, at_a_time = rows_left - len(places), _STUDIES_AT_A_TIME
            studies = {study.key: study for study in self._catalogue.read_studies([each.study for each in places])}
            for reached in places:
                study = studies.get(reached.study)
                if study and _fits(study, query):
                    found[study.key] = study
                if len(found) == query.limit:
                    break
        has_more = bool(places) and (reached != places[-1] or next(listed, None) is not None)
        return ArrivalsPage(
            self._arrived(list(found.values())),
            next=reached if has_more else None,
            is_cut_short=has_more and len(found) < query.limit,
        )

    def _listed(self, query: ArrivalsQuery) -> Iterator[ArrivalPlace]:
        """The places behind the one to go on from, by falling place, over all spaces."""
        moments = [query.last_moment, query.after and query.after.opened_at]
        until = min((moment for moment in moments if moment), default=None)
        of_spaces = (
            self._arrivals.list_arrivals(
                space,
                first=query.first_moment,
                last=until,
                at_a_time=(_STUDIES_AT_A_TIME if query.is_filtered else query.limit) + 1,
            )
            for space in query.spaces
        )
        merged = heapq.merge(*of_spaces, reverse=True)
        return (place for place in merged if query.after is None or place < query.after)

    def _arrived(self, studies: Sequence[Study]) -> tuple[ArrivedStudy, ...]:
        revisions = {study.key: study.revision for study in studies}
        standings = self._standings.read_standings(revisions) if self._standings and revisions else {}
        return tuple(
            ArrivedStudy(
                study,
                due_at=self._completions.due(study).at if study.state is StudyState.OPEN else None,
                standing=standings.get(study.key),
            )
            for study in studies
        )


def _fits(study: Study, query: ArrivalsQuery) -> bool:
    """Whether it matches, as its row has it: the index may lag behind."""
    if not study.instances or (query.modality and query.modality not in study.modalities):
        return False
    if query.first_moment and study.opened_at < query.first_moment:
        return False
    if query.last_moment and study.opened_at > query.last_moment:
        return False
    return not query.words or _has_words(study, query.words)


def _has_words(study: Study, words: Sequence[str]) -> bool:
    names = study.attributes.get(_PATIENT_NAME, {}).get("Value") or []
    groups = [group.replace("^", " ") for name in names for group in groups_of(name)]
    texts = [*groups, *(text(study.attributes, tag) for tag in _SEARCHED), study.key.study_instance_uid]
    searched = "\n".join(map(comparable, texts))
    return all(comparable(word) in searched for word in words)
