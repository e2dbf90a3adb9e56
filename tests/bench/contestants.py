"""Who is measured: a row on our system, the same row on other servers, and bare AWS."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

from tests.bench.dcmtk_client import DcmtkClient
from tests.bench.dicomweb_connection import DicomWebConnection
from tests.bench.dimse_servers import DimseServer
from tests.bench.floor import Floor
from tests.bench.measurement import NotThere, Operation
from tests.bench.rows import FloorOf, Route, Row
from tests.bench.synthetic_studies import Kind, Study
from tests.bench.system_under_test import SystemUnderTest

Operations = list[list[Operation]]
"""Of each client."""


class Server(Enum):
    """Where a contestant stores, and so where it can read."""

    OURS = "ours"
    FLOOR = "floor"
    PEER = "peer"
    ORTHANC = "Orthanc"
    PYNETDICOM = "pynetdicom"
    TO_DISK = "to disk"
    """Ours, the receiving path alone."""


WHERE_WE_STORE = (Server.OURS, Server.FLOOR)


@dataclass(frozen=True)
class Entry:
    """What a measurement is filed under; a floor is filed once for all rows that share it."""

    server: Server
    kind: Kind
    what: Row | FloorOf

    @property
    def title(self) -> str:
        """For progress and failures."""
        what = self.what.title if isinstance(self.what, Row) else f"{self.kind.value}: {self.what.value}"
        return f"{what}, {self.server.value}"


class Contestant(Protocol):
    """One that can be measured."""

    @property
    def entry(self) -> Entry:
        """Where its measurements go."""

    @property
    def stores(self) -> bool:
        """Whether it needs studies that nobody has."""

    @property
    def leaves_files(self) -> bool:
        """Whether what it stores can be read as the files that it was given."""

    def ready(self, studies: Sequence[Sequence[Study]]) -> AbstractContextManager[Operations]:
        """Connect each client, and make what it will do with its studies.

        Raises
        ------
        NotThere
            If the server has no such route.
        """


@dataclass(frozen=True)
class RowOn:
    """A row on a DICOMweb server."""

    row: Row
    server: Server
    root: str | None
    leaves_files: bool = True

    @property
    def entry(self) -> Entry:
        return Entry(self.server, self.row.kind, self.row)

    @property
    def stores(self) -> bool:
        return self.row.stores

    @contextmanager
    def ready(self, studies: Sequence[Sequence[Study]]) -> Iterator[Operations]:
        if self.root is None:
            raise NotThere
        with ExitStack() as stack:
            connections = [stack.enter_context(closing(DicomWebConnection(self.root))) for _ in studies]
            yield [
                [operation for study in of_client for operation in self.row.operations(connection, study)]
                for connection, of_client in zip(connections, studies, strict=True)
            ]


@dataclass(frozen=True)
class DimseRowOn:
    """A row on a DIMSE node; each client is a program, its files lie on disk."""

    row: Row
    server: Server
    dimse: DimseServer | None

    @property
    def entry(self) -> Entry:
        return Entry(self.server, self.row.kind, self.row)

    @property
    def stores(self) -> bool:
        return self.row.stores

    @property
    def leaves_files(self) -> bool:
        return self.server is not Server.OURS  # a message has no File Meta Information: in the object it is ours

    @contextmanager
    def ready(self, studies: Sequence[Sequence[Study]]) -> Iterator[Operations]:
        if self.dimse is None:
            raise NotThere
        with TemporaryDirectory(prefix="imaging-bench-sent-") as folder:
            client = DcmtkClient(self.dimse.node, Path(folder))
            if self.stores:
                self.dimse.forget()
                for study in (study for of_client in studies for study in of_client):
                    client.lay_out(study)
            yield [
                [operation for study in of_client for operation in self.row.operations(client, study)]
                for of_client in studies
            ]


@dataclass(frozen=True)
class BareAws:
    """What rows of one kind have as their floor."""

    floor_of: FloorOf
    kind: Kind
    floor: Floor
    leaves_files: bool = True

    @property
    def entry(self) -> Entry:
        return Entry(Server.FLOOR, self.kind, self.floor_of)

    @property
    def stores(self) -> bool:
        return self.floor_of is FloorOf.PUT

    @contextmanager
    def ready(self, studies: Sequence[Sequence[Study]]) -> Iterator[Operations]:
        yield [
            [operation for study in of_client for operation in self.floor_of.operations(self.floor, study)]
            for of_client in studies
        ]


def contestants(
    system: SystemUnderTest, peer: str | None, beside: Mapping[Server, DimseServer], rows: Sequence[Row]
) -> list[Contestant]:
    """All that is to be measured for these rows.

    Parameters
    ----------
    peer
        The DICOMweb root of another server.
    beside
        Other DIMSE nodes; all but Orthanc can only be stored to.
    """
    found: list[Contestant] = []
    if system.floor:
        # Whatever is read, bare puts are there to have stored it.
        floors = dict.fromkeys((floor, row.kind) for row in rows for floor in (FloorOf.PUT, row.floor))
        found += [BareAws(floor, kind, system.floor) for floor, kind in floors]
    ours = DimseServer(system.dimse) if system.dimse else None
    for row in rows:
        if row.route is Route.DIMSE:
            found += [DimseRowOn(row, Server.OURS, ours)]
            found += [
                DimseRowOn(row, server, node)
                for server, node in beside.items()
                if row.stores or server is Server.ORTHANC
            ]
        else:
            found += [RowOn(row, Server.OURS, system.root(row.route))]
            if peer and row.route is not Route.STAGE:
                found += [RowOn(row, Server.PEER, peer)]
    return found
