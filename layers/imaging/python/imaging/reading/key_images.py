"""Which series hold the key images of studies: what their Key Object Selection Documents refer to."""

import json
from collections.abc import Iterator, Sequence
from itertools import islice

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.sequence import first_item, items
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.ports.catalogue import StudyContents
from imaging.reading.matching import values_of
from imaging.reading.query_keys import MODALITY
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.target import Target

MAX_DOCUMENTS = 200
"""So many are read for one request, of the newest studies first."""

_KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_CONCEPT_NAME, _CODE_VALUE = "0040A043", "00080100"
_EVIDENCE, _REFERENCED_SERIES = "0040A375", "00081115"
_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = "0020000D", "0020000E"

# Titles, PS3.16 CID 7010, of documents that list what is rejected or of poor quality, or all that there is.
_NO_KEY_IMAGES = frozenset(
    ("113001", "113010", "113037", "113038", "113039", "113030", "113031", "113032", "113033", "113034")
)


class FindKeyImages:
    """Reads the documents of studies; PS3.3 Section A.35.4."""

    def __init__(self, contents: StudyContents, metadata: RetrieveMetadata) -> None:
        self._contents = contents
        self._metadata = metadata

    def __call__(self, studies: Sequence[StudyKey]) -> dict[StudyKey, list[str]]:
        """The Series Instance UIDs by study; studies without any are left out.

        Parameters
        ----------
        studies
            Of one space. What documents refer to outside them is left out too,
            and so are series that are not stored.
        """
        stored = {
            study.study_instance_uid: {
                series.series_instance_uid: series for series in self._contents.read_series(study)
            }
            for study in studies
        }
        documents = (
            document
            for study in studies
            for uid, series in stored[study.study_instance_uid].items()
            if "KO" in values_of(series.attributes, MODALITY.tag)
            for document in self._contents.read_instances(study, uid, at_a_time=MAX_DOCUMENTS)
            if _selects_key_images(document)
        )
        found: dict[str, dict[str, None]] = {}
        for document in islice(documents, MAX_DOCUMENTS):
            for study_uid, series_uid in self._referenced(document):
                if series_uid in stored.get(study_uid, {}):
                    found.setdefault(study_uid, {})[series_uid] = None
        return {study: list(found[uid]) for study in studies if (uid := study.study_instance_uid) in found}

    def _referenced(self, document: Instance) -> Iterator[tuple[str, str]]:
        key = document.key
        found = self._metadata.find(Target(key.study, key.series_instance_uid, key.sop_instance_uid))
        (metadata,) = json.loads(b"[%b]" % b"".join(found.runs()))
        for study in items(metadata, _EVIDENCE):
            for series in items(study, _REFERENCED_SERIES):
                yield text(study, _STUDY_INSTANCE_UID), text(series, _SERIES_INSTANCE_UID)


def _selects_key_images(instance: Instance) -> bool:
    title: Attributes = first_item(instance.attributes, _CONCEPT_NAME) or {}
    return instance.sop_class_uid == _KEY_OBJECT_SELECTION and text(title, _CODE_VALUE) not in _NO_KEY_IMAGES
