"""When a study or a series was started."""

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import date_time

_ANY_DAY, _UTC = "20000101", "+0000"


def started(
    attributes: Attributes, date: str, time: str, timezone_offset_from_utc: str, findings: Findings
) -> str | None:
    """A date with its time, as precise as FHIR can have it.

    Without an offset, or with hours alone, a time says nothing in FHIR; that
    is how many devices are, and nothing to note.

    Parameters
    ----------
    date, time
        The tags of the two attributes.
    """
    at = text(attributes, time).strip()
    if at and not _is_time(at):
        findings.invalid(time)
    return findings.mapped(attributes, date, lambda day: date_time(day, at, timezone_offset_from_utc))


def offset_from_utc(attributes: Attributes, findings: Findings) -> str:
    """Timezone Offset From UTC (0008,0201); "" if there is none that makes sense."""
    stated = findings.mapped(attributes, "00080201", lambda offset: offset if _is_offset(offset) else None)
    return stated or ""


def _is_time(time: str) -> bool:
    hours_alone = len(time) == 2 and time.isascii() and time.isdigit() and int(time) < 24  # PS3.5 Table 6.2-1, TM
    return hours_alone or date_time(_ANY_DAY, time, _UTC) != date_time(_ANY_DAY, "", _UTC)


def _is_offset(offset: str) -> bool:
    return date_time(_ANY_DAY, "1200", offset) != date_time(_ANY_DAY, "", _UTC)
