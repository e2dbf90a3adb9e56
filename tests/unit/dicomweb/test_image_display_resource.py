"""IHE Invoke Image Display, over two spaces in the embedded DynamoDB."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.image_display_parameters import OF_BOTH, OF_PATIENT, OF_STUDY, SPACE
from imaging.dicomweb.image_display_resource import ImageDisplayResource, Viewer
from imaging.dicomweb.message import Request, Response
from imaging.errors import Unavailable
from imaging.model.identifiers import InstanceKey
from imaging.model.instance import Instance
from imaging.model.links import Links
from imaging.reading import key_images
from imaging.reading.displayed_studies import MAX_STUDIES, FindDisplayedStudies
from imaging.reading.key_images import FindKeyImages
from imaging.reading.retrieve_metadata import RetrieveMetadata
from imaging.reading.search_catalogue import SearchCatalogue
from imaging.settings import OtherBytes, Space
from tests.archive import BASE_ADDRESS, Archive
from tests.manifest_table import create_manifest_table
from tests.unit.dicomweb.test_arrivals_resource import counted_calls

TEMPLATE = f"{BASE_ADDRESS}/viewer/viewer/{{space}}?StudyInstanceUIDs={{studies}}&SeriesInstanceUIDs={{series}}"
EMBEDDER = "https://ehr.example.org"
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
KEY_OBJECT_SELECTION = "1.2.840.10008.5.1.4.1.1.88.59"
ACME = "urn:oid:1.2.3"
MARK = "\N{SNOWMAN}"


EVERY = (*OF_BOTH, *OF_PATIENT, *OF_STUDY, SPACE, "other")
BEGUN = (  # requests that show something, of one space and of two
    {"requestType": "STUDY", "studyUID": "1"},
    {"requestType": "STUDY", "studyUID": "1,4"},
    {"requestType": "STUDY", "accessionNumber": "A1,A3"},
    {"requestType": "PATIENT", "patientID": "P1"},
    {"requestType": "PATIENT", "patientID": "P2^^^&2.9.9&ISO"},
)
FURTHER = (
    *((name, value) for name in ("diagnosticQuality", "keyImagesOnly") for value in ("true", "false")),
    *(("viewerType", "IHE_BIR"), ("lowerDateTime", "2020-06-01"), ("upperDateTime", "2021-12-31T12:00:00Z")),
    *(("mostRecentResults", "1"), ("modalitiesInStudy", "CT,MR"), ("patientName", "Joerg")),
    *(("patientBirthDate", "1970-01-31"), ("studyUID", "1.999"), ("patientID", "P3"), ("", ""), ("other", "1")),
)
REQUESTS = st.builds(
    lambda begun, further, hostile: [*({**begun, **dict(further)} | dict(hostile)).items()],
    st.sampled_from(BEGUN),
    st.lists(st.sampled_from(FURTHER), max_size=2),
    st.lists(st.tuples(st.sampled_from(EVERY), st.text(max_size=30).map(lambda value: f"{MARK}{value}")), max_size=1),
)


class Display:
    """Two spaces, and what opens their studies in a viewer."""

    def __init__(self, table: ManifestTable, template: str = TEMPLATE, *, system: str = "") -> None:
        unique = uuid4().hex[:8]
        self.main, self.research = Archive(table, space=f"main-{unique}"), Archive(table, space=f"research-{unique}")
        self.spaces = {
            archive.space: Space(
                archive.space, "bucket", "AE", OtherBytes.REPLACE, system, issuers={"Acme Hospital": ACME}
            )
            for archive in (self.main, self.research)
        }
        catalogue, links = self.main.catalogue, Links(BASE_ADDRESS)
        self.resource = ImageDisplayResource(
            Viewer(template, [EMBEDDER]),
            self.spaces,
            links,
            find=FindDisplayedStudies(SearchCatalogue(catalogue, catalogue), self.spaces, links),
            key_images=FindKeyImages(catalogue, RetrieveMetadata(catalogue, self.main.objects)),
        )

    def ask(self, parameters: object = (), space: str = "", accept: str = "*/*", **by_name: str) -> Response:
        request = Request("/IHEInvokeImageDisplay", [*parameters, *by_name.items()], {"accept": accept})
        return self.resource(request, {"space": space} if space else {})

    def opened(self, **parameters: str) -> tuple[str, list[str]]:
        """In which space, and what, newest first."""
        answer = self.ask(**parameters)
        assert answer.status == 302, answer.body
        address = urlsplit(answer.headers["Location"])
        return address.path.rpartition("/")[2], parse_qs(address.query)["StudyInstanceUIDs"][0].split(",")

    def studies(self, **parameters: str) -> list[str]:
        return self.opened(requestType="STUDY", **parameters)[1]

    def of_patient(self, patient_id: str, **parameters: str) -> list[str]:
        return self.opened(requestType="PATIENT", patientID=patient_id, **parameters)[1]

    def refusal(self, status: int, **parameters: str) -> str:
        answer = self.ask(**parameters)
        assert answer.status == status, answer
        return str(json.loads(answer.body)["error"])

    def links_beside_refusal(self, **parameters: str) -> list[tuple[str, list[str]]]:
        """Where several patients are refused, what each link opens; a page and JSON have the same ones."""
        document = json.loads(self.ask(**parameters).body)
        page = self.ask(accept=BROWSER, **parameters)
        assert page.status == 400
        assert "different patients" in document["error"]
        links = [each["href"] for each in document["links"]]
        assert links == [unescape(link) for link in re.findall('href="([^"]+)"', page.body.decode())]
        addresses = [urlsplit(link) for link in links]
        assert [each["space"] for each in document["links"]] == [at.path.rpartition("/")[2] for at in addresses]
        opened = [parse_qs(at.query)["StudyInstanceUIDs"][0].split(",") for at in addresses]
        assert [each["studies"] for each in document["links"]] == list(map(len, opened))
        return [(each["space"], studies) for each, studies in zip(document["links"], opened, strict=True)]

    def refused_for_patient(self, status: int, patient_id: str, **parameters: str) -> str:
        return self.refusal(status, requestType="PATIENT", patientID=patient_id, **parameters)


def store(archive: Archive, study: str, **attributes: object) -> None:
    archive.store(study, f"{study}.1", f"{study}.1.1", **attributes)


def key_object_selection(archive: Archive, study: str, series: list[str], title: str = "113000") -> None:
    name = Dataset()
    name.CodeValue, name.CodingSchemeDesignator, name.CodeMeaning = title, "DCM", "Of Interest"
    evidence = Dataset()
    evidence.StudyInstanceUID = study
    evidence.ReferencedSeriesSequence = [Dataset() for _ in series]
    for item, uid in zip(evidence.ReferencedSeriesSequence, series, strict=True):
        item.SeriesInstanceUID = uid
    archive.store(
        study,
        f"{study}.{title}",
        f"{study}.{title}.1",
        SOPClassUID=KEY_OBJECT_SELECTION,
        Modality="KO",
        ConceptNameCodeSequence=[name],
        CurrentRequestedProcedureEvidenceSequence=[evidence],
    )


def issued_by(universal: str, kind: str = "ISO", namespace: str = "") -> list[Dataset]:
    qualifiers = Dataset()
    qualifiers.UniversalEntityID, qualifiers.UniversalEntityIDType = universal, kind
    if namespace:
        qualifiers.LocalNamespaceEntityID = namespace
    return [qualifiers]


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture(scope="module")
def display(table: ManifestTable) -> Display:
    """Studies of one patient at several times, some of them in the other space too, or only there."""
    made = Display(table, system="urn:oid:2.9.9")
    who = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Müller^Jörg=山田",
        "PatientBirthDate": "19700131",
    }
    for study, when in {"1": ("20200101", "080000"), "2": ("20210101", "080000"), "3": ("20210101", "0930")}.items():
        attributes = {"StudyDate": when[0], "StudyTime": when[1], "AccessionNumber": f"A{study}", **who}
        store(made.main, study, PatientID="P1", Modality="MR" if study == "2" else "CT", **attributes)
    store(made.research, "2", PatientID="P1", StudyDate="20210101", StudyTime="080000", AccessionNumber="A2", **who)
    store(made.research, "4", PatientID="P1", StudyDate="20220101", StudyTime="", AccessionNumber="A4", **who)
    store(made.main, "5", PatientID="P2", AccessionNumber="A5")
    store(made.main, "6", PatientID="", AccessionNumber="A6")
    store(made.main, "7", PatientID="", AccessionNumber="A6")
    return made


class TestStudies:
    def test_open_in_the_first_space_that_has_all_of_them(self, display):
        assert display.opened(requestType="STUDY", studyUID="2") == (display.main.space, ["2"])
        assert display.opened(requestType="STUDY", studyUID="2,4") == (display.research.space, ["4", "2"])

    def test_open_in_the_space_that_is_asked_for_by_parameter_or_path(self, display):
        space = display.research.space
        assert display.opened(requestType="STUDY", studyUID="2", space=space) == (space, ["2"])
        assert f"/{space}?" in display.ask(requestType="STUDY", studyUID="2", space=space).headers["Location"]
        answer = display.resource(
            Request(f"/spaces/{space}/IHEInvokeImageDisplay", [("requestType", "STUDY"), ("studyUID", "1")]),
            {"space": space},
        )
        assert answer.status == 404

    def test_open_by_accession_numbers_newest_first(self, display):
        assert display.studies(accessionNumber="A1, A3,A2") == ["3", "2", "1"]

    def test_are_left_to_choose_where_no_space_has_all_of_them(self, display):
        choice = display.ask(requestType="STUDY", studyUID="1,4")
        assert choice.status == 300
        assert [(each["space"], each["studies"]) for each in json.loads(choice.body)] == [
            (display.main.space, 1),
            (display.research.space, 1),
        ]
        page = display.ask(requestType="STUDY", studyUID="1,4", accept=BROWSER)
        links = [unescape(link) for link in re.findall('href="([^"]+)"', page.body.decode())]
        assert links == [each["href"] for each in json.loads(choice.body)]

    def test_of_which_one_is_missing_say_so_and_lead_to_the_others(self, display):
        answer = display.ask(requestType="STUDY", studyUID="1,1.999")
        document = json.loads(answer.body)
        assert answer.status == 404
        assert "1 is not stored" in document["error"]
        assert document["links"][0]["href"].endswith("StudyInstanceUIDs=1")
        assert display.ask(requestType="STUDY", accessionNumber="A1,none").status == 404

    def test_of_two_patients_are_never_shown_together(self, display):
        assert "different patients" in display.refusal(400, requestType="STUDY", studyUID="1,5")
        assert "different patients" in display.refusal(400, requestType="STUDY", accessionNumber="A1,A5")

    def test_are_told_what_helps_where_they_are_of_two_patients(self, display):
        answer = display.ask(requestType="STUDY", studyUID="1,5")
        document = json.loads(answer.body)
        assert "patientID" not in document["error"]
        assert "links" not in document  # no space has them of one patient

    def test_of_two_patients_lead_to_the_space_that_has_them_of_one(self, table):
        made = Display(table)
        store(made.main, "1", PatientID="P1")
        for study, archive in (("2", made.main), ("3", made.research)):
            store(archive, study, PatientID="P2")
        assert made.links_beside_refusal(requestType="STUDY", studyUID="1,2,3") == [(made.research.space, ["3"])]

    def test_without_a_patient_id_may_be_anybodys(self, display):
        assert display.studies(studyUID="6") == ["6"]
        assert "different patients" in display.refusal(400, requestType="STUDY", accessionNumber="A6")

    def test_that_are_not_stored_are_not_found(self, display):
        assert "Nothing" in display.refusal(404, requestType="STUDY", studyUID="1.2.3")
        assert "Nothing" in display.refusal(404, requestType="STUDY", accessionNumber="none")


class TestPatient:
    def test_sees_the_newest_studies_first(self, display):
        assert display.of_patient("P1", space=display.main.space) == ["3", "2", "1"]
        assert display.of_patient("P1", mostRecentResults="1") == ["4"]
        assert display.of_patient("P1", mostRecentResults="1", upperDateTime="2021-12-31") == ["3"]

    def test_sees_all_where_none_are_counted(self, display):
        assert display.of_patient("P1", space=display.main.space, mostRecentResults="0") == ["3", "2", "1"]

    def test_sees_what_was_made_in_between(self, display):
        narrowed = {"space": display.main.space}
        assert display.of_patient("P1", **narrowed, lowerDateTime="2021-01-01T08:00:00") == ["3", "2"]
        assert display.of_patient("P1", **narrowed, lowerDateTime="2021-01-01T08:00:01") == ["3"]
        assert display.of_patient("P1", **narrowed, upperDateTime="2021-01-01T08:00") == ["2", "1"]
        assert display.of_patient("P1", lowerDateTime="2022-01-01T23:00:00+01:00") == ["4"]  # at any time of its day
        assert "Nothing" in display.refused_for_patient(404, "P1", lowerDateTime="2023-01-01")

    def test_sees_the_modalities_asked_for(self, display):
        narrowed = {"space": display.main.space}
        assert display.of_patient("P1", **narrowed, modalitiesInStudy="MR") == ["2"]
        assert display.of_patient("P1", **narrowed, modalitiesInStudy="mr,CT") == ["3", "2", "1"]

    @pytest.mark.parametrize("name", ["MULLER^JORG", "Jorg Muller", "山田", "Петров", "Müller-Schmidt^Anna"])
    def test_may_be_named_in_many_ways(self, display, name):
        assert display.of_patient("P1", space=display.main.space, patientName=name, patientBirthDate="1970-01-31")

    def test_who_is_somebody_else_is_not_shown(self, display):
        narrowed = {"space": display.main.space}
        assert "name" in display.refused_for_patient(400, "P1", **narrowed, patientName="Meier^Anna")
        assert "birth" in display.refused_for_patient(400, "P1", **narrowed, patientBirthDate="1970-01-30")
        assert display.of_patient("P1", **narrowed, patientBirthDate="19700131")
        assert display.of_patient("P1", **narrowed, patientBirthDate="1970-01-31T00:00:00")
        assert display.of_patient("P2", patientBirthDate="1970-01-31")  # whose studies do not tell

    def test_in_two_spaces_is_one_where_the_spaces_share_who_assigns(self, display):
        choice = display.ask(requestType="PATIENT", patientID="P1")
        assert choice.status == 300
        assert [each["studies"] for each in json.loads(choice.body)] == [3, 2]

    def test_may_be_named_with_who_assigned(self, display):
        assert display.of_patient("P2^^^&2.9.9&ISO") == ["5"]
        assert display.of_patient("P2^^^&urn:oid:2.9.9&URI^PI") == ["5"]
        assert display.of_patient("P2^^^&2.9.9") == ["5"]
        assert "Nothing" in display.refused_for_patient(404, "P2^^^&2.9.8&ISO")
        assert "Nothing" in display.refused_for_patient(404, "P2^^^Elsewhere")
        assert "Nothing" in display.refused_for_patient(404, "P3")


class TestSpacesOfTheirOwn:
    """What a space calls who assigns its numbers is its own, so that one patient has two names."""

    def test_open_where_all_of_the_studies_are(self, table):
        made = Display(table)
        for study in "12":
            store(made.main, study)
        for study in "123":
            store(made.research, study)
        assert made.opened(requestType="STUDY", studyUID="1,2") == (made.main.space, ["2", "1"])
        assert made.opened(requestType="STUDY", studyUID="1,2,3") == (made.research.space, ["3", "2", "1"])

    def test_are_left_to_choose_where_both_have_an_accession_number(self, table):
        made = Display(table)
        store(made.main, "1", PatientID="P1", AccessionNumber="77")
        store(made.research, "2", PatientID="P2", AccessionNumber="77")
        choice = made.ask(requestType="STUDY", accessionNumber="77")
        assert [each["href"][-1] for each in json.loads(choice.body)] == ["1", "2"]

    def test_that_both_have_a_number_are_opened_one_by_one(self, table):
        made = Display(table)
        main, research = (f"urn:example:patients:{name}" for name in ("main", "research"))
        for archive, system in ((made.main, main), (made.research, research)):
            made.spaces[archive.space] = replace(made.spaces[archive.space], patient_identifier_system=system)
        who = {"PatientName": "Doe^Jane", "Modality": "CT"}
        store(made.main, "1", PatientID="P1", StudyDate="20200101", **who)
        store(made.main, "2", PatientID="P1", StudyDate="20210101", **who)
        store(made.research, "3", PatientID="P1", PatientName="Roe^Max", Modality="MR")
        asked = {"requestType": "PATIENT", "patientID": "P1"}
        in_main, in_research = (made.main.space, ["2", "1"]), (made.research.space, ["3"])

        assert "ID^^^&urn:" in made.refusal(400, **asked)
        assert made.links_beside_refusal(**asked) == [in_main, in_research]
        assert made.links_beside_refusal(**asked, mostRecentResults="1") == [(made.main.space, ["2"]), in_research]
        assert made.links_beside_refusal(**asked, patientName="Roe^Max") == [in_research]
        assert made.links_beside_refusal(**asked, modalitiesInStudy="CT") == [in_main]
        assert made.of_patient(f"P1^^^&{main}&URI") == ["2", "1"]
        assert made.of_patient(f"P1^^^&{research}&URI") == ["3"]

        store(made.main, "4", PatientID="P1", IssuerOfPatientID="Acme Hospital")
        assert made.links_beside_refusal(**asked) == [in_research]
        assert made.links_beside_refusal(**asked, modalitiesInStudy="MR") == [in_research]

    def test_do_not_hide_that_a_study_is_two_patients(self, table):
        made = Display(table)
        for study, archive, issuer in (("1", made.main, "1.2.3"), ("1", made.research, "1.9.9")):
            store(archive, study, PatientID="P", IssuerOfPatientIDQualifiersSequence=issued_by(issuer))
        assert "who assigned" in made.refused_for_patient(400, "P")
        assert made.opened(requestType="PATIENT", patientID="P^^^&1.9.9&ISO") == (made.research.space, ["1"])

    def test_count_for_nobody_beside_who_is_known_elsewhere(self, table):
        made = Display(table)
        store(made.main, "1", PatientID="P")
        store(made.research, "1", PatientID="P", IssuerOfPatientIDQualifiersSequence=issued_by("1.2.3"))
        assert made.opened(requestType="PATIENT", patientID="P") == (made.main.space, ["1"])


@pytest.fixture(scope="module")
def hospitals(table: ManifestTable) -> Display:
    made = Display(table)
    store(made.main, "1", PatientID="7", IssuerOfPatientID="Acme Hospital")
    store(made.main, "2", PatientID="7", IssuerOfPatientID="Bellevue")
    store(made.main, "3", PatientID="7", IssuerOfPatientIDQualifiersSequence=issued_by("1.5", namespace="Charity"))
    store(made.main, "4", PatientID="7")
    store(made.research, "5", PatientID="7", IssuerOfPatientID="Bellevue")
    store(made.main, "6", PatientID="8", IssuerOfPatientID="R&D^~|")
    of_others = {"10": ("abc", "X400"), "11": ("5f1f7d0e-97a1-4b5e-9d4e-0d9f4b3c2a10", "UUID")}
    for number, (universal, kind) in of_others.items():
        issuer = issued_by(universal, kind, namespace="Hope")
        store(made.main, number, PatientID=number, IssuerOfPatientIDQualifiersSequence=issuer)
    store(made.main, "7", PatientID="9", StudyDate="20200101")
    store(made.research, "7", PatientID="9", StudyDate="20200101")
    return made


class TestTwoHospitals:
    """One number, several patients."""

    def test_are_asked_to_be_told_apart(self, hospitals):
        narrowed = {"modalitiesInStudy": "MR"}  # however little would be left
        assert "who assigned" in hospitals.refused_for_patient(400, "7")
        assert "who assigned" in hospitals.refused_for_patient(400, "7", **narrowed)

    def test_are_told_apart_by_name(self, hospitals):
        assert hospitals.of_patient("7^^^Acme Hospital") == ["1"]
        assert hospitals.of_patient("7^^^Bellevue", space=hospitals.main.space) == ["2"]
        assert hospitals.of_patient("7^^^Charity") == ["3"]
        assert hospitals.of_patient("8^^^R\\T\\D\\S\\\\R\\\\F\\") == ["6"]

    def test_of_one_name_in_two_spaces_are_not_taken_for_one(self, hospitals):
        assert "who assigned" in hospitals.refused_for_patient(400, "7^^^Bellevue")

    def test_are_told_apart_by_what_everybody_knows_them_by(self, hospitals):
        assert hospitals.of_patient("7^^^&1.2.3&ISO") == ["1"]
        assert hospitals.of_patient("7^^^&1.5&ISO") == ["3"]
        assert hospitals.of_patient("7^^^Bellevue&1.9&ISO", space=hospitals.main.space) == ["2"]
        assert "Nothing" in hospitals.refused_for_patient(404, "7^^^Charity&1.6&ISO")
        own = f"{BASE_ADDRESS}/spaces/{hospitals.main.space}/patient-identifiers"
        assert hospitals.of_patient(f"7^^^&{own}&URI") == ["4"]

    def test_are_not_taken_for_one_by_name_where_everybody_tells_them_apart(self, hospitals):
        assert hospitals.of_patient("10^^^Hope&abc&x400") == hospitals.of_patient("10^^^&abc&x400") == ["10"]
        assert hospitals.of_patient("10^^^Hope") == ["10"]
        for other in ("zzz&x400", "abc&L", "zzz&N", "1.2.3&ISO"):
            assert "Nothing" in hospitals.refused_for_patient(404, f"10^^^Hope&{other}")
        assert hospitals.of_patient("11^^^&5F1F7D0E-97A1-4B5E-9D4E-0D9F4B3C2A10&GUID") == ["11"]

    def test_do_not_stand_between_a_study_and_its_copy(self, hospitals):
        assert hospitals.opened(requestType="PATIENT", patientID="9") == (hospitals.main.space, ["7"])


@pytest.fixture(scope="module")
def noted(table: ManifestTable) -> Display:
    made = Display(table)
    for study in ("1", "2", "3"):
        made.main.store(study, f"{study}.1", f"{study}.1.1")
        made.main.store(study, f"{study}.2", f"{study}.2.1")
    key_object_selection(made.main, "1", ["1.2", "1.99"])
    key_object_selection(made.main, "2", ["2.1"], title="113001")
    key_object_selection(made.main, "2", ["2.1"], title="113035")
    return made


class TestKeyImages:
    def series(self, noted: Display, **parameters: str) -> dict[str, list[str]]:
        answer = noted.ask(keyImagesOnly="true", **parameters)
        return parse_qs(urlsplit(answer.headers["Location"]).query)

    def test_alone_are_the_series_that_key_objects_refer_to(self, noted):
        shown = self.series(noted, requestType="STUDY", studyUID="1,3")
        assert shown == {"StudyInstanceUIDs": ["1"], "SeriesInstanceUIDs": ["1.2"]}
        noted.main.finalize("1")
        assert self.series(noted, requestType="PATIENT", patientID="PID-1") == shown

    def test_are_not_what_was_rejected(self, noted):
        assert "no key images" in noted.refusal(404, requestType="STUDY", studyUID="2,3", keyImagesOnly="true")

    def test_are_found_where_not_the_first_space_knows_of_them(self, table):
        made = Display(table, system="urn:oid:2.9.9")
        for archive in (made.main, made.research):
            store(archive, "1")
        key_object_selection(made.research, "1", ["1.1"])
        assert made.opened(requestType="STUDY", studyUID="1", keyImagesOnly="true") == (made.research.space, ["1"])
        assert made.opened(requestType="STUDY", studyUID="1") == (made.main.space, ["1"])

    def test_are_looked_for_in_a_bounded_number_of_documents_which_are_read_together(self, table, monkeypatch):
        made, documents = Display(table, system="urn:oid:2.9.9"), 30
        for archive in (made.main, made.research):
            store(archive, "1")
        for number in range(documents):
            made.main.store("1", "1.2", f"1.2.{number + 1}", SOPClassUID=KEY_OBJECT_SELECTION, Modality="KO")
        key_object_selection(made.research, "1", ["1.1"])
        with counted_calls() as calls:
            assert self.series(made, requestType="STUDY", studyUID="1")["SeriesInstanceUIDs"] == ["1.1"]
        assert calls["BatchGetItem"] <= 4
        monkeypatch.setattr(key_images, "MAX_DOCUMENTS", documents)
        assert "no key images" in made.refusal(404, requestType="STUDY", studyUID="1", keyImagesOnly="true")

    def test_are_those_of_the_other_documents_where_one_is_deleted_meanwhile(self, table, monkeypatch):
        made = Display(table)
        for series in ("1.1", "1.2"):
            made.main.store("1", series, f"{series}.1")
        key_object_selection(made.main, "1", ["1.1"])
        key_object_selection(made.main, "1", ["1.2"], title="113002")
        read = made.main.catalogue.read_metadata

        def late(instances: Sequence[Instance]) -> dict[InstanceKey, bytes]:
            made.main.delete("1", "1.113000", "1.113000.1")
            gone = made.main.key("1", "1.113000", "1.113000.1")
            return {key: kept for key, kept in read(instances).items() if key != gone}

        monkeypatch.setattr(made.main.catalogue, "read_metadata", late)
        assert self.series(made, requestType="STUDY", studyUID="1")["SeriesInstanceUIDs"] == ["1.2"]

    def test_are_read_from_a_document_that_the_manifest_does_not_keep(self, table):
        made = Display(table)
        series = [f"1.2.840.{10**30 + 7919**9 * number}" for number in range(1, 1500)]
        made.main.store("1", series[-1], "1.1")
        key_object_selection(made.main, "1", series)
        (row,) = made.main.catalogue.read_instances(made.main.key("1", "1", "1").study, "1.113000")
        assert not made.main.catalogue.read_metadata([row])
        assert self.series(made, requestType="STUDY", studyUID="1")["SeriesInstanceUIDs"] == [series[-1]]

    def test_need_not_be_all(self, noted):
        answer = noted.ask(requestType="STUDY", studyUID="1", keyImagesOnly="false", diagnosticQuality="true")
        assert "Series" not in answer.headers["Location"]

    def test_cannot_be_shown_by_a_viewer_that_knows_no_series(self, table):
        other = Display(table, "weasis:{dicomweb}?studies={studies}")
        assert "configured" in other.refusal(400, requestType="STUDY", studyUID="1", keyImagesOnly="true")


@pytest.fixture(scope="module")
def crowded(table: ManifestTable) -> Display:
    made = Display(table)
    for number in range(MAX_STUDIES + 1):
        study = f"1.2.840.{10**30 + number}"
        store(made.main, study, PatientID="many", StudyDate=f"{1900 + number}0101", AccessionNumber="0")
    return made


class TestMany:
    def test_of_a_patient_are_cut_to_the_newest(self, crowded):
        answer = crowded.ask(requestType="PATIENT", patientID="many")
        shown = parse_qs(urlsplit(answer.headers["Location"]).query)["StudyInstanceUIDs"][0].split(",")
        assert (len(shown), shown[0]) == (MAX_STUDIES, f"1.2.840.{10**30 + MAX_STUDIES}")
        assert "older" in answer.headers["Warning"]
        assert "Warning" not in crowded.ask(requestType="PATIENT", patientID="many", mostRecentResults="100").headers

    def test_are_cut_before_the_eyes_of_people(self, crowded):
        answer = crowded.ask(requestType="PATIENT", patientID="many", accept=BROWSER)
        links = re.findall('href="([^"]+)"', answer.body.decode())
        assert answer.status == 200
        assert "older" in answer.body.decode()
        assert [unescape(link) for link in links] == [
            crowded.ask(requestType="PATIENT", patientID="many").headers["Location"]
        ]
        newest = crowded.ask(requestType="PATIENT", patientID="many", mostRecentResults="100", accept=BROWSER)
        assert newest.status == 302

    def test_of_an_accession_number_are_refused(self, crowded):
        assert "over 100" in crowded.refusal(400, requestType="STUDY", accessionNumber="0")


class TestRequest:
    @pytest.mark.parametrize(
        ("parameters", "named"),
        [
            ({}, "requestType"),
            ({"requestType": "SERIES", "studyUID": "1"}, "requestType"),
            ({"requestType": "STUDY"}, "studyUID or accessionNumber"),
            ({"requestType": "STUDY", "studyUID": "1", "accessionNumber": "A1"}, "studyUID or accessionNumber"),
            ({"requestType": "STUDY", "studyUID": "one"}, "studyUID"),
            ({"requestType": "STUDY", "studyUID": ","}, "studyUID"),
            ({"requestType": "STUDY", "studyUID": "1", "patientID": "P1"}, "patientID"),
            ({"requestType": "STUDY", "studyUID": "1", "keyImagesOnly": "yes"}, "keyImagesOnly"),
            ({"requestType": "STUDY", "studyUID": "1", "diagnosticQuality": "1"}, "diagnosticQuality"),
            ({"requestType": "PATIENT"}, "patientID"),
            ({"requestType": "PATIENT", "patientID": "^^^Acme"}, "patientID"),
            ({"requestType": "PATIENT", "patientID": "P1\\Q\\"}, "patientID"),
            ({"requestType": "PATIENT", "patientID": "P1^^^"}, "%26"),
            ({"requestType": "PATIENT", "patientID": "P1^^^Acme", "9.9.9": "", "ISO^MR": ""}, "%26"),
            ({"requestType": "PATIENT", "patientID": "P1", "studyUID": "1"}, "studyUID"),
            ({"requestType": "PATIENT", "patientID": "P1", "lowerDateTime": "yesterday"}, "lowerDateTime"),
            ({"requestType": "PATIENT", "patientID": "P1", "upperDateTime": "2021-02-30"}, "upperDateTime"),
            (
                {"requestType": "PATIENT", "patientID": "P1", "lowerDateTime": "2021", "upperDateTime": "2020-01-01"},
                "lowerDateTime",
            ),
            (
                {
                    "requestType": "PATIENT",
                    "patientID": "P1",
                    "lowerDateTime": "2021-01-02",
                    "upperDateTime": "2021-01-01",
                },
                "exchange",
            ),
            ({"requestType": "PATIENT", "patientID": "P1", "mostRecentResults": "-1"}, "mostRecentResults"),
            ({"requestType": "PATIENT", "patientID": "P1", "modalitiesInStudy": "C*"}, "modalitiesInStudy"),
            ({"requestType": "PATIENT", "patientID": "P1", "patientBirthDate": "31.1.70"}, "patientBirthDate"),
        ],
    )
    def test_that_is_wrong_is_told_what_is(self, display, parameters, named):
        assert named in display.refusal(400, **parameters)

    def test_may_hold_what_the_profile_does_not_name_and_what_is_empty(self, display):
        parameters = [("requestType", "STUDY"), ("studyUID", "5"), ("Accessionnumber", "other"), ("idCDA", "1")]
        assert display.ask([*parameters, ("accessionNumber", " "), ("viewerType", "IHE_BIR")]).status == 302
        assert display.ask([*parameters, ("viewerType", "3D"), ("ISO", "")]).status == 302  # there is one viewer

    def test_that_says_two_things_is_refused(self, display):
        twice = [("requestType", "STUDY"), ("studyUID", "1"), ("studyUID", "2")]
        assert display.ask(twice).status == 400
        assert display.ask([*twice[:2], ("studyUID", "1")]).status == 302
        assert display.ask([*twice[:2], ("space", "elsewhere")]).status == 404
        assert display.ask([*twice[:2], ("space", display.main.space)], space=display.research.space).status == 400

    def test_for_too_much_is_refused(self, display):
        many = ",".join(f"1.2.{number}" for number in range(MAX_STUDIES + 1))
        assert "At most" in display.refusal(400, requestType="STUDY", studyUID=many)

    def test_where_no_viewer_is_configured_is_told_so(self, table):
        assert "viewer" in Display(table, "").refusal(404, requestType="STUDY", studyUID="1")

    def test_while_the_manifest_does_not_answer_is_told_to_come_again(self, display, monkeypatch):
        def unavailable(*_: object) -> None:
            raise Unavailable("It is down.")

        monkeypatch.setattr(display.resource, "_find", unavailable)
        answer = display.ask(requestType="STUDY", studyUID="1", accept=BROWSER)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
        assert b"again in a moment" in answer.body


class TestAnswer:
    def test_says_nothing_of_who_is_seen_to_anybody_else(self, display):
        answer = display.ask(requestType="STUDY", studyUID="5")
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.body == b""

    def test_is_a_page_for_people(self, display):
        answer = display.ask(requestType="STUDY", studyUID="1.999", accept=BROWSER)
        page = answer.body.decode()
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert '<html lang="en">' in page
        assert page.count("<h1>") == page.count("<main>") == page.count("<title>") == 1
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert policy.endswith(f"frame-ancestors 'self' {EMBEDDER}")

    def test_is_never_a_failure_nor_leads_elsewhere_nor_repeats_what_was_asked(self, display):
        seen: set[int] = set()

        @settings(max_examples=300, deadline=None, derandomize=True)
        @given(parameters=REQUESTS, accept=st.sampled_from(("*/*", BROWSER)))
        def check(parameters: list[tuple[str, str]], accept: str) -> None:
            answer = display.ask(parameters, accept=accept)
            seen.add(int(answer.status))
            address = answer.headers.get("Location", TEMPLATE)
            assert address.startswith(f"{BASE_ADDRESS}/viewer/viewer/")
            assert all(re.fullmatch("[\x20-\x7e]*", value) for value in answer.headers.values())
            assert MARK not in answer.body.decode()

        check()
        assert seen == {300, 302, 400, 404}
