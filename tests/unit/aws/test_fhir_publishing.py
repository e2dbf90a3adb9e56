"""Publishing to a FHIR R4 server that nobody here wrote: it validates, versions and refuses by itself."""

import os

import pytest
import requests

from imaging.aws.fhir_server import HttpFhirServer
from imaging.errors import Rejected, Unavailable
from imaging.fhir.imaging_study import imaging_study
from imaging.fhir.patient import patient
from imaging.fhir.transaction import put, transaction
from imaging.model.identifiers import StudyKey
from infra.local import fhir_process
from infra.local.ports import any_free_port
from infra.local.settings import Settings
from tests.unit.fhir.revision_files import CT, MR, revision_of
from tests.unit.fhir.samples import LINKS, SPACE, attributes, instance, revision, series, small_revision
from tests.unit.pipeline.publishing import Publishing


@pytest.fixture(scope="module")
def base_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fhir")
    port = any_free_port()
    settings = Settings.of({**os.environ, "PORT": str(port), "STATE_DIR": str(folder)})
    fhir_process.prepare(folder / "npm.txt")
    server = fhir_process.start(settings, port, folder / "log.txt")
    try:
        fhir_process.wait_ready(server, port)
        yield settings.fhir
    finally:
        server.stop()


@pytest.fixture
def server(base_url):
    server = HttpFhirServer(base_url)
    yield server
    server.close()


@pytest.fixture
def publishing(server):
    publishing = Publishing()
    publishing.use(server)
    return publishing


def published(publishing, made):
    publishing.finalize(made)
    publishing.publish(made.study, made.number)


def read(server, made):
    """The three resources of a revision, as the server has them."""
    subject = patient(made.attributes, SPACE, LINKS)
    study = server.read("ImagingStudy", imaging_study(made, subject["id"], LINKS)["id"])
    if study is None:
        return None
    found = [study["subject"]["reference"], study["endpoint"][0]["reference"]]
    return study, *(server.read(*reference.split("/")) for reference in found)


def versions(resources):
    return [resource["meta"]["versionId"] for resource in resources]


HOSTILE = revision(
    series(
        "1.9.1",
        instance("1.9.1.1", InstanceNumber=-1),
        modality="c\x00t",
        SeriesDescription="<b>\x1b[2J",
        BodyPartExamined="\x01",
        SeriesNumber=2**40,
    ),
    study=StudyKey("main", "1.9"),
    of_study=attributes(
        PatientID="9|9,9$\\",
        IssuerOfPatientID="St. Mary / East|1",
        PatientName="^\x00^^^",
        StudyDescription="  \ud800x\x00  ",
        StudyDate="20260230",
        PatientBirthDate="1970",
    ),
)
JAPANESE = revision(
    *small_revision().series,
    study=StudyKey("main", "1.81"),
    of_study=attributes(
        PatientID="81", PatientName={"Ideographic": "山田^太郎"}, StudyDescription="胸部", StudyDate="202611"
    ),
)
EMPTY = revision(
    series("1.0.1", instance("1.0.1.1"), modality=""), study=StudyKey("main", "1.0"), of_study=attributes(PatientID="0")
)


@pytest.mark.parametrize(
    "made",
    [revision_of(CT), revision_of(MR), HOSTILE, JAPANESE, EMPTY],
    ids=["ct", "mr", "hostile", "japanese", "all empty"],
)
def test_a_study_arrives_as_it_was_mapped_and_publishing_again_makes_no_version(publishing, server, made):
    published(publishing, made)
    first = read(server, made)
    subject = patient(made.attributes, SPACE, LINKS)
    expected = imaging_study(made, subject["id"], LINKS)
    assert {name: value for name, value in first[0].items() if name != "meta"} == {
        name: value for name, value in expected.items() if name != "meta"
    }
    assert first[0]["meta"]["source"] == expected["meta"]["source"]
    published(publishing, made)
    assert versions(read(server, made)) == versions(first)


def test_a_further_revision_makes_one_version_of_the_imaging_study_alone(publishing, server):
    study = StudyKey("main", "1.2.1")
    first = revision(*small_revision().series, study=study)
    published(publishing, first)
    before = versions(read(server, first))
    second = revision(*first.series, series("1.2.1.2", instance("1.2.1.2.1")), study=study, number=2)
    published(publishing, second)
    after = read(server, second)
    assert after[0]["numberOfSeries"] == 2
    assert versions(after) == [str(int(before[0]) + 1), *before[1:]]


def test_a_deleted_study_is_gone_and_comes_back(publishing, server):
    study = StudyKey("main", "1.2.2")
    made = revision(*small_revision().series, study=study)
    published(publishing, made)
    published(publishing, revision(study=study, number=2))
    assert read(server, made) is None
    published(publishing, revision(study=study, number=2))
    published(publishing, revision(*made.series, study=study, number=3))
    assert read(server, made)[0]["status"] == "available"


def test_a_write_over_a_newer_version_is_refused_whole_and_may_be_tried_again(publishing, server):
    made = revision(*small_revision().series, study=StudyKey("main", "1.2.3.3"))
    published(publishing, made)
    before = read(server, made)
    study, subject, _ = before
    stale = {**study, "meta": {"versionId": "999"}}
    with pytest.raises(Unavailable, match="answered 412"):
        server.transact(transaction([put({**subject, "active": True}, subject), put(study, stale)]))
    assert read(server, made) == before


def test_what_is_not_fhir_is_refused_for_good(server):
    with pytest.raises(Rejected):
        server.transact(transaction([put({"resourceType": "ImagingStudy", "id": "x", "status": "available"}, None)]))


def test_what_another_wrote_to_the_patient_stays(publishing, server, base_url):
    made = revision(
        *small_revision().series,
        study=StudyKey("main", "1.2.4"),
        of_study=attributes(PatientID="4", PatientName="Doe^Jane", PatientBirthDate="19700131"),
    )
    published(publishing, made)
    _, subject, _ = read(server, made)
    of_registration = {**subject, "birthDate": "1971-01-31", "telecom": [{"system": "phone", "value": "1"}]}
    requests.put(f"{base_url}/Patient/{subject['id']}", json=of_registration, timeout=10).raise_for_status()
    renamed = attributes(PatientID="4", PatientName="Roe^Jane", PatientBirthDate="19700131")
    published(publishing, revision(*made.series, study=made.study, number=2, of_study=renamed))
    _, after, _ = read(server, made)
    assert after["name"][0]["family"] == "Roe"
    assert (after["birthDate"], after["telecom"]) == ("1971-01-31", of_registration["telecom"])
