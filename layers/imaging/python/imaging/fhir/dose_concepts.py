"""What is said of a dose in the reports of PS3.16: TID 10001, TID 10011 and TID 10021."""

from collections.abc import Mapping

from imaging.fhir.coding_schemes import DICOM, SNOMED_CT
from imaging.fhir.content_item import Concept

REPORTS: frozenset[Concept] = frozenset({(DICOM, "113701"), (DICOM, "113500")})  # X-ray, radiopharmaceutical
EVENTS: frozenset[Concept] = frozenset({(DICOM, "113706"), (DICOM, "113819")})  # TID 10003 and TID 10013

# PS3.16 TID 10002, 10004 to 10007, 10012 and 10022.
OF_THE_WHOLE: Mapping[Concept, str] = {
    (DICOM, "121058"): "Procedure reported",
    (DICOM, "113812"): "Total Number of Irradiation Events",
    (DICOM, "113813"): "CT Dose Length Product Total",
    (DICOM, "113814"): "CT Effective Dose Total",
    (DICOM, "113722"): "Dose Area Product Total",
    (DICOM, "113725"): "Dose (RP) Total",
    (DICOM, "113726"): "Fluoro Dose Area Product Total",
    (DICOM, "113728"): "Fluoro Dose (RP) Total",
    (DICOM, "113727"): "Acquisition Dose Area Product Total",
    (DICOM, "113729"): "Acquisition Dose (RP) Total",
    (DICOM, "113730"): "Total Fluoro Time",
    (DICOM, "113731"): "Total Number of Radiographic Frames",
    (DICOM, "111637"): "Accumulated Average Glandular Dose",
    (SNOMED_CT, "349358000"): "Radiopharmaceutical agent",
    (SNOMED_CT, "89457008"): "Radionuclide",
    (DICOM, "113507"): "Administered activity",
    (DICOM, "123005"): "Radiopharmaceutical Volume",
    (SNOMED_CT, "410675002"): "Route of administration",
}
# PS3.16 TID 10003, 10003B and 10013.
OF_AN_EVENT: Mapping[Concept, str] = {
    (DICOM, "125203"): "Acquisition Protocol",
    (DICOM, "113820"): "CT Acquisition Type",
    (DICOM, "113721"): "Irradiation Event Type",
    (DICOM, "113830"): "Mean CTDIvol",
    (DICOM, "113835"): "CTDIw Phantom Type",
    (DICOM, "113838"): "DLP",
    (DICOM, "113839"): "Effective Dose",
    (DICOM, "122130"): "Dose Area Product",
    (DICOM, "113738"): "Dose (RP)",
    (DICOM, "111631"): "Average Glandular Dose",
}
COUNTS = frozenset({(DICOM, "113812"), (DICOM, "113731")})
