"""C-FIND, PS3.7 Section 9.1.2 and PS3.4 Annex C: the searches of DICOMweb, asked and answered by Identifiers."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from io import BytesIO
from typing import Any, cast

from pydicom import Dataset
from pynetdicom.dimse_primitives import C_FIND

from imaging.dimse.exchange import Exchange
from imaging.dimse.find_keys import RETRIEVE_AE_TITLE
from imaging.dimse.find_request import FindRequest, find_request
from imaging.dimse.identifier import QUERY_RETRIEVE_LEVEL, Identifier, WrongKey, read_identifier
from imaging.dimse.response_identifier import ResponseIdentifiers
from imaging.dimse.sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from imaging.dimse.status import (
    CANCELLED,
    IDENTIFIER_DOES_NOT_MATCH,
    OUT_OF_RESOURCES,
    PENDING,
    PENDING_WITH_WARNING,
    SUCCESS,
    UNABLE_TO_PROCESS,
    response,
)
from imaging.errors import Rejected, Unavailable
from imaging.ports.catalogue import QueryTagStates
from imaging.reading.match_attributes import INSTANCE_AVAILABILITY, element, identity_of, levels_of
from imaging.reading.query import Query
from imaging.reading.query_keys import Level
from imaging.reading.search_all import MAX_FRUITLESS_ROWS, SearchAll
from imaging.reading.search_catalogue import Match, SearchCatalogue
from imaging.reading.search_patients import CountPatients, SearchPatients

FIND_SOP_CLASSES = frozenset({PATIENT_ROOT_FIND, STUDY_ROOT_FIND})

MAX_ROWS_A_PAGE = 1_000
"""How many rows are read at most for nothing after a C-CANCEL."""

_SECONDS_BETWEEN_LOOKS = 0.25  # for a C-CANCEL, while nothing is found
_RESPONSES_AT_ONCE = 50  # written together; among them nobody looks for one

_STUDIES_A_PAGE = 99  # and one more to see whether there is another: what one BatchGetItem reads
_ROWS_A_PAGE = 499  # of series and instances


class _NotSearched(Exception):
    """The search ends before its end, with this comment."""


class CFind:
    """The service, for all associations.

    Parameters
    ----------
    search
        With `MAX_ROWS_A_PAGE`.
    max_fruitless_rows
        How many rows one request may read that do not match.
    """

    def __init__(
        self, search: SearchCatalogue, query_tags: QueryTagStates, *, max_fruitless_rows: int = MAX_FRUITLESS_ROWS
    ) -> None:
        self._search_all = SearchAll(search, max_fruitless_rows=max_fruitless_rows)
        self._search_patients = SearchPatients(self._search_all)
        self._query_tags = query_tags

    def answer(self, request: C_FIND, exchange: Exchange) -> None:
        """Send all matches, and how the search ended."""
        exchange.respond(self._outcome(request, exchange))

    def _outcome(self, request: C_FIND, exchange: Exchange) -> Dataset:
        try:
            identifier = read_identifier(
                cast(BytesIO, request.Identifier).getvalue(), exchange.context.transfer_syntax_uid
            )
        except Rejected:
            return response(UNABLE_TO_PROCESS, "The Identifier cannot be read.")
        try:
            return self._answered(identifier, exchange)
        except WrongKey as wrong:
            outcome = response(IDENTIFIER_DOES_NOT_MATCH, str(wrong))
            outcome.OffendingElement = [wrong.tag]
            return outcome
        except _NotSearched as end:
            return response(OUT_OF_RESOURCES, str(end))

    def _answered(self, identifier: Identifier, exchange: Exchange) -> Dataset:
        context, record = exchange.context, exchange.record
        with _searching():
            query_tags = self._query_tags.read(record.space)
        options = exchange.options(context.abstract_syntax_uid)
        asked = find_request(identifier, context.abstract_syntax_uid, query_tags, options)
        always = {
            QUERY_RETRIEVE_LEVEL: element("CS", asked.level_name),
            RETRIEVE_AE_TITLE: element("AE", record.called_ae_title),
            INSTANCE_AVAILABILITY: element("CS", "ONLINE"),
            **asked.private_creators,
        }
        identifiers = ResponseIdentifiers(
            asked.returned,
            always,
            character_sets=identifier.character_sets,
            transfer_syntax_uid=context.transfer_syntax_uid,
        )
        pending = response(PENDING_WITH_WARNING if asked.is_served_in_part else PENDING)
        for found in _looking_up(self._found(asked, record.space, identifiers)):
            if exchange.is_cancelled:
                return response(CANCELLED)
            if not exchange.is_open:
                raise Unavailable("The association ended while its request was answered.")
            exchange.respond_each(pending, found)
        return response(SUCCESS)

    def _found(self, asked: FindRequest, space: str, identifiers: ResponseIdentifiers) -> Iterator[Sequence[bytes]]:
        """The Identifiers of some matches at a time, and none where a page has none."""
        count_patients = CountPatients(self._search_all)
        for page in self._pages(asked, space):
            for first in range(0, max(len(page), 1), _RESPONSES_AT_ONCE):
                some = page[first : first + _RESPONSES_AT_ONCE]
                yield [identifiers.encode(_attributes(match, asked, count_patients)) for match in some]

    def _pages(self, asked: FindRequest, space: str) -> Iterator[Sequence[Match]]:
        limit = _STUDIES_A_PAGE if asked.level is Level.STUDY else _ROWS_A_PAGE
        query = Query(space, asked.level, asked.criteria, limit, tag_levels=asked.tag_levels)
        if asked.is_for_patients:
            return ([Match(study) for study in studies] for studies in self._search_patients(query))
        return (page.matches for page in self._search_all(query))


def _looking_up(found: Iterator[Sequence[bytes]]) -> Iterator[Sequence[bytes]]:
    """The same, and nothing now and then, however long the table takes to answer."""
    searching = ThreadPoolExecutor(1, "search")
    try:
        while True:
            coming = searching.submit(next, found, None)
            while not wait([coming], _SECONDS_BETWEEN_LOOKS).done:
                yield ()
            with _searching():
                some = coming.result()
            if some is None:
                return
            yield some
    finally:
        searching.shutdown(wait=False)


@contextmanager
def _searching() -> Iterator[None]:
    """Tell a search that fails from an association that does."""
    try:
        yield
    except Unavailable as failure:
        raise _NotSearched("The archive cannot search now; ask again later.") from failure
    except Rejected as rejected:
        raise _NotSearched(str(rejected)) from rejected


def _attributes(match: Match, asked: FindRequest, count_patients: CountPatients) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for of_level in levels_of(match, asked.tag_levels):
        attributes |= {**of_level.stored, **of_level.computed}
    counts = count_patients(match.study) if asked.counts_patients else None
    return attributes | identity_of(match) | (counts.attributes if counts else {})
