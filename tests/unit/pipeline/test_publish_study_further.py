"""DocumentReferences and dose Observations, where they are wanted."""

import gzip
import json
from dataclasses import replace

import pytest
from pydicom.sr.codedict import codes
from pydicom.uid import BasicTextSRStorage, XRayRadiationDoseSRStorage

from imaging.dicom.attributes import indexed
from imaging.errors import Rejected, RejectReason, Unavailable
from imaging.model.identifiers import StudyKey
from imaging.model.publication import ErrorKind, FhirError
from tests.interleaving import Killed
from tests.unit.fhir.dose_reports import KEY, container, num, report, uid
from tests.unit.fhir.fake_server import EVERY_SERVER, FakeFhirServer
from tests.unit.fhir.samples import STUDY, attributes, instance, revision, series
from tests.unit.pipeline.publishing import FIRST, LAST, Publishing

DOSE_REPORT = report(
    container("DCM|113811|CT Accumulated Dose Data", num("DCM|113813|CT Dose Length Product Total", "406", "mGy.cm")),
    container(
        "DCM|113819|CT Acquisition",
        uid(codes.DCM.IrradiationEventUID, "1.2.3.9.100.1"),
        container("DCM|113829|CT Dose", num("DCM|113830|Mean CTDIvol", "5.25", "mGy")),
    ),
)


def with_documents(number: int, *titles: str):
    documents = [
        instance(f"1.2.3.2.{place}", sop_class_uid=BasicTextSRStorage, DocumentTitle=title)
        for place, title in enumerate(titles)
    ]
    return revision(series("1.2.3.1", instance("1.2.3.1.1")), series("1.2.3.2", *documents), number=number)


def with_dose_report(number: int):
    """Its series' metadata lies where finalizing leaves it."""
    kept = replace(
        instance(KEY.sop_instance_uid, sop_class_uid=XRayRadiationDoseSRStorage), attributes=indexed(DOSE_REPORT)
    )
    reports = replace(series(KEY.series_instance_uid, kept), metadata_key="metadata.json.gz")
    study = StudyKey(KEY.space, KEY.study_instance_uid)
    return revision(reports, number=number, study=study, of_study=attributes(PatientID="4711"))


def publish(publishing, made):
    publishing.finalize(made)
    return publishing.publish(made.study, made.number)


@pytest.fixture(params=EVERY_SERVER.values(), ids=EVERY_SERVER)
def publishing(request):
    return Publishing(request.param, document_references=True, dose_observations=True)


def documents(publishing):
    return {each["description"]: each for each in publishing.server.all("DocumentReference")}


def test_documents_follow_their_study_and_refer_to_it(publishing):
    publish(publishing, with_documents(1, "first", "second"))
    study, there = publishing.server.only("ImagingStudy"), documents(publishing)
    assert there.keys() == {"first", "second"}
    for each in there.values():
        assert each["context"]["related"] == [{"reference": f"ImagingStudy/{study['id']}"}]
        assert each["subject"] == study["subject"]
    assert len(publishing.server.transactions) == 2
    assert publishing.marks_removed == [1]


def test_only_a_document_that_differs_is_written_again_and_one_that_is_gone_is_deleted(publishing):
    publish(publishing, with_documents(1, "first", "second", "third"))
    before = documents(publishing)
    publish(publishing, with_documents(2, "first", "2nd"))
    after = documents(publishing)
    assert after.keys() == {"first", "2nd"}
    assert after["first"] == before["first"]
    assert after["2nd"]["id"] == before["second"]["id"]
    written = len(publishing.server.transactions)
    publish(publishing, with_documents(2, "first", "2nd"))
    assert len(publishing.server.transactions) == written


def test_with_the_study_go_its_documents(publishing):
    publish(publishing, with_documents(1, "first", "second"))
    publish(publishing, revision(number=2))
    assert publishing.server.all("ImagingStudy") == publishing.server.all("DocumentReference") == []
    assert publishing.publications.read(STUDY).further == ()


def test_what_was_published_goes_when_it_is_not_wanted_any_more(publishing):
    publish(publishing, with_documents(1, "first"))
    publishing.policy = replace(publishing.policy, document_references=False)
    publishing.use(publishing.server)
    publish(publishing, with_documents(1, "first"))
    assert documents(publishing) == {}
    assert publishing.server.only("ImagingStudy")


def test_many_documents_go_in_bundles_that_a_server_takes():
    publishing = Publishing(document_references=True)
    publish(publishing, with_documents(1, *map(str, range(250))))
    assert [len(bundle["entry"]) for bundle in publishing.server.transactions] == [3, *[50] * 5]
    publish(publishing, revision(number=2))
    assert [len(bundle["entry"]) for bundle in publishing.server.transactions[6:]] == [1, *[50] * 5, 1]


def test_a_document_that_another_writes_meanwhile_is_merged():
    publishing = Publishing(document_references=True)
    publish(publishing, with_documents(1, "first"))
    publishing.finalize(with_documents(2, "1st"))
    (there,) = publishing.server.all("DocumentReference")
    category = [{"text": "imaging report"}]
    publishing.server.before_transaction = lambda: publishing.server.write({**there, "category": category})
    publishing.publish(STUDY, 2)
    (there,) = publishing.server.all("DocumentReference")
    assert (there["description"], there["category"]) == ("1st", category)


class ChoosyServer(FakeFhirServer):
    """Does with some DocumentReferences what `refuse` does."""

    refuse = staticmethod(lambda description: None)

    def transact(self, bundle, repeat_key=""):
        for entry in bundle["entry"]:
            if entry.get("resource", {}).get("resourceType") == "DocumentReference":
                self.refuse(entry["resource"]["description"])
        return super().transact(bundle, repeat_key)


@pytest.fixture
def choosy() -> Publishing:
    publishing = Publishing(document_references=True)
    publishing.server = ChoosyServer()
    publishing.use(publishing.server)
    return publishing


def test_a_refused_document_keeps_neither_its_study_out_nor_other_documents(choosy):
    def refuse(description):
        if description == "second":
            raise Rejected(RejectReason.MALFORMED_REQUEST, "The FHIR server answered 422.")

    choosy.server.refuse = refuse
    published = publish(choosy, with_documents(1, "first", "second", "third"))
    assert choosy.server.only("ImagingStudy")
    assert documents(choosy).keys() == {"first", "third"}
    assert not published.is_in_fhir
    ((kind, message),) = choosy.entries
    assert kind is ErrorKind.FHIR_REFUSED
    assert message.startswith("The study itself is in FHIR")
    assert message.endswith("The FHIR server answered 422.")
    assert choosy.marks_removed == [1]
    choosy.server.refuse = lambda _: None
    assert publish(choosy, with_documents(1, "first", "second", "third")).is_in_fhir
    assert len(documents(choosy)) == 3
    assert choosy.entries == []


def test_documents_that_cannot_be_written_now_are_tried_again_and_their_study_is_recorded(choosy):
    def refuse(_):
        raise Unavailable("The FHIR server answered 403.")

    choosy.server.refuse = refuse
    made = replace(with_documents(1, "first", "second"), unreadable=("00080020",))
    for attempt, kind in ((FIRST, ErrorKind.RETRYING), (LAST, ErrorKind.RETRIES_EXHAUSTED)):
        choosy.finalize(made)
        with pytest.raises(Unavailable, match="403"):
            choosy.publish(STUDY, 1, attempt)
        left_out, failed = sorted(choosy.entries)
        assert left_out[0] is ErrorKind.INVALID_TAG
        assert failed[0] is kind
        assert failed[1].startswith("The study itself is in FHIR")
    assert choosy.publications.read(STUDY).revision == 1
    assert len(choosy.publications.read(STUDY).further) == 2
    assert choosy.marks_removed == [1, 1]
    choosy.server.refuse = lambda _: None
    choosy.publish(STUDY, 1)
    assert len(documents(choosy)) == 2


def test_what_stood_there_before_documents_are_written_still_stands_if_their_publisher_dies(choosy):
    publish(choosy, with_documents(1, "first"))
    choosy.publications.failed(FhirError(STUDY, 2, ErrorKind.RETRYING, "as before", 1, choosy.clock()), None)

    def refuse(_):
        raise Killed

    choosy.server.refuse = refuse
    with pytest.raises(Killed):
        publish(choosy, with_documents(2, "1st", "second"))
    assert choosy.entries == [(ErrorKind.RETRYING, "as before")]
    assert len(choosy.publications.read(STUDY).further) == 2


def test_a_document_to_which_others_refer_stays_alone_and_goes_when_they_do():
    publishing = Publishing(document_references=True)
    publish(publishing, with_documents(1, "first", "second", "third"))
    url = f"DocumentReference/{documents(publishing)['second']['id']}"
    publishing.server.write({"resourceType": "List", "id": "theirs", "entry": [{"item": {"reference": url}}]})
    publish(publishing, revision(number=2))
    assert publishing.server.only("ImagingStudy")["status"] == "cancelled"  # to which the document refers
    assert documents(publishing).keys() == {"second"}
    assert publishing.publications.read(STUDY).further == (url,)
    ((kind, _),) = publishing.entries
    assert kind is ErrorKind.FHIR_REFUSED
    assert publishing.marks_removed == [1, 2]
    publishing.server.delete("List/theirs")
    publish(publishing, revision(number=2))
    assert publishing.server.all("ImagingStudy") == publishing.server.all("DocumentReference") == []
    assert publishing.entries == []
    assert publishing.publications.read(STUDY).further == ()


@pytest.mark.parametrize(
    "damaged",
    [b"no gzip", gzip.compress(b"no JSON"), gzip.compress(b"[]"), gzip.compress(b"[]")[:9]],
    ids=["no gzip", "no JSON", "nothing", "cut"],
)
def test_damaged_metadata_of_a_dose_report_is_told_and_what_it_gave_before_stays(damaged):
    publishing, made = Publishing(dose_observations=True), with_dose_report(1)
    publishing.objects.put("main", "metadata.json.gz", gzip.compress(json.dumps([DOSE_REPORT]).encode()))
    publish(publishing, made)
    publishing.objects.put("main", "metadata.json.gz", damaged)
    assert not publish(publishing, replace(made, number=2)).is_in_fhir
    assert len(publishing.server.all("Observation")) == 2
    assert len(publishing.publications.read(made.study).further) == 2
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert f"series {KEY.series_instance_uid} is damaged" in message
    assert publishing.marks_removed == [1, 2]


def test_what_a_document_says_and_fhir_cannot_hold_is_told(publishing):
    publish(publishing, with_documents(1, "\x00"))
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.INVALID_TAG
    assert "DocumentTitle" in message


def test_a_dose_report_is_read_from_its_series_metadata(publishing):
    made = with_dose_report(1)
    publishing.finalize(made)
    with pytest.raises(Unavailable, match="metadata"):
        publishing.publish(made.study, 1)
    publishing.objects.put("main", "metadata.json.gz", gzip.compress(json.dumps([DOSE_REPORT]).encode()))
    publishing.publish(made.study, 1)
    study = publishing.server.only("ImagingStudy")
    observations = publishing.server.all("Observation")
    assert [each["code"]["coding"][0]["code"] for each in observations] == ["73569-6", "113852"]
    assert all(each["partOf"] == [{"reference": f"ImagingStudy/{study['id']}"}] for each in observations)
    written = len(publishing.server.transactions)
    publishing.publish(made.study, 1)
    assert len(publishing.server.transactions) == written


def test_neither_is_there_unless_it_is_wanted():
    publishing = Publishing()
    publish(publishing, with_documents(1, "first"))
    publish(publishing, with_dose_report(1))
    assert not publishing.server.all("DocumentReference") + publishing.server.all("Observation")
