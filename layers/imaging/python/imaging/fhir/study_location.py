"""Where a study was made."""

from collections import Counter

from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource, string
from imaging.model.revision import Revision, RevisionSeries

_INSTITUTIONAL_DEPARTMENT_NAME, _INSTITUTION_NAME = "00081040", "00080080"


def location(revision: Revision, findings: Findings) -> Resource | None:
    """Institutional Department Name (0008,1040) and Institution Name (0008,0080), as text.

    FHIR wants the principal one: that of most series, of those with as many
    that of the series with the lowest UID.
    """
    named = Counter(name for series in revision.series if (name := _location(series, findings)))
    return {"display": named.most_common(1)[0][0]} if named else None


def _location(series: RevisionSeries, findings: Findings) -> str:
    names = (
        findings.mapped(series.attributes, tag, string) for tag in (_INSTITUTIONAL_DEPARTMENT_NAME, _INSTITUTION_NAME)
    )
    return ", ".join(name for name in names if name)
