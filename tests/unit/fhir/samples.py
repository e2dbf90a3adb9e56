"""Revisions to map, made by hand or from files."""

from datetime import UTC, datetime
from typing import Any

from pydicom.datadict import dictionary_VR, tag_for_keyword

from imaging.model.identifiers import StudyKey
from imaging.model.instance import Action, DicomJson
from imaging.model.links import Links
from imaging.model.revision import Revision, RevisionInstance, RevisionSeries
from imaging.settings import OtherBytes, Space

LINKS = Links("https://imaging.example.org")
SPACE = Space("main", "bucket", "MAIN", OtherBytes.REPLACE, "urn:oid:1.2.3.4")
STUDY = StudyKey("main", "1.2.3")
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


def attributes(**values: Any) -> DicomJson:
    """DICOM JSON of keywords and single values, of a sequence the list of its items.

    A str under a person name is its alphabetic group.
    """
    return dict(_element(keyword, value) for keyword, value in values.items())


def _element(keyword: str, value: Any) -> tuple[str, dict[str, Any]]:
    tag = tag_for_keyword(keyword)
    vr = dictionary_VR(tag)
    if vr == "PN" and isinstance(value, str):
        value = {"Alphabetic": value}
    values = value if vr == "SQ" else [value]
    return f"{tag:08X}", {"vr": vr, "Value": values} if value != "" else {"vr": vr}


def instance(uid: str, *, sop_class_uid: str = CT_IMAGE_STORAGE, **values: Any) -> RevisionInstance:
    return RevisionInstance(
        sop_instance_uid=uid,
        sop_class_uid=sop_class_uid,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        version_id="v1",
        size_bytes=1000,
        data_set_digest="00",
        change_number=1,
        action=Action.CREATE,
        attributes=attributes(**values),
    )


def series(uid: str, *instances: RevisionInstance, modality: str = "CT", **values: Any) -> RevisionSeries:
    return RevisionSeries(uid, "", modality, attributes(**values), instances)


def revision(
    *all_series: RevisionSeries, number: int = 1, study: StudyKey = STUDY, of_study: DicomJson | None = None
) -> Revision:
    return Revision(
        study=study,
        number=number,
        created_at=datetime(2026, 11, 21, 20, 55, tzinfo=UTC),
        changes=number,
        additions=(),
        modifications=(),
        deletions=(),
        attributes=of_study if of_study is not None else attributes(PatientID="4711", PatientName="Doe^Jane"),
        series=all_series,
    )


def small_revision(number: int = 1, **of_study: Any) -> Revision:
    """One series of one instance."""
    return revision(
        series("1.2.3.1", instance("1.2.3.1.1", InstanceNumber=1), SeriesNumber=1),
        number=number,
        of_study=attributes(**{"PatientID": "4711", "PatientName": "Doe^Jane", **of_study}),
    )
