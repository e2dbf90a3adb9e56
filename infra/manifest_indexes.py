"""The keys and indexes of the manifest table; all of them are text."""

from dataclasses import dataclass

PARTITION_KEY = "pk"
SORT_KEY = "sk"


@dataclass(frozen=True)
class Index:
    """A global secondary index; with nothing included it holds keys only."""

    name: str
    partition_keys: tuple[str, ...]
    sort_keys: tuple[str, ...]
    included: tuple[str, ...] = ()


_LISTED = ("listed_date", "study_instance_uid")

INDEXES = (
    # QIDO-RS, PS3.18 Section 10.6: each serves a query by its most selective attribute, in the order of study dates.
    Index("by_date", ("space",), _LISTED),
    Index("by_patient", ("space", "patient_id"), _LISTED),
    Index("by_accession", ("space", "accession_number"), _LISTED),
    # The LISTED rows: a study has one for each of its modalities, and one for each form of its patient's name.
    Index("by_modality", ("space", "modality"), ("modality_date", "study_instance_uid")),
    Index(
        "by_name",
        ("space", "name_initial"),
        ("name_key", "name_age", "study_instance_uid"),
        ("repeated_characters",),
    ),
    Index("by_uid", ("space", "uid"), (SORT_KEY,)),
    # What came in: a study comes to the end whenever it changes for the first time since a revision.
    # Its date orders nothing there: a study without instances has none, and so is not listed.
    Index("by_arrival", ("space",), ("opened_at", "study_instance_uid", "listed_date")),
    # Sparse: rows with work that is still to be done, and what their marks say.
    Index(
        "pending",
        ("pending",),
        ("pending_since", SORT_KEY),
        (
            "kind",
            "space",
            "study_instance_uid",
            "series_instance_uid",
            "sop_instance_uid",
            "revision",
            "created_at",
            "reason",
            "claim",
            "counts",
        ),
    ),
)
