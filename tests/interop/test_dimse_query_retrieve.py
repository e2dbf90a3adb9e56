"""DCMTK's and pynetdicom's clients search in the running system, and fetch from it, at every level."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import dcmread

from tests.flow.client import Client, eventually
from tests.flow.dimse_nodes import AWAY, MOVE_DESTINATION
from tests.instances import data_set_of
from tests.interop.conftest import HeldStudy
from tests.interop.dimse_tools import dcmtk, keys, pynetdicom, said, sample
from tests.unit.dimse.nodes import storescp

LEVELS = [("-P", "PATIENT"), ("-P", "STUDY"), ("-S", "STUDY"), ("-P", "SERIES"), ("-S", "SERIES"), ("-S", "IMAGE")]


@pytest.fixture(scope="module")
def dimse(endpoints):
    return endpoints["dimse"]


def unique_keys(held: HeldStudy, model: str, level: str) -> dict[str, str]:
    """What names the study, its first series or its first instance to a client of that model."""
    first = held.keys[0]
    found = {"QueryRetrieveLevel": level}
    if model == "-P":
        found["PatientID"] = held.patient_id
    if level != "PATIENT":
        found["StudyInstanceUID"] = first.study_instance_uid
    if level in ("SERIES", "IMAGE"):
        found["SeriesInstanceUID"] = first.series_instance_uid
    if level == "IMAGE":
        found["SOPInstanceUID"] = first.sop_instance_uid
    return found


def meant(held: HeldStudy, level: str) -> dict[str, bytes]:
    """The data sets that those keys name."""
    first = held.keys[0]
    series = held.series[first.series_instance_uid]
    at_level = {"SERIES": series, "IMAGE": {first.sop_instance_uid}}.get(level, set(held.data_sets))
    return {uid: held.data_sets[uid] for uid in at_level}


def in_folder(folder: Path) -> dict[str, bytes]:
    """The data sets of all files there, by SOP Instance UID."""
    files = [path for path in folder.iterdir() if path.is_file()]
    return {str(dcmread(path).SOPInstanceUID): data_set_of(path.read_bytes()) for path in files}


@contextmanager
def receiving(client: Client, folder: Path, *options: str) -> Iterator[None]:
    """Play the node that instances are sent to."""
    with storescp(folder, *options, port=client.system.dimse_nodes.ports[MOVE_DESTINATION]):
        yield


def test_findscu_finds_at_every_level_what_is_there(dimse, held_study, tmp_path):
    of_study = {"StudyInstanceUID": held_study.study_instance_uid}
    of_series = {**of_study, "SeriesInstanceUID": held_study.keys[0].series_instance_uid}
    searches = [
        ("-P", {"QueryRetrieveLevel": "PATIENT", "PatientID": held_study.patient_id, "PatientName": ""}, 1),
        ("-S", {"QueryRetrieveLevel": "STUDY", "PatientID": held_study.patient_id, "StudyInstanceUID": ""}, 1),
        ("-S", {"QueryRetrieveLevel": "STUDY", **of_study, "StudyDate": "20240101-20241231", "Modality": ""}, 1),
        ("-S", {"QueryRetrieveLevel": "SERIES", **of_study, "SeriesInstanceUID": "", "Modality": "CT"}, 2),
        ("-S", {"QueryRetrieveLevel": "IMAGE", **of_series, "SOPInstanceUID": "", "InstanceNumber": ""}, 2),
        ("-S", {"QueryRetrieveLevel": "STUDY", **of_study, "StudyDate": "20230101-20231231"}, 0),
    ]
    for number, (model, asked, found) in enumerate(searches):
        folder = tmp_path / str(number)
        folder.mkdir()
        done = dcmtk(dimse, "findscu", model, "-X", "-od", str(folder), *keys(**asked))
        assert "(Success)" in said(done), said(done)
        answers = [dcmread(path, force=True) for path in sorted(folder.iterdir())]
        assert len(answers) == found, asked
        for answer in answers:
            assert answer.QueryRetrieveLevel == asked["QueryRetrieveLevel"]
            assert set(asked) <= {element.keyword for element in answer}, asked


def test_findscu_is_told_names_as_they_are_written_and_counts_as_they_are(dimse, held_study, tmp_path):
    wanted = ("PatientName", "ModalitiesInStudy", "NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances")
    asked = keys(QueryRetrieveLevel="STUDY", PatientID=held_study.patient_id, **dict.fromkeys(wanted, ""))
    done = dcmtk(dimse, "findscu", "-S", "-X", "-od", str(tmp_path), *asked)
    assert done.returncode == 0, said(done)
    [answer] = [dcmread(path, force=True) for path in tmp_path.iterdir()]
    assert str(answer.PatientName) == "Buc^Jérôme"
    assert answer.ModalitiesInStudy == "CT"
    assert (answer.NumberOfStudyRelatedSeries, answer.NumberOfStudyRelatedInstances) == (2, 4)
    assert answer.RetrieveAETitle == "MAIN"


def test_findscu_that_cancels_is_told_so_or_has_all(dimse, held_study):
    of_study = keys(QueryRetrieveLevel="IMAGE", StudyInstanceUID=held_study.study_instance_uid, SOPInstanceUID="")
    done = dcmtk(dimse, "findscu", "-S", "--cancel", "1", *of_study)
    assert "Final Find Response" in said(done), said(done)
    assert "(Success)" in said(done) or "(Cancel" in said(done), said(done)


@pytest.mark.parametrize(("model", "level"), LEVELS)
def test_getscu_fetches_the_very_bytes(dimse, held_study, tmp_path, model, level):
    asked = keys(**unique_keys(held_study, model, level))
    done = dcmtk(dimse, "getscu", model, "+B", "-od", str(tmp_path), *asked)
    assert done.returncode == 0, said(done)
    assert in_folder(tmp_path) == meant(held_study, level)


@pytest.mark.parametrize(("model", "level"), LEVELS)
def test_movescu_has_the_very_bytes_sent_elsewhere(client, dimse, held_study, tmp_path, model, level):
    asked = keys(**unique_keys(held_study, model, level))
    with receiving(client, tmp_path):
        done = dcmtk(dimse, "movescu", model, "-aem", MOVE_DESTINATION, *asked)
        assert "Final Move Response (Success)" in said(done), said(done)
    assert in_folder(tmp_path) == meant(held_study, level)


def test_movescu_is_told_of_a_destination_that_is_unknown_or_away(dimse, held_study):
    asked = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=held_study.study_instance_uid)
    unknown = dcmtk(dimse, "movescu", "-d", "-S", "-aem", "UNKNOWN", *asked)
    assert "0xa801" in said(unknown), said(unknown)
    away = dcmtk(dimse, "movescu", "-d", "-S", "-aem", AWAY, *asked)
    assert "0xa702" in said(away), said(away)
    assert "Failed Suboperations          : 4" in said(away), said(away)


def test_a_compressed_image_goes_compressed_to_who_takes_it_and_decompressed_to_who_does_not(client, dimse, tmp_path):
    path = sample("GDCMJ2K_TextGBR.dcm")
    sent = dcmread(path)
    assert client.stow([path.read_bytes()]).status_code == 200
    address = f"{client.system.dicomweb()}/studies/{sent.StudyInstanceUID}/metadata"
    eventually("indexed", lambda: client.http.get(address).status_code == 200)
    asked = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=sent.StudyInstanceUID)
    compressed_folder, plain_folder = tmp_path / "compressed", tmp_path / "plain"
    compressed_folder.mkdir()
    plain_folder.mkdir()
    with receiving(client, compressed_folder, "+xv"):
        done = dcmtk(dimse, "movescu", "-S", "-aem", MOVE_DESTINATION, *asked)
        assert done.returncode == 0, said(done)
    # which lists uncompressed syntaxes as well, in the same context
    done = dcmtk(dimse, "getscu", "-S", "+xv", "+B", "-od", str(plain_folder), *asked)
    assert done.returncode == 0, said(done)
    [compressed], [plain] = ([*folder.iterdir()] for folder in (compressed_folder, plain_folder))
    assert data_set_of(compressed.read_bytes()) == data_set_of(path.read_bytes())
    assert not dcmread(plain).file_meta.TransferSyntaxUID.is_compressed
    assert (dcmread(plain).pixel_array == dcmread(path).pixel_array).all()


def test_pynetdicoms_applications_find_get_and_move(client, dimse, held_study, tmp_path):
    asked = keys(QueryRetrieveLevel="STUDY", StudyInstanceUID=held_study.study_instance_uid)
    there, sent = tmp_path / "there", tmp_path / "sent"
    there.mkdir()
    sent.mkdir()

    pynetdicom(dimse, "findscu", "-S", "-w", *asked, *keys(PatientID=""), folder=tmp_path)
    [answer] = [dcmread(path, force=True) for path in tmp_path.glob("rsp*.dcm")]
    assert answer.PatientID == held_study.patient_id

    done = pynetdicom(dimse, "getscu", "-S", "-od", str(there), *asked)
    assert in_folder(there).keys() == held_study.data_sets.keys(), said(done)

    with receiving(client, sent):
        done = pynetdicom(dimse, "movescu", "-S", "-aem", MOVE_DESTINATION, *asked)
    assert in_folder(sent) == held_study.data_sets, said(done)
