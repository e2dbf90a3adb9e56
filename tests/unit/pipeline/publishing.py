"""Stage 5 with its surroundings in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from imaging.model.identifiers import StudyKey
from imaging.model.revision import Revision
from imaging.model.study import Study, StudyState
from imaging.pipeline.publish_study import PublishStudy
from imaging.ports.outside import FhirServer
from tests.unit.fhir.fake_server import FakeFhirServer
from tests.unit.fhir.samples import LINKS, SPACE

NOW = datetime(2026, 11, 21, 20, 55, tzinfo=UTC)


class FakeFence:
    """Knows the number of each study's latest revision."""

    def __init__(self) -> None:
        self.numbers: dict[StudyKey, int] = {}

    def read_study(self, study: StudyKey) -> Study | None:
        if study not in self.numbers:
            return None
        return Study(
            key=study,
            state=StudyState.FINAL,
            changes=1,
            opened_at=NOW,
            last_change_at=NOW,
            revision=self.numbers[study],
            claim=None,
            series=1,
            instances=1,
            modalities=(),
            attributes={},
        )


@dataclass
class FakePending:
    """Remembers which marks were removed."""

    published: list[tuple[StudyKey, int]] = field(default_factory=list)

    def revision_published(self, study: StudyKey, number: int) -> None:
        self.published.append((study, number))


class FakeRevisions(dict[tuple[StudyKey, int], Revision]):
    """A `RevisionArchive` to read from."""

    def read(self, study: StudyKey, number: int) -> Revision | None:
        return self.get((study, number))


class Publishing:
    """The stage with its surroundings."""

    def __init__(self) -> None:
        self.fence, self.pending, self.revisions = FakeFence(), FakePending(), FakeRevisions()
        self.server = FakeFhirServer()
        self.use(self.server)

    def use(self, server: FhirServer) -> None:
        self.publish = PublishStudy(
            self.fence, self.pending, self.revisions, server, links=LINKS, spaces={"main": SPACE}
        )

    def finalize(self, made: Revision) -> None:
        self.revisions[made.study, made.number] = made
        self.fence.numbers[made.study] = made.number

    @property
    def marks_removed(self) -> list[int]:
        return [number for _, number in self.pending.published]

    def version_counts(self) -> dict[str, int]:
        return {url.partition("/")[0]: len(versions) for url, versions in self.server.versions.items()}
