"""Which series hold the key images of studies: what their Key Object Selection Documents refer to."""

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from imaging.dicom.attributes import Attributes, text
from imaging.errors import Rejected
from imaging.fhir.sequence import first_item, items
from imaging.model.identifiers import StudyKey
from imaging.model.instance import Instance
from imaging.model.study import Series
from imaging.ports.catalogue import StudyContents
from imaging.reading.matching import values_of
from imaging.reading.query_keys import MODALITY
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.target import Target

MAX_DOCUMENTS = 100
"""So many are looked at for one request, of the newest studies first."""

_KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
_CONCEPT_NAME, _CODE_VALUE = "0040A043", "00080100"
_EVIDENCE, _REFERENCED_SERIES = "0040A375", "00081115"
_STUDY_INSTANCE_UID, _SERIES_INSTANCE_UID = "0020000D", "0020000E"

# Titles, PS3.16 CID 7010, of documents that list what is rejected or of poor quality, or all that there is.
_NO_KEY_IMAGES = frozenset(
    ("113001", "113010", "113037", "113038", "113039", "113030", "113031", "113032", "113033", "113034", "113035")
)


class FindKeyImages:
    """Reads the documents of studies; PS3.3 Section A.35.4."""

    def __init__(self, contents: StudyContents, metadata: RetrieveMetadata) -> None:
        self._contents = contents
        self._metadata = metadata

    def __call__(self, places: Iterable[Sequence[StudyKey]]) -> Iterator[dict[StudyKey, list[str]]]:
        """The Series Instance UIDs by study, for one place after the other; studies without any are left out.

        Parameters
        ----------
        places
            Studies that are shown together, of one space each. What documents
            refer to outside them is left out too, and so are series that are
            not stored.
        """
        left = MAX_DOCUMENTS
        for studies in places:
            stored = {study: self._contents.read_series(study) for study in studies} if left else {}
            documents = list(islice(self._documents(stored), left))
            left -= len(documents)
            yield self._key_images(stored, list(filter(_selects_key_images, documents)))

    def _documents(self, stored: Mapping[StudyKey, Sequence[Series]]) -> Iterator[Instance]:
        for study, every_series in stored.items():
            for series in every_series:
                if "KO" in values_of(series.attributes, MODALITY.tag):
                    uid = series.series_instance_uid
                    yield from self._contents.read_instances(study, uid, at_a_time=MAX_DOCUMENTS)

    def _key_images(
        self, stored: Mapping[StudyKey, Sequence[Series]], documents: Sequence[Instance]
    ) -> dict[StudyKey, list[str]]:
        named = {study.study_instance_uid: study for study in stored}
        known = {(series.study, series.series_instance_uid) for each in stored.values() for series in each}
        found: dict[StudyKey, dict[str, None]] = {}
        for metadata in self._metadata_of(documents):
            for study_uid, series_uid in _referenced(metadata):
                study = named.get(study_uid)
                if study and (study, series_uid) in known:
                    found.setdefault(study, {})[series_uid] = None
        return {study: list(found[study]) for study in stored if study in found}

    def _metadata_of(self, documents: Sequence[Instance]) -> Iterator[Attributes]:
        kept = self._contents.read_metadata(documents)
        for document in documents:
            if packed := kept.get(document.key):
                yield json.loads(gzip.decompress(packed))
            else:
                yield from self._spilled(document)

    def _spilled(self, document: Instance) -> Iterator[Attributes]:
        key = document.key
        try:
            found = self._metadata.find(Target(key.study, key.series_instance_uid, key.sop_instance_uid))
        except Rejected:  # it was deleted meanwhile
            return
        yield from json.loads(b"[%b]" % b",".join(found.runs()))


def _referenced(document: Attributes) -> Iterator[tuple[str, str]]:
    for study in items(document, _EVIDENCE):
        for series in items(study, _REFERENCED_SERIES):
            yield text(study, _STUDY_INSTANCE_UID), text(series, _SERIES_INSTANCE_UID)


def _selects_key_images(instance: Instance) -> bool:
    title: Attributes = first_item(instance.attributes, _CONCEPT_NAME) or {}
    return instance.sop_class_uid == _KEY_OBJECT_SELECTION and text(title, _CODE_VALUE) not in _NO_KEY_IMAGES
