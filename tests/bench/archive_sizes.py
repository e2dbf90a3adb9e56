"""What a search costs in archives of several sizes: the manifest of an empty space filled directly, then asked."""

import json
import os
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.table import Table

from imaging.aws.dynamodb_table import ManifestTable
from infra.local.progress import Progress
from tests.bench.dicomweb_connection import DicomWebConnection
from tests.bench.floor import PAGE, Floor, floor
from tests.bench.measurement import OPERATIONS, Operation, Summary, measure, summary
from tests.bench.report import wide_console
from tests.listed_studies import FAMILY_NAMES, MODALITIES, ListedStudies, fill

SPACE = "research"
_REPEATS = 20
_YEAR = "20200101-20201231"


@dataclass(frozen=True)
class SizedSearch:
    """One search in one archive, or its floor."""

    studies: int
    name: str
    summary: Summary


def measure_searches(state_dir: Path, sizes: Sequence[int], progress: Progress) -> list[SizedSearch]:
    """Fill the space to each size in turn, and measure.

    Parameters
    ----------
    state_dir
        Of a running system whose space holds nothing; what is put there is in no bucket.
    """
    endpoints: dict[str, Any] = json.loads((state_dir / "endpoints.json").read_text())
    os.environ.update(json.loads((state_dir / "operator.json").read_text()))  # for the client of ManifestTable
    aws, space = endpoints["aws"], endpoints["spaces"][SPACE]
    bare = floor(aws["endpoint_url"], space["bucket"], aws["manifest_table"])
    found: list[SizedSearch] = []
    for studies in sorted(sizes):
        with progress.step(f"listing {studies} studies"):
            listed = fill(ManifestTable(aws["manifest_table"]), SPACE, studies)
        with progress.step(f"searching {studies} studies"):
            found += _measured(listed, space["dicomweb"], bare)
    return found


def _measured(listed: ListedStudies, root: str, bare: Floor) -> list[SizedSearch]:
    def timed(name: str, operation: Operation) -> SizedSearch:
        measure([[operation] * 3])  # warm
        return SizedSearch(listed.number, name, summary([measure([[operation] * _REPEATS])], OPERATIONS))

    with closing(DicomWebConnection(root)) as connection:
        return [
            timed("bare Query, by patient", partial(bare.newest_of_patient, SPACE, listed.patient_id)),
            timed("bare Query, by date range", partial(bare.newest_of_dates, SPACE, *_YEAR.split("-"))),
            *(
                timed(name, partial(connection.ask, f"/studies?{query}&limit={PAGE}", "0020000D"))
                for name, query in _searches(listed)
            ),
        ]


def _searches(listed: ListedStudies) -> list[tuple[str, str]]:
    return [
        ("patient", f"PatientID={listed.patient_id}"),
        ("accession number", f"AccessionNumber=A{listed.number // 2}"),
        ("date range", f"StudyDate={_YEAR}"),
        ("date range, fifth page", f"StudyDate={_YEAR}&offset={min(4 * PAGE, listed.number // 20)}"),
        ("name prefix", f"PatientName={FAMILY_NAMES[3]}*"),
        ("modality, date range", f"ModalitiesInStudy={MODALITIES[0]}&StudyDate={_YEAR}"),
        ("all", "ModalitiesInStudy=*"),
    ]


def print_searches(found: Sequence[SizedSearch]) -> None:
    """Print a line for each."""
    table = Table(title=f"Search, a page of {PAGE} at most, one client", title_justify="left")
    for column in ("studies", "search", "p50 ms", "p95 ms"):
        table.add_column(column, justify="left" if column == "search" else "right", no_wrap=True)
    for before, each in zip([None, *found], found, strict=False):
        if before and before.studies != each.studies:
            table.add_section()
        table.add_row(f"{each.studies:,}", each.name, _ms(each.summary.p50_ms), _ms(each.summary.p95_ms))
    wide_console().print(table)


def searches_as_json(found: Sequence[SizedSearch]) -> list[dict[str, Any]]:
    """The same numbers."""
    return [
        {"studies": each.studies, "search": each.name, "p50_ms": each.summary.p50_ms, "p95_ms": each.summary.p95_ms}
        for each in found
    ]


def _ms(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:.1f}"
