"""C-FIND over real rows; the same queries find the same studies by DICOMweb."""

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from uuid import uuid4

import pytest
from pydicom import Dataset
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian
from pynetdicom.dimse_primitives import C_FIND

from imaging.aws.dynamodb_catalogue import DynamoDbCatalogue
from imaging.aws.dynamodb_table import ManifestTable
from imaging.dimse.accepted_association import Served
from imaging.dimse.c_find import FIND_SOP_CLASSES, MAX_ROWS_A_PAGE, CFind
from imaging.dimse.sop_classes import PATIENT_ROOT_FIND, STUDY_ROOT_FIND
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.study import Study
from imaging.ports.catalogue import QueryTags
from imaging.reading.query import Query
from imaging.reading.search_catalogue import Page, SearchCatalogue
from imaging.settings import QueryTag
from tests.archive import Archive, NoQueryTags
from tests.listed_studies import fill
from tests.manifest_table import counted_rows, create_manifest_table
from tests.unit.dimse.endpoint import Endpoint
from tests.unit.dimse.queries import Found, ask, find, find_association, identifier, send

STUDIES_OF_RESEARCH = 1_100
MATCHED, MATCHED_IN_PART, CANCELLED, OUT_OF_RESOURCES, WRONG, UNREADABLE = (
    0xFF00,
    0xFF01,
    0xFE00,
    0xA700,
    0xA900,
    0xC000,
)

# Extended negotiation, PS3.4 Table C.5-2: relational, date and time, fuzzy, zone, views, empty values, multiple values.
AS_DICOMWEB = b"\1\1\0\1\0\1\1"
FUZZY = b"\1\1\1\1"


def item(**attributes: object) -> Dataset:
    ds = Dataset()
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def store_studies(archive: Archive) -> None:
    """Six studies of four patients, and one without any name."""
    steps = [
        item(ScheduledProcedureStepID="SPS 1", RequestedProcedureID="RP 1"),
        item(ScheduledProcedureStepID="SPS 2", RequestedProcedureID="RP 2"),
    ]
    knee = [item(CodeValue="T-D9200", CodingSchemeDesignator="SRT", CodeMeaning="Knee")]
    mueller = {
        "SpecificCharacterSet": "ISO_IR 192",
        "PatientName": "Müller^Jörg=山田^太郎",
        "PatientID": "P1",
        "IssuerOfPatientID": "HOSPITAL",
        "PatientBirthDate": "19700101",
        "PatientSex": "M",
    }
    first = {
        **mueller,
        "StudyDate": "20260101",
        "StudyTime": "093000",
        "StudyDescription": "Knee MR",
        "AccessionNumber": "A1",
    }
    archive.store(
        "1.1", "1.1.1", "1.1.1.1", **first, Modality="MR", BodyPartExamined="KNEE", ProcedureCodeSequence=knee
    )
    archive.store("1.1", "1.1.1", "1.1.1.2", **first, Modality="MR", BodyPartExamined="KNEE", InstanceNumber=2, Rows=16)
    archive.store("1.1", "1.1.2", "1.1.2.1", **first, Modality="SR", SeriesNumber=2, SeriesDescription="Report")
    archive.store(
        "1.2",
        "1.2.1",
        "1.2.1.1",
        **mueller,
        StudyDate="20260210",
        StudyTime="233000",
        TimezoneOffsetFromUTC="+0000",
        AccessionNumber="A2",
        RequestAttributesSequence=steps,
        OperatorsName=["Abel^A", "Baker^B"],
    )
    archive.store(
        "1.3",
        "1.3.1",
        "1.3.1.1",
        PatientID="P1",
        IssuerOfPatientID="CLINIC",
        PatientName="Muller^Other",
        AccessionNumber="A3",
    )
    archive.store(
        "1.4",
        "1.4.1",
        "1.4.1.1",
        PatientID="P2",
        PatientName="Smith^Anne",
        StudyDate="20251231",
        AccessionNumber="",
        Modality="US",
    )
    archive.store(
        "1.5",
        "1.5.1",
        "1.5.1.1",
        PatientID="P2",
        PatientName="Smith-Jones^Anne",
        StudyDate="20260301",
        AccessionNumber="A5",
    )
    archive.store(
        "1.6", "1.6.1", "1.6.1.1", PatientID="", PatientName="", StudyDate="", StudyTime="", AccessionNumber="A6"
    )


@dataclass
class World:
    """An archive behind both doors."""

    archive: Archive
    endpoint: Endpoint
    search: SearchCatalogue

    def find(self, asked: Dataset | bytes, **association: object) -> Found:
        found = find(self.endpoint.port, asked, **association)
        assert self.endpoint.journal.failures == []
        return found


class KnownTags:
    """One tag that can be searched, and one that is being indexed."""

    def read(self, space: str) -> QueryTags:
        ready = QueryTag("00185100", "PatientPosition", "CS", "series")
        private = QueryTag("00111001", "", "LO", "study", "ACME")
        return QueryTags((ready, private), {QueryTag("00104000", "PatientComments", "LT", "study"): 50})


def serving(search: SearchCatalogue, tags: object = None, **limits: int) -> Endpoint:
    return Endpoint({C_FIND: Served(CFind(search, tags or NoQueryTags(), **limits), FIND_SOP_CLASSES)})


@pytest.fixture(scope="module")
def world(embedded_aws: object) -> Iterator[World]:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    table = ManifestTable(name)
    archive = Archive(table, space="main")
    store_studies(archive)
    fill(table, "research", STUDIES_OF_RESEARCH)
    catalogue = DynamoDbCatalogue(table)
    search = SearchCatalogue(catalogue, catalogue, max_rows_read=MAX_ROWS_A_PAGE)
    endpoint = serving(search)
    yield World(archive, endpoint, search)
    endpoint.stop()


STUDY_QUERIES = [
    "",
    "PatientName=muller*",
    "PatientName=*smith*",
    "PatientName=SMITH^ANNE",
    "PatientName=Smith^*",
    "PatientName=M?ller^J*",
    "PatientName==山田*",
    "PatientName=山田^太郎",
    "PatientID=P1",
    "PatientID=P?",
    "PatientID=p1",
    "PatientID=P1&IssuerOfPatientID=CLINIC",
    "PatientID=*",
    "PatientBirthDate=19691231-19700101",
    "PatientSex=M",
    "AccessionNumber=A2",
    "AccessionNumber=A*",
    'AccessionNumber=""',
    "StudyDate=20260101",
    "StudyDate=20260101-",
    "StudyDate=-20260101",
    "StudyDate=20260102-20260228",
    "StudyTime=09",
    "StudyTime=0900-1000",
    "StudyDate=20260101-20260210&StudyTime=0930-2300",
    "StudyDate=20260211&TimezoneOffsetFromUTC=+0100",
    "StudyInstanceUID=1.3",
    "StudyInstanceUID=1.1\\1.4\\9.9",
    "StudyID=*",
    "StudyDescription=Knee*",
    "StudyDescription=knee*",
    "ModalitiesInStudy=SR",
    "ModalitiesInStudy=US\\SR",
    "ModalitiesInStudy=C*",
    "Modality=US",
    "ProcedureCodeSequence.CodeValue=T-D9200",
    "ProcedureCodeSequence.CodeValue=T-D92*&ProcedureCodeSequence.CodingSchemeDesignator=DCM",
]
LOWER_QUERIES = [
    ("series", "SERIES", "SeriesInstanceUID", "StudyInstanceUID=1.1"),
    ("series", "SERIES", "SeriesInstanceUID", "StudyInstanceUID=1.1&Modality=SR"),
    ("series", "SERIES", "SeriesInstanceUID", "PatientName=m*&SeriesNumber=1"),
    ("series", "SERIES", "SeriesInstanceUID", "BodyPartExamined=KN*"),
    ("series", "SERIES", "SeriesInstanceUID", "RequestAttributesSequence.ScheduledProcedureStepID=SPS 2"),
    (
        "series",
        "SERIES",
        "SeriesInstanceUID",
        "RequestAttributesSequence.ScheduledProcedureStepID=SPS 2&RequestAttributesSequence.RequestedProcedureID=RP 1",
    ),
    ("series", "SERIES", "SeriesInstanceUID", "OperatorsName=baker^b\\abel^a"),
    ("instances", "IMAGE", "SOPInstanceUID", "StudyInstanceUID=1.1&SeriesInstanceUID=1.1.1"),
    ("instances", "IMAGE", "SOPInstanceUID", "SOPInstanceUID=1.1.1.2\\1.4.1.1"),
    ("instances", "IMAGE", "SOPInstanceUID", "Rows=16"),
    ("instances", "IMAGE", "SOPInstanceUID", "InstanceNumber=2&PatientID=P1"),
    ("instances", "IMAGE", "SOPInstanceUID", "StudyDate=20260101-20260131&SOPClassUID=1.2.840.10008.5.1.4.1.1.2"),
]


def as_identifier(level: str, query: str) -> Dataset:
    """The same query for C-FIND; a path becomes sequences."""
    asked = identifier(level, SpecificCharacterSet="ISO_IR 192")
    for part in filter(None, query.split("&")):
        path, _, value = part.partition("=")
        *sequences, keyword = path.split(".")
        holder = asked
        for sequence in sequences:
            if sequence not in holder:
                setattr(holder, sequence, [Dataset()])
            holder = holder[sequence].value[0]
        setattr(holder, keyword, int(value) if keyword == "Rows" else value.split("\\") if "\\" in value else value)
    return asked


def by_dicomweb(world: World, path: str, tag: str, query: str) -> list[str]:
    parameters = [(name, value) for name, _, value in (part.partition("=") for part in filter(None, query.split("&")))]
    parameters += [("emptyvaluematching", "true"), ("multiplevaluematching", "true")]
    response = world.archive.get(path, *parameters)
    found = json.loads(response.body) if response.status == 200 else []
    return [match[tag]["Value"][0] for match in found]


@pytest.mark.parametrize("query", STUDY_QUERIES)
def test_a_query_finds_the_studies_that_dicomweb_finds(world, query):
    asked = as_identifier("STUDY", query)
    asked.StudyInstanceUID = asked.get("StudyInstanceUID", "")
    found = world.find(asked, options=AS_DICOMWEB)
    assert found.status == 0
    assert found.values("StudyInstanceUID") == by_dicomweb(world, "studies", "0020000D", query)


@pytest.mark.parametrize(("path", "level", "keyword", "query"), LOWER_QUERIES)
def test_a_query_finds_the_series_and_instances_that_dicomweb_finds(world, path, level, keyword, query):
    asked = as_identifier(level, query)
    setattr(asked, keyword, asked.get(keyword, ""))
    found = world.find(asked, options=AS_DICOMWEB, model=PATIENT_ROOT_FIND)
    assert found.status == 0
    assert found.values(keyword) == by_dicomweb(world, path, {"SERIES": "0020000E", "IMAGE": "00080018"}[level], query)


def test_of_several_codes_one_is_enough_unless_negotiated_otherwise(world):
    asked = identifier("STUDY", ModalitiesInStudy=["US", "SR"], StudyInstanceUID="")
    assert world.find(asked).values("StudyInstanceUID") == ["1.1", "1.4"]


def test_fuzzy_names_are_for_those_who_negotiated_them(world):
    asked = identifier("STUDY", SpecificCharacterSet="ISO_IR 192", PatientName="jorg muler", StudyInstanceUID="")
    assert world.find(asked).identifiers == []
    assert world.find(asked, options=FUZZY).values("StudyInstanceUID") == ["1.2", "1.1"]


def test_dates_and_times_are_matched_apart_unless_negotiated_otherwise(world):
    asked = identifier("STUDY", StudyDate="20260101-20260210", StudyTime="0900-1000", StudyInstanceUID="")
    assert world.find(asked).values("StudyInstanceUID") == ["1.1"]
    assert world.find(asked, options=b"\0\1").values("StudyInstanceUID") == ["1.3", "1.1"]


def test_a_zone_counts_for_those_who_negotiated_it(world):
    asked = identifier("STUDY", StudyDate="20260211", TimezoneOffsetFromUTC="+0100", StudyInstanceUID="")
    assert world.find(asked).identifiers == []
    found = world.find(asked, options=b"\0\0\0\1")
    assert found.values("StudyInstanceUID") == ["1.2"]
    assert found.values("TimezoneOffsetFromUTC") == ["+0000"], "the one in which the date came back"


def test_a_response_has_what_was_asked_for_and_where_to_have_it(world):
    asked = identifier(
        "STUDY",
        StudyInstanceUID="1.1",
        StudyDate="",
        StudyTime="",
        AccessionNumber="",
        PatientName="",
        PatientID="",
        StudyID="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedSeries="",
        NumberOfStudyRelatedInstances="",
        NumberOfPatientRelatedStudies="",
        NumberOfPatientRelatedInstances="",
        ReferringPhysicianName="",
        ProcedureCodeSequence=[item(CodeValue="", CodeMeaning="")],
    )
    found = world.find(asked)
    assert found.statuses == [MATCHED, 0]
    [match] = found.identifiers
    expected = identifier(
        "STUDY",
        SpecificCharacterSet="ISO_IR 192",
        RetrieveAETitle="MAIN",
        InstanceAvailability="ONLINE",
        StudyInstanceUID="1.1",
        StudyDate="20260101",
        StudyTime="093000",
        AccessionNumber="A1",
        PatientName="Müller^Jörg=山田^太郎",
        PatientID="P1",
        StudyID="",
        ModalitiesInStudy=["MR", "SR"],
        NumberOfStudyRelatedSeries=2,
        NumberOfStudyRelatedInstances=3,
        NumberOfPatientRelatedStudies=2,
        NumberOfPatientRelatedInstances=4,
        ReferringPhysicianName="",
        ProcedureCodeSequence=[],
    )
    assert [element.tag for element in match] == [element.tag for element in expected]
    assert match.ModalitiesInStudy == ["MR", "SR"]
    for keyword in ("PatientName", "PatientID", "NumberOfPatientRelatedStudies", "NumberOfPatientRelatedInstances"):
        assert match[keyword].value == expected[keyword].value
    assert (match.RetrieveAETitle, match.InstanceAvailability, match.QueryRetrieveLevel) == ("MAIN", "ONLINE", "STUDY")


def test_matching_items_come_back_with_what_was_asked_of_them(world):
    step = item(ScheduledProcedureStepID="SPS 1", RequestedProcedureDescription="")
    asked = identifier("SERIES", SeriesInstanceUID="", RequestAttributesSequence=[step], OperatorsName="")
    [match] = world.find(asked).identifiers
    assert [step.ScheduledProcedureStepID for step in match.RequestAttributesSequence] == ["SPS 1", "SPS 2"]
    assert all("RequestedProcedureID" not in step for step in match.RequestAttributesSequence)
    whole = identifier("SERIES", SeriesInstanceUID="1.2.1", RequestAttributesSequence=[Dataset()])
    [match] = world.find(whole).identifiers
    assert [step.RequestedProcedureID for step in match.RequestAttributesSequence] == ["RP 1", "RP 2"]


def test_patients_are_told_apart_by_identifier_and_issuer(world):
    keys = dict.fromkeys(
        ("PatientID", "IssuerOfPatientID", "NumberOfPatientRelatedStudies", "NumberOfPatientRelatedSeries"), ""
    )
    asked = identifier("PATIENT", PatientName="", **keys)
    found = world.find(asked, model=PATIENT_ROOT_FIND)
    assert found.statuses == [MATCHED, 0]
    assert [tuple(match.get(keyword) for keyword in keys) for match in found.identifiers] == [
        ("P2", "", 2, 2),
        ("P1", "HOSPITAL", 2, 3),
        ("P1", "CLINIC", 1, 1),
        ("", "", None, None),
    ], "nobody can tell which studies are those of a patient without an identifier"
    assert [str(name) for name in found.values("PatientName")][:2] == ["Smith-Jones^Anne", "Müller^Jörg=山田^太郎"]


@pytest.mark.parametrize(
    ("keys", "patients"),
    [
        ({"PatientID": "P2"}, ["P2"]),
        ({"PatientID": "P*"}, ["P2", "P1", "P1"]),
        ({"PatientName": "smith^*", "PatientID": ""}, ["P2"]),
        ({"PatientSex": "M", "PatientID": ""}, ["P1"]),
        ({"PatientBirthDate": "19800101-", "PatientID": ""}, []),
    ],
)
def test_patients_are_found_by_their_attributes(world, keys, patients):
    assert world.find(identifier("PATIENT", **keys), model=PATIENT_ROOT_FIND).values("PatientID") == patients


def test_one_patient_costs_one_look_at_an_index(world):
    with counted_rows() as rows:
        found = world.find(identifier("PATIENT", PatientID="P3"), model=PATIENT_ROOT_FIND, called="RESEARCH")
    assert found.values("PatientID") == ["P3"]
    assert len(rows) == 2, "the index, and the rows that it names"


@pytest.mark.parametrize(
    ("level", "keys"),
    [
        ("STUDY", {"PatientComments": ""}),
        ("STUDY", {"PatientComments": "anything"}),
        ("STUDY", {"SOPClassesInStudy": ""}),
        ("STUDY", {"SeriesNumber": "99"}),
        ("STUDY", {"NumberOfStudyRelatedSeries": "99"}),
        ("SERIES", {"Rows": 99, "StudyInstanceUID": ""}),
        ("PATIENT", {"StudyDate": "19000101"}),
    ],
)
def test_what_cannot_be_matched_is_not_and_comes_back_empty_with_a_warning(world, level, keys):
    found = world.find(identifier(level, **keys), model=PATIENT_ROOT_FIND)
    assert found.statuses == [MATCHED_IN_PART, 0]
    keyword = next(iter(keys))
    if not keyword.startswith("NumberOf"):
        assert all(match[keyword].is_empty for match in found.identifiers)


def test_modality_of_a_study_is_taken_for_its_modalities(world):
    found = world.find(identifier("STUDY", Modality="SR", StudyInstanceUID=""))
    assert found.statuses == [MATCHED_IN_PART, 0]
    assert found.values("StudyInstanceUID") == ["1.1"]
    assert found.values("Modality") == [["MR", "SR"]]
    both = identifier("STUDY", Modality="SR", ModalitiesInStudy="US", StudyInstanceUID="")
    assert world.find(both).values("StudyInstanceUID") == ["1.4"], "which name them by their own name"


def test_extended_query_tags_are_matched_when_they_are_ready(world):
    private = identifier("STUDY", StudyInstanceUID="")
    private.private_block(0x0011, "ACME", create=True).add_new(0x01, "LO", "x")
    endpoint = serving(world.search, KnownTags())
    try:
        for asked, status, known in (
            (identifier("SERIES", PatientPosition="HFS"), 0, True),
            (identifier("STUDY", PatientPosition="HFS"), MATCHED_IN_PART, False),
            (identifier("STUDY", PatientComments="being indexed"), MATCHED_IN_PART, False),
            (private, 0, True),
        ):
            found = find(endpoint.port, asked)
            assert found.statuses[0] == status
            assert bool(found.identifiers) != known
        private[0x00111001].value = ""
        found = find(endpoint.port, private)
        assert found.statuses == [MATCHED, 0]
        assert all(match[0x00110010].value == "ACME" for match in found.identifiers)
    finally:
        endpoint.stop()


@pytest.mark.parametrize(
    ("keys", "studies"),
    [
        ({"PatientName": "^^^^", "StudyDate": "-", "StudyTime": "-", "AccessionNumber": "A1"}, ["1.1"]),
        ({"StudyDate": "2026.01.01", "StudyTime": "09:00:00-10:00:00"}, ["1.1"]),
        ({"StudyDate": "2026.02.01-2026.02.28"}, ["1.2"]),
        ({"ModalitiesInStudy": "sr"}, ["1.1"]),
        ({"ModalitiesInStudy": ["SR", "US", ""]}, ["1.1", "1.4"]),
        ({"Modality": ["us", "", "SR"]}, ["1.1", "1.4"]),
        ({"StudyInstanceUID": ["1.3", ""]}, ["1.3"]),
    ],
)
def test_values_are_taken_as_workstations_mean_them(world, keys, studies):
    asked = identifier("study", **{"StudyInstanceUID": "", **keys})
    found = world.find(asked)
    assert found.status == 0, found.comment
    assert found.values("StudyInstanceUID") == studies
    assert {match.QueryRetrieveLevel for match in found.identifiers} == {"STUDY"}
    step = item(ScheduledProcedureStepID="SPS 2\\", ScheduledProcedureStepDescription="")
    within = world.find(identifier("SERIES", SeriesInstanceUID="", RequestAttributesSequence=[step]))
    assert within.values("SeriesInstanceUID") == ["1.2.1"]


@pytest.mark.parametrize(
    ("asked", "model", "status", "tag", "says"),
    [
        (item(PatientID="P1"), STUDY_ROOT_FIND, WRONG, 0x00080052, "STUDY, SERIES, IMAGE"),
        (identifier("PATIENT", PatientID="P1"), STUDY_ROOT_FIND, WRONG, 0x00080052, "STUDY, SERIES, IMAGE"),
        (identifier("VISIT", PatientID="P1"), PATIENT_ROOT_FIND, WRONG, 0x00080052, "PATIENT"),
        (identifier("STUDY", StudyDate="01/02/2026"), STUDY_ROOT_FIND, WRONG, 0x00080020, "StudyDate cannot be read"),
        (identifier("STUDY", PatientName="x" * 300), STUDY_ROOT_FIND, WRONG, 0x00100010, "PatientName cannot be read"),
        (identifier("STUDY", StudyTime="2300-0100"), STUDY_ROOT_FIND, WRONG, 0x00080030, "range of times"),
        (
            identifier("STUDY", ProcedureCodeSequence=[Dataset(), Dataset()]),
            STUDY_ROOT_FIND,
            WRONG,
            0x00081032,
            "one item",
        ),
        (b"\x08\0\x52\0CS\x50\0STUDY", STUDY_ROOT_FIND, UNREADABLE, None, "cannot be read"),
        (b"\xff" * 99, STUDY_ROOT_FIND, UNREADABLE, None, "cannot be read"),
    ],
)
def test_what_is_wrong_with_a_request_is_said(world, asked, model, status, tag, says):
    found = world.find(asked, model=model)
    assert (found.statuses, found.offending) == ([status], tag)
    assert says in found.comment
    assert "2026" not in found.comment, "never a value"


def test_all_of_a_long_list_comes_once_and_in_order(world):
    found = world.find(identifier("STUDY", StudyInstanceUID="", StudyDate=""), called="RESEARCH")
    assert len(found.identifiers) == len(set(found.values("StudyInstanceUID"))) == STUDIES_OF_RESEARCH
    assert found.values("StudyDate") == sorted(found.values("StudyDate"), reverse=True)


def test_a_long_list_of_uids_is_looked_up_a_few_at_a_time(world):
    wanted = [f"1.2.3.{number}" for number in range(1, 400)]
    asked = identifier("STUDY", StudyInstanceUID=[*wanted, "9.9"])
    with counted_rows() as rows:
        found = world.find(asked, called="RESEARCH")
    assert set(found.values("StudyInstanceUID")) == set(wanted)
    assert len(found.identifiers) == len(wanted)
    assert sum(rows) == len(wanted)


def test_a_search_is_cancelled_among_its_responses(world):
    with find_association(world.endpoint.port, called="RESEARCH") as association:
        found = ask(association, identifier("STUDY", StudyInstanceUID=""), cancel_after=5)
        assert found.status == CANCELLED
        assert 5 <= len(found.identifiers) < STUDIES_OF_RESEARCH / 2
        assert ask(association, identifier("STUDY", PatientID="P1")).status == 0, "the next request is not cancelled"


@pytest.mark.parametrize("leaves", [False, True])
def test_a_search_is_given_up_within_a_second_however_long_the_table_takes(world, leaves):
    """With pages as long as those that are served."""
    asked, answers = threading.Event(), threading.Event()

    class Slow(DynamoDbCatalogue):
        def read_studies(self, studies: Sequence[StudyKey]) -> list[Study]:
            asked.set()
            answers.wait(20)
            return super().read_studies(studies)

    slow = Slow(world.archive.table)
    endpoint = serving(SearchCatalogue(slow, slow, max_rows_read=MAX_ROWS_A_PAGE))
    try:
        with find_association(endpoint.port, called="RESEARCH") as association:
            sent = identifier("STUDY", StudyDescription="none", StudyInstanceUID="")
            began = time.monotonic()
            if leaves:
                send(association, sent)
                assert asked.wait(5)
                association.abort()
                assert endpoint.journal.wait_for(1)[0].operations
            else:
                assert ask(association, sent, cancel_after=0).statuses == [CANCELLED]
        assert time.monotonic() - began < 1
        assert not answers.is_set()
        assert endpoint.journal.failures == []
    finally:
        answers.set()
        endpoint.stop()


def test_a_search_that_finds_nothing_is_cancelled_between_two_rows(world):
    endpoint = serving(SearchCatalogue(world.archive.catalogue, world.archive.catalogue, max_rows_read=2))
    try:
        with find_association(endpoint.port, called="RESEARCH") as association:
            found = ask(association, identifier("STUDY", StudyDescription="none", StudyInstanceUID=""), cancel_after=0)
        assert found.statuses == [CANCELLED]
    finally:
        endpoint.stop()


def test_a_search_that_reads_too_much_in_vain_says_what_would_help(world):
    search = SearchCatalogue(world.archive.catalogue, world.archive.catalogue, max_rows_read=100)
    endpoint = serving(search, max_fruitless_rows=300)
    try:
        found = find(endpoint.port, identifier("STUDY", StudyDescription="none"), called="RESEARCH")
        assert found.statuses == [OUT_OF_RESOURCES]
        assert "PatientID, StudyDate" in found.comment
        narrowed = identifier("STUDY", StudyDescription="none", StudyDate="20200101-20200201")
        assert find(endpoint.port, narrowed, called="RESEARCH").statuses == [0]
    finally:
        endpoint.stop()


def test_a_table_that_does_not_answer_is_said_after_the_matches_that_were_found(world):
    class Failing(SearchCatalogue):
        def __call__(self, query: Query) -> Page:
            if query.after:
                raise Unavailable("DynamoDB does not answer.")
            return super().__call__(query)

    endpoint = serving(Failing(world.archive.catalogue, world.archive.catalogue))
    try:
        found = find(endpoint.port, identifier("STUDY", StudyInstanceUID=""), called="RESEARCH")
        assert found.statuses == [MATCHED, OUT_OF_RESOURCES]
        assert "later" in found.comment
    finally:
        endpoint.stop()


def test_who_leaves_in_the_middle_holds_up_nobody(world):
    with find_association(world.endpoint.port, called="RESEARCH") as association:
        ask(association, identifier("STUDY", StudyInstanceUID=""), leave_after=1)
    assert world.find(identifier("STUDY", StudyInstanceUID="1.1")).status == 0


@pytest.mark.parametrize("transfer_syntax_uid", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_workstation_may_speak_another_transfer_syntax(world, transfer_syntax_uid):
    asked = identifier("IMAGE", StudyInstanceUID="1.1", Rows="", InstanceNumber="", AvailableTransferSyntaxUID="")
    found = world.find(asked, transfer_syntax_uid=transfer_syntax_uid)
    assert found.statuses == [MATCHED, 0]
    assert found.values("Rows") == [8, 16, 8]
    assert set(found.values("AvailableTransferSyntaxUID")) == {"1.2.840.10008.1.2.1"}


@pytest.mark.skipif(shutil.which("findscu") is None, reason="DCMTK is not installed")
def test_dcmtks_findscu(world, tmp_path):
    keys = ("QueryRetrieveLevel=STUDY", "PatientName=m*", "StudyInstanceUID", "SpecificCharacterSet=ISO_IR 100")
    command = ["findscu", "-S", "-aec", "MAIN", *(part for key in keys for part in ("-k", key))]
    done = subprocess.run(
        [*command, "127.0.0.1", str(world.endpoint.port)], capture_output=True, timeout=30, check=False, cwd=tmp_path
    )
    said = (done.stdout + done.stderr).decode("latin-1")
    assert done.returncode == 0, said
    assert [uid for uid in ("1.1", "1.2", "1.3", "1.4") if f"[{uid}" in said] == ["1.1", "1.2", "1.3"]
