"""The results for people and for programs."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.bench.contestants import WHERE_WE_STORE, Entry, Server
from tests.bench.counted_calls import CountedCalls
from tests.bench.measurement import Summary, summary
from tests.bench.rounds import Plan, Results
from tests.bench.rows import Row

_WIDTH = 200
"""Where it goes to a file and not to a terminal."""
_TEXT_COLUMNS = {"row", "route", "unit", "process", "service"}


@dataclass(frozen=True)
class Line:
    """A row with so many clients, beside its floor and other servers; a text says why a summary is missing."""

    row: Row
    clients: int
    ours: Summary | str
    floor: Summary | str
    others: Mapping[Server, Summary | str]

    @property
    def ratio(self) -> float | None:
        """Ours to the floor, both medians."""
        if isinstance(self.ours, str) or isinstance(self.floor, str):
            return None
        return self.ours.rate / self.floor.rate


OTHERS = tuple(server for server in Server if server not in WHERE_WE_STORE)


def lines(results: Results, plan: Plan, rows: Sequence[Row]) -> list[Line]:
    """Every row with every number of clients."""

    def found(entry: Entry, clients: int, row: Row) -> Summary | str:
        measured = results.measured.get((entry, clients))
        return summary(measured, row.unit) if measured else results.missing.get((entry, clients), "")

    return [
        Line(
            row,
            clients,
            ours=found(Entry(Server.OURS, row.kind, row), clients, row),
            floor=found(Entry(Server.FLOOR, row.kind, row.floor), clients, row),
            others={server: found(Entry(server, row.kind, row), clients, row) for server in OTHERS},
        )
        for row in rows
        for clients in plan.clients
    ]


def print_tables(results: Results, plan: Plan, rows: Sequence[Row]) -> None:
    """Print everything."""
    console = wide_console()
    console.print(_rates(lines(results, plan, rows)))
    if any(counted.calls for counted in results.calls.values()):
        until = "published" if plan.to_the_end else "indexed"
        console.print(_calls(results.calls, f"AWS calls for each instance stored, counted until its study was {until}"))
    for failure in results.failures:
        console.print(failure, style="red")


def wide_console() -> Console:
    """A console whose tables keep their lines whole where nobody sees a terminal's edge."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console


def _rates(found: Sequence[Line]) -> Table:
    others = [server for server in OTHERS if any(line.others[server] for line in found)]
    table = _table(
        *("row", "route", "clients", "unit", "ours", "floor", "ratio"),
        *(server.value for server in others),
        *("p50 ms", "p95 ms", "client CPU", "floor p50"),
        title="Medians. Ratio: ours to the floor. Latency, and the share of a core that the clients took: of ours.",
    )
    for before, line in zip([None, *found], found, strict=False):
        if before and before.row.kind is not line.row.kind:
            table.add_section()
        ours = line.ours
        table.add_row(
            *(f"{line.row.kind.value}: {line.row.name}", line.row.route.value, str(line.clients), line.row.unit.name),
            *(_rate(ours), _rate(line.floor), "" if line.ratio is None else f"{line.ratio:.2f}"),
            *(_rate(line.others[server]) for server in others),
            *(
                ["", "", ""]
                if isinstance(ours, str)
                else [_ms(ours.p50_ms), _ms(ours.p95_ms), f"{ours.client_cpu:.0%}"]
            ),
            "" if isinstance(line.floor, str) else _ms(line.floor.p50_ms),
        )
    return table


def _calls(calls: Mapping[Entry, CountedCalls], title: str) -> Table:
    table = _table(
        *("row", "process", "service", "calls", "bytes sent", "bytes received"),
        title=title,
    )
    for entry, counted in calls.items():
        for number, caller in enumerate(sorted(counted.calls)):
            table.add_row(
                entry.title if number == 0 else "",
                *caller,
                f"{counted.calls[caller] / counted.instances:.2f}",
                f"{counted.sent_bytes[caller] / counted.instances:,.0f}",
                f"{counted.received_bytes[caller] / counted.instances:,.0f}",
            )
        table.add_section()
    return table


def _table(*columns: str, title: str) -> Table:
    """A table whose first columns are text and whose others are numbers."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        is_text = column in _TEXT_COLUMNS
        table.add_column(column, justify="left" if is_text else "right", no_wrap=True)
    return table


def _rate(found: Summary | str) -> str:
    if isinstance(found, str):
        return found
    return f"{found.rate:.1f}" if found.rate < 100 else f"{found.rate:.0f}"


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.1f}"


def as_json(results: Results, plan: Plan, rows: Sequence[Row]) -> dict[str, Any]:
    """The same numbers, rates round by round."""

    def plain(found: Summary | str) -> dict[str, Any] | str:
        return found if isinstance(found, str) else {"rate": found.rate, **asdict(found)}

    return {
        "cores": os.cpu_count(),
        "rounds": plan.rounds,
        "rows": [
            {
                "row": line.row.name,
                "kind": line.row.kind.value,
                "route": line.row.route.value,
                "clients": line.clients,
                "unit": line.row.unit.name,
                "ours": plain(line.ours),
                "floor": plain(line.floor),
                "ratio": line.ratio,
                "others": {server.value: plain(summary) for server, summary in line.others.items() if summary},
            }
            for line in lines(results, plan, rows)
        ],
        "calls": [
            {
                "row": entry.title,
                "instances": counted.instances,
                "by": [
                    {
                        "process": caller.process,
                        "service": caller.service,
                        "calls": counted.calls[caller],
                        "sent_bytes": counted.sent_bytes[caller],
                        "received_bytes": counted.received_bytes[caller],
                    }
                    for caller in sorted(counted.calls)
                ],
            }
            for entry, counted in results.calls.items()
        ],
        "failures": results.failures,
    }
