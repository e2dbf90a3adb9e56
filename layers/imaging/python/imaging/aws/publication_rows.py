"""The rows that say where publishing to FHIR stands: their keys, and the model read back from them.

They lie beside the study's own partition, which finalizing reads whole. Nothing
is lost for good with them: without its row a study is compared with the FHIR
server anew when it is next published, and an entry comes back with the next
failure. What nobody knows any more then is which further resources an earlier
revision had that the study no longer gives (`Publication.further`).
"""

from datetime import datetime

from imaging.aws.rows import Row, packed, study_names, study_of, timestamp, unpacked
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError, Publication

_MARK = "fhir-error"
_FURTHER = "further"


def publication_key(study: StudyKey) -> Row:
    """The key of the row that says what is published of a study, and who publishes it now."""
    return {"pk": _partition(study), "sk": "publication"}


def error_key(study: StudyKey, kind: ErrorKind) -> Row:
    """The key of an entry: one for what was left out, one for why the study itself is not there."""
    return {"pk": _partition(study), "sk": f"error#{'invalid-tag' if kind is ErrorKind.INVALID_TAG else 'publication'}"}


def known_resource_key(name: str) -> Row:
    """The key of the row that keeps the id which a server gave the resource of that name, and who spoke of it last."""
    return {"pk": f"FHIR-ID#{name}", "sk": "id"}


def error_mark(space: str, kind: ErrorKind) -> str:
    """Under what the sparse index of work left lists the entries of a kind; no stage of ours looks there."""
    return f"{_MARK}#{kind.value}#{space}"


def error_row(error: FhirError) -> Row:
    """An entry as the table holds it."""
    return {
        **error_key(error.study, error.kind),
        **study_names(error.study),
        "kind": "FHIR_ERROR",
        "revision": error.revision,
        "error_kind": error.kind.value,
        "message": error.message,
        "attempts": error.attempts,
        "pending": error_mark(error.study.space, error.kind),
        "pending_since": timestamp(error.time),
    }


def error_of(row: Row) -> FhirError:
    """Read an entry."""
    return FhirError(
        study=study_of(row),
        revision=row["revision"],
        kind=ErrorKind(row["error_kind"]),
        message=row["message"],
        attempts=row["attempts"],
        time=datetime.fromisoformat(row["pending_since"]),
    )


def publication_row(publication: Publication) -> Row:
    """What the row says of it beside who publishes; the ids of thousands of resources fit."""
    return {
        "revision": publication.revision,
        "published_at": timestamp(publication.published_at) if publication.published_at else None,
        "further": packed({_FURTHER: publication.further}) if publication.further else None,
    }


def publication_of(study: StudyKey, row: Row | None) -> Publication:
    """Read where a study stands; its row may have nothing but a lease yet."""
    if not row or "published_at" not in row:
        return Publication(study)
    further = tuple(unpacked(row.get("further")).get(_FURTHER, ()))
    return Publication(study, row["revision"], datetime.fromisoformat(row["published_at"]), further)


def _partition(study: StudyKey) -> str:
    return f"FHIR#{study.space}#{study.study_instance_uid}"
