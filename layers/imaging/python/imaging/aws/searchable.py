"""The attributes of a STUDY row that the search indexes are keyed by."""

from imaging.dicom.attributes import text
from imaging.model.instance import DicomJson

STUDY_DATE = "00080020"
ACCESSION_NUMBER = "00080050"
PATIENT_ID = "00100020"
UNDATED = "0"
_MAX_KEY_CHARACTERS = 255  # an index key holds 1,024 bytes; four a character in UTF-8


def study_search_keys(attributes: DicomJson) -> dict[str, str]:
    """Index keys of a study; "" where it has none and stays out of that index.

    A study without a date is listed all the same, as the oldest.
    """
    return {
        "listed_date": text(attributes, STUDY_DATE)[:_MAX_KEY_CHARACTERS] or UNDATED,
        "patient_id": text(attributes, PATIENT_ID)[:_MAX_KEY_CHARACTERS],
        "accession_number": text(attributes, ACCESSION_NUMBER)[:_MAX_KEY_CHARACTERS],
    }
