"""Search, retrieve, metadata and history, on a space filled by the real stages."""

import gzip
import json
from collections.abc import Callable
from itertools import chain
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicom.native_model import read_native_model
from imaging.dicomweb import body_response
from imaging.dicomweb.media_types import DICOM_XML
from imaging.dicomweb.message import MAX_BODY_BYTES, Request, Response
from imaging.errors import Unavailable
from imaging.reading import json_array, retrieve_metadata
from tests.archive import Archive, parts
from tests.manifest_table import create_manifest_table

MULTIPART = 'multipart/related; type="application/dicom"'


@pytest.fixture(scope="module")
def table(embedded_aws: object) -> ManifestTable:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    return ManifestTable(name)


@pytest.fixture
def archive(table: ManifestTable) -> Archive:
    return Archive(table)


@pytest.fixture(scope="module")
def three_studies(table: ManifestTable) -> Archive:
    """Study 1 of January has a CT series of 3 and an MR series of 1; 2 of February and 3 without a date one CT each."""
    archive = Archive(table)
    january = {"StudyDate": "20260115", "AccessionNumber": "ACC-1", "PatientID": "P1", "PatientName": "Doe^Jane"}
    for number in (3, 1, 2):
        archive.store("1", "1.1", f"1.1.{number}", InstanceNumber=4 - number, **january)
    archive.store("1", "1.2", "1.2.1", Modality="MR", SeriesNumber=2, **january)
    archive.store("2", "2.1", "2.1.1", StudyDate="20260216", AccessionNumber="ACC-2", PatientID="P2")
    archive.store("3", "3.1", "3.1.1", StudyDate="", AccessionNumber="ACC-3", PatientID="P1")
    return archive


def found(response: Response) -> list[dict[str, Any]]:
    if response.status == 204:
        assert response.body == b""
        return []
    assert response.status == 200, response.body
    assert response.headers["Content-Type"] == "application/dicom+json"
    matches: list[dict[str, Any]] = json.loads(response.body)
    return matches


def uids(response: Response, tag: str = "0020000D") -> list[str]:
    return [match[tag]["Value"][0] for match in found(response)]


def sentence(response: Response) -> str:
    assert response.headers["Content-Type"] == "application/json"
    error: str = json.loads(response.body)["error"]
    return error


def instances(response: Response) -> list[bytes]:
    return [content for _, content in parts(response)]


def next_page(response: Response) -> list[tuple[str, str]]:
    """The query that the Link header leads to."""
    return parse_qsl(response.headers["Link"].partition("?")[2].partition(">")[0])


class TestSearch:
    @pytest.mark.parametrize(
        ("parameters", "expected"),
        [
            ([], ["2", "1", "3"]),
            ([("StudyInstanceUID", "1")], ["1"]),
            ([("StudyInstanceUID", "1,2,9")], ["2", "1"]),
            ([("0020000D", "3\\1")], ["1", "3"]),
            ([("PatientID", "P1")], ["1", "3"]),
            ([("PatientID", "P?")], ["2", "1", "3"]),
            ([("PatientID", "p1")], []),
            ([("PatientName", "*jane*")], ["1"]),
            ([("StudyDate", "20260115")], ["1"]),
            ([("StudyDate", "20260101-20260131")], ["1"]),
            ([("StudyDate", "20260201-")], ["2"]),
            ([("StudyDate", "-20260131")], ["1"]),
            ([("AccessionNumber", "ACC-2")], ["2"]),
            ([("AccessionNumber", "ACC-2"), ("PatientID", "P1")], []),
            ([("PatientID", "P1"), ("StudyDate", "20260101-")], ["1"]),
            ([("ModalitiesInStudy", "MR")], ["1"]),
            ([("ModalitiesInStudy", "CT")], ["2", "1", "3"]),
            ([("ModalitiesInStudy", "US")], []),
            ([("limit", "1")], ["2"]),
            ([("limit", "1"), ("offset", "1")], ["1"]),
            ([("offset", "3")], []),
            ([("limit", "0")], []),
            ([("ModalitiesInStudy", "CT"), ("limit", "1"), ("offset", "1")], ["1"]),
            ([("PatientName", "")], ["2", "1", "3"]),
        ],
    )
    def test_finds_studies(
        self, three_studies: Archive, parameters: list[tuple[str, str]], expected: list[str]
    ) -> None:
        assert uids(three_studies.get("studies", *parameters)) == expected

    @pytest.mark.parametrize(
        ("path", "parameters", "expected"),
        [
            ("series", [], ["2.1", "1.1", "1.2", "3.1"]),
            ("series", [("Modality", "MR")], ["1.2"]),
            ("series", [("PatientID", "P1"), ("Modality", "CT")], ["1.1", "3.1"]),
            ("series", [("SeriesInstanceUID", "1.2,2.1")], ["2.1", "1.2"]),
            ("series", [("limit", "2"), ("offset", "1")], ["1.1", "1.2"]),
            ("studies/1/series", [], ["1.1", "1.2"]),
            ("studies/1/series", [("SeriesNumber", "2")], ["1.2"]),
            ("studies/1/series", [("SeriesInstanceUID", "2.1")], []),
            ("studies/9/series", [], []),
        ],
    )
    def test_finds_series(
        self, three_studies: Archive, path: str, parameters: list[tuple[str, str]], expected: list[str]
    ) -> None:
        assert uids(three_studies.get(path, *parameters), "0020000E") == expected

    @pytest.mark.parametrize(
        ("path", "parameters", "expected"),
        [
            ("instances", [], ["2.1.1", "1.1.1", "1.1.2", "1.1.3", "1.2.1", "3.1.1"]),
            ("instances", [("SOPInstanceUID", "1.1.3,3.1.1,9")], ["1.1.3", "3.1.1"]),
            ("instances", [("SeriesInstanceUID", "1.1")], ["1.1.1", "1.1.2", "1.1.3"]),
            ("instances", [("Modality", "MR")], ["1.2.1"]),
            ("instances", [("SOPClassUID", "1.2.840.10008.5.1.4.1.1.2"), ("limit", "2")], ["2.1.1", "1.1.1"]),
            ("instances", [("SOPClassUID", "1.2.3")], []),
            ("studies/1/instances", [], ["1.1.1", "1.1.2", "1.1.3", "1.2.1"]),
            ("studies/1/instances", [("limit", "2"), ("offset", "2")], ["1.1.3", "1.2.1"]),
            ("studies/1/instances", [("SOPInstanceUID", "2.1.1")], []),
            ("studies/1/series/1.1/instances", [], ["1.1.1", "1.1.2", "1.1.3"]),
            ("studies/1/series/1.1/instances", [("InstanceNumber", "1")], ["1.1.3"]),
            ("studies/1/series/1.2/instances", [("SOPInstanceUID", "1.1.1")], []),
            ("studies/1/series/2.1/instances", [], []),
        ],
    )
    def test_finds_instances(
        self, three_studies: Archive, path: str, parameters: list[tuple[str, str]], expected: list[str]
    ) -> None:
        assert uids(three_studies.get(path, *parameters), "00080018") == expected

    def test_every_page_of_any_size_puts_the_same_list_together(self, three_studies: Archive) -> None:
        whole = uids(three_studies.get("instances"), "00080018")
        for limit in (1, 2, 5):
            pages = [
                uids(three_studies.get("instances", ("limit", str(limit)), ("offset", str(offset))), "00080018")
                for offset in range(0, len(whole) + limit, limit)
            ]
            assert list(chain.from_iterable(pages)) == whole

    def test_counts_what_is_there_now(self, archive: Archive) -> None:
        for number in range(3):
            archive.store("1", f"1.{number % 2}", f"1.{number % 2}.{number}")
        archive.delete("1", "1.0", "1.0.2")
        (study,) = found(archive.get("studies"))
        assert study["00201206"]["Value"] == [2]
        assert study["00201208"]["Value"] == [2]
        archive.delete("1", "1.1", "1.1.1")
        (study,) = found(archive.get("studies"))
        assert study["00201206"]["Value"] == [1]
        assert uids(archive.get("series"), "0020000E") == ["1.0"]

    def test_a_deleted_study_is_not_found(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1", PatientID="P1")
        archive.delete("1", "1.1", "1.1.1")
        for parameters in ([], [("StudyInstanceUID", "1")], [("PatientID", "P1")], [("ModalitiesInStudy", "CT")]):
            assert archive.get("studies", *parameters).status == 204
        assert archive.get("series", ("SeriesInstanceUID", "1.1")).status == 204
        assert archive.get("instances", ("SOPInstanceUID", "1.1.1")).status == 204

    def test_says_that_more_can_be_had(self, three_studies: Archive) -> None:
        more = three_studies.get("studies", ("limit", "2"))
        warning = f"299 {three_studies.address}: There are additional results that can be requested."
        assert more.headers["Warning"] == warning
        assert "Warning" not in three_studies.get("studies", ("limit", "3")).headers
        assert "Warning" not in three_studies.get("studies").headers

    def test_finds_a_name_with_a_typo_if_asked(self, three_studies: Archive) -> None:
        assert three_studies.get("studies", ("PatientName", "doe^jahn")).status == 204
        assert uids(three_studies.get("studies", ("fuzzymatching", "true"), ("PatientName", "doe"))) == ["1"]

    def test_what_no_index_serves_says_so_and_goes_on_where_it_stopped(self, table: ManifestTable) -> None:
        archive = Archive(table, max_rows_read=4)
        for number in range(6):
            archive.store(str(number), f"{number}.1", f"{number}.1.1", StudyDate=f"2026010{number + 1}")
        asked = [("limit", "5"), ("StudyDescription", "*")]
        found = []
        for _ in range(10):
            response = archive.get("series", *asked)
            found += uids(response, "0020000E")
            if "Link" not in response.headers:
                break
            assert "may be further matches" in response.headers["Warning"]
            asked = next_page(response)
        assert found == [f"{number}.1" for number in reversed(range(6))]
        assert "No index" in archive.get("studies", ("StudyDescription", "x*")).headers["Warning"]
        assert uids(archive.get("series", ("StudyDate", "20260101-20260102")), "0020000E") == ["1.1", "0.1"]

    def test_the_link_to_the_next_page_leads_there(self, three_studies: Archive) -> None:
        first = three_studies.get("studies", ("limit", "2"))
        assert first.headers["Link"].startswith(f"<{three_studies.address}/studies?limit=2&after=")
        assert first.headers["Link"].endswith('>; rel="next"')
        second = three_studies.get("studies", *next_page(first))
        assert uids(first) + uids(second) == uids(three_studies.get("studies"))
        assert "Link" not in second.headers

    def test_a_place_to_go_on_that_is_none_is_refused(self, three_studies: Archive) -> None:
        assert three_studies.get("studies", ("after", "somewhere")).status == 400

    def test_refuses_to_match_again_what_the_path_names(self, three_studies: Archive) -> None:
        assert three_studies.get("studies/1/series", ("StudyInstanceUID", "1")).status == 400

    def test_answers_in_plain_json_if_that_is_all_the_client_reads(self, three_studies: Archive) -> None:
        response = three_studies.get("studies", accept="application/json")
        assert response.headers["Content-Type"] == "application/json"
        assert three_studies.get("studies", accept="application/dicom+xml").status == 406

    def test_answers_in_xml_a_part_for_each_match(self, three_studies: Archive) -> None:
        response = three_studies.get("studies", accept=f'multipart/related; type="{DICOM_XML}"')
        in_xml = [read_native_model(content)[0] for _, content in parts(response)]
        in_json = json.loads(three_studies.get("studies").body, parse_int=str)
        assert in_xml == in_json
        assert [head["content-location"] for head, _ in parts(response)] == [
            match["00081190"]["Value"][0] for match in in_json
        ]

    def test_never_repeats_a_value_in_an_error(self, three_studies: Archive) -> None:
        response = three_studies.get("studies", ("StudyDate", "Doe"), ("PatientName", "Doe"))
        assert response.status == 400
        assert "Doe" not in sentence(response)


class TestRetrieve:
    @pytest.mark.parametrize("accept", [MULTIPART, "multipart/related; type=application/dicom", "*/*", ""])
    def test_gives_a_study_byte_for_byte(self, archive: Archive, accept: str) -> None:
        stored = [archive.store("1", "1.1", f"1.1.{number}", InstanceNumber=9 - number) for number in range(3)]
        stored.insert(0, archive.store("1", "1.0", "1.0.1"))
        in_order = [stored[0], stored[3], stored[2], stored[1]]  # by series, then instance number
        assert instances(archive.get("studies/1", accept=accept)) == in_order
        assert instances(archive.get("studies/1/series/1.1", accept=accept)) == in_order[1:]
        assert instances(archive.get("studies/1/series/1.0/instances/1.0.1", accept=accept)) == in_order[:1]

    def test_gives_one_instance_alone(self, archive: Archive) -> None:
        stored = archive.store("1", "1.1", "1.1.1")
        response = archive.get("studies/1/series/1.1/instances/1.1.1", accept="application/dicom")
        assert response.body == stored

    def test_gives_the_bytes_that_replaced_others(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        replacing = archive.store("1", "1.1", "1.1.1", PatientID="P2")
        response = archive.get("studies/1/series/1.1/instances/1.1.1", accept="application/dicom")
        assert response.body == replacing
        assert uids(archive.get("studies", ("PatientID", "P2"))) == ["1"]

    def test_a_deleted_instance_is_gone_and_the_others_stay(self, archive: Archive) -> None:
        stored = [archive.store("1", "1.1", f"1.1.{number}") for number in range(2)]
        archive.delete("1", "1.1", "1.1.0")
        assert instances(archive.get("studies/1")) == stored[1:]
        assert archive.get("studies/1/series/1.1/instances/1.1.0").status == 404

    def test_a_large_instance_is_redirected_and_a_large_study_refused(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1", ImageComments="x" * 8, PixelData=bytes(MAX_BODY_BYTES))
        response = archive.get("studies/1/series/1.1/instances/1.1.1", accept="application/dicom")
        assert response.status == 307
        assert response.headers["Location"].startswith("https://objects.example/")
        study = archive.get("studies/1", accept=MULTIPART)
        assert study.status == 413
        assert "application/dicom" in sentence(study)

    def test_an_instance_whose_bytes_are_not_there_is_no_success(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        archive.objects.available = False
        response = archive.get("studies/1")
        assert response.status == 503
        assert "Retry-After" in response.headers


class TestMetadata:
    PATHS = ("studies/1", "studies/1/series/1.1", "studies/1/series/1.1/instances/1.1.1")

    def test_is_the_same_before_and_after_a_revision(self, archive: Archive) -> None:
        for number in range(3):
            archive.store("1", "1.1", f"1.1.{number}")
        archive.store("1", "1.2", "1.2.1", Modality="MR")
        before = [archive.get(f"{path}/metadata").body for path in self.PATHS]
        archive.finalize("1")
        assert [archive.get(f"{path}/metadata").body for path in self.PATHS] == before
        assert [len(json.loads(body)) for body in before] == [4, 3, 1]

    def test_of_a_finished_series_is_one_read(self, archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
        for number in range(3):
            archive.store("1", "1.1", f"1.1.{number}")
        archive.finalize("1")
        reads = count_calls(monkeypatch, archive.objects, "read")
        monkeypatch.setattr(archive.catalogue, "read_instances", None)
        assert len(found(archive.get("studies/1/series/1.1/metadata"))) == 3
        assert len(reads) == 1

    def test_includes_what_came_after_the_revision(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        archive.finalize("1")
        archive.store("1", "1.1", "1.1.2")
        assert uids(archive.get("studies/1/series/1.1/metadata"), "00080018") == ["1.1.1", "1.1.2"]
        archive.delete("1", "1.1", "1.1.1")
        assert uids(archive.get("studies/1/series/1.1/metadata"), "00080018") == ["1.1.2"]

    def test_that_is_too_large_for_a_row_is_read_from_the_bucket(self, archive: Archive) -> None:
        noise = "".join(chr(ord("a") + byte % 26) for byte in uuid4().bytes * 1)
        texts = [f"{uuid4().hex}{noise}" for _ in range(400)]
        archive.store("1", "1.1", "1.1.1", ImageComments=" ".join(texts))
        assert any(key.endswith(".json.gz") for key in archive.objects.keys(archive.space))
        (data_set,) = found(archive.get("studies/1/metadata"))
        assert data_set["00204000"]["Value"] == [" ".join(texts)]

    def test_leads_to_bulk_data_below_the_instance(self, archive: Archive) -> None:
        item = Dataset()
        item.EncapsulatedDocument = bytes(8192)
        archive.store("1", "1.1", "1.1.1", EncapsulatedDocument=bytes(8192), ContentSequence=[item])
        (data_set,) = found(archive.get("studies/1/metadata"))
        base = f"{archive.address}/studies/1/series/1.1/instances/1.1.1/bulkdata"
        assert data_set["00420011"]["BulkDataURI"] == f"{base}/00420011"
        assert data_set["0040A730"]["Value"][0]["00420011"]["BulkDataURI"] == f"{base}/0040A730/0/00420011"
        archive.finalize("1")
        assert found(archive.get("studies/1/metadata")) == [data_set]

    def test_is_compressed_for_clients_that_can_read_it(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1", ImageComments="x" * 20_000)
        plain = archive.get("studies/1/metadata")
        zipped = archive.get("studies/1/metadata", accept_encoding="gzip")
        assert zipped.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(zipped.body) == plain.body

    def test_over_the_limit_is_refused_with_what_to_ask_instead(self, archive: Archive) -> None:
        for number in range(3):
            archive.store("1", f"1.{number}", f"1.{number}.1", ImageComments="x" * 8000)
        series = len(archive.get("studies/1/series/1.1/metadata").body)
        read = archive.reading(2 * series)
        refused = read(Request(f"/spaces/{archive.space}/studies/1/metadata"))
        assert refused.status == 413
        assert "by series" in sentence(refused)
        assert read(Request(f"/spaces/{archive.space}/studies/1/series/1.1/metadata")).status == 200

    def test_is_xml_if_asked_a_part_for_each_instance(self, archive: Archive) -> None:
        archive.put_all([archive.key("1", "1.1", f"1.1.{number}") for number in (1, 2)], PatientName="Doe^Jane")
        response = archive.get("studies/1/metadata", accept=f'multipart/related; type="{DICOM_XML}"')
        assert response.status == 200
        data_sets = [read_native_model(content)[0] for _, content in parts(response)]
        in_json = json.loads(archive.get("studies/1/metadata").body, parse_int=str)  # XML has no numbers
        assert data_sets == in_json

    def test_that_the_client_has_is_not_sent_again(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        for path in ("studies/1/metadata", "studies/1/series/1.1/metadata"):
            tag = archive.get(path).headers["ETag"]
            assert archive.get(path, if_none_match=tag).status == 304
        archive.store("1", "1.1", "1.1.2")
        assert archive.get("studies/1/metadata", if_none_match=tag).status == 200

    def test_is_json_or_xml(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        assert archive.get("studies/1/metadata", accept="application/dicom+json").status == 200
        refused = archive.get("studies/1/metadata", accept="text/html")
        assert refused.status == 406
        assert "application/dicom+json" in sentence(refused)


class TestWithoutALimit:
    def test_metadata_is_the_same_in_as_many_pieces_as_it_takes(
        self, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for series in ("1.1", "1.2"):
            archive.put_all([archive.key("1", series, f"{series}.{number}") for number in range(25)])
        archive.store("1", "1.2", "1.2.99", EncapsulatedDocument=bytes(8192), ImageComments="x" * 20_000)
        monkeypatch.setattr(retrieve_metadata, "MAX_PIECE_BYTES", 100)
        monkeypatch.setattr(json_array, "MAX_RUN_CHARACTERS", 3000)
        monkeypatch.setattr(body_response, "SENT_WHOLE_BYTES", 1)
        for _ in ("unfinished", "finished"):
            for path in TestMetadata.PATHS[:2]:
                whole = archive.get(f"{path}/metadata")
                plain = without_limit(archive, f"{path}/metadata")
                zipped = without_limit(archive, f"{path}/metadata", accept_encoding="gzip")
                assert plain.stream is not None
                assert zipped.stream is not None
                assert b"".join(plain.stream) == whole.body
                assert gzip.decompress(b"".join(zipped.stream)) == whole.body
                assert len(json.loads(whole.body)) == (51 if path == "studies/1" else 25)
            if archive.get("studies/1/revisions").body == b"[]":
                archive.finalize("1")

    def test_a_study_over_the_limit_is_streamed(self, archive: Archive) -> None:
        stored = archive.store("1", "1.1", "1.1.1", PixelData=bytes(MAX_BODY_BYTES))
        response = without_limit(archive, "studies/1", accept=MULTIPART)
        assert response.stream is not None
        assert stored in b"".join(response.stream)
        assert without_limit(archive, "studies/1", method="HEAD").stream is None

    def test_metadata_that_lost_an_object_fails_before_it_begins_or_cuts_the_body(
        self, archive: Archive, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(body_response, "SENT_WHOLE_BYTES", 1)
        keys = [archive.key("1", "1.1", f"1.1.{number}") for number in range(99)]
        archive.put_all(keys, ImageComments="x" * 5000)
        archive.store("1", "1.2", "1.2.1", ImageComments=" ".join(uuid4().hex for _ in range(500)))
        (spilled,) = [key for key in archive.objects.keys(archive.space) if key.endswith(".json.gz")]
        archive.objects.delete(archive.space, spilled)
        assert without_limit(archive, "studies/1/series/1.2/metadata").status == 503
        response = without_limit(archive, "studies/1/metadata")
        assert response.stream is not None
        with pytest.raises(Unavailable):
            list(response.stream)

    @pytest.mark.parametrize("path", ["studies/9", "studies/9/metadata", "studies/1/series/9/metadata"])
    def test_what_is_not_there_is_404(self, three_studies: Archive, path: str) -> None:
        assert without_limit(three_studies, path).status == 404


class TestHistory:
    def test_tells_additions_modifications_and_deletions(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        archive.store("1", "1.1", "1.1.2")
        archive.finalize("1")
        archive.store("1", "1.1", "1.1.1", PatientID="P2")
        archive.store("1", "1.2", "1.2.1")
        archive.delete("1", "1.1", "1.1.2")
        archive.finalize("1")
        first, second = json.loads(archive.get("studies/1/revisions").body)
        assert (first["revision"], first["series"], first["instances"]) == (1, 1, 2)
        assert first["additions"] == [{"series": "1.1", "instance": f"1.1.{number}"} for number in (1, 2)]
        assert (second["revision"], second["series"], second["instances"]) == (2, 2, 2)
        assert second["additions"] == [{"series": "1.2", "instance": "1.2.1"}]
        assert second["modifications"] == [{"series": "1.1", "instance": "1.1.1"}]
        assert second["deletions"] == [{"series": "1.1", "instance": "1.1.2"}]
        assert archive.get("studies/1/revisions").headers["Content-Type"] == "application/json"

    def test_gives_one_revision_whole(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        archive.finalize("1")
        (entry,) = json.loads(archive.get("studies/1/revisions").body)
        whole = json.loads(archive.get("studies/1/revisions/1").body)
        assert entry.items() <= whole.items()
        ((series),) = whole["hierarchy"]
        assert (series["series"], [one["instance"] for one in series["instances"]]) == ("1.1", ["1.1.1"])

    def test_of_a_deleted_study_stays(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        archive.finalize("1")
        archive.delete("1", "1.1", "1.1.1")
        archive.finalize("1")
        assert [entry["instances"] for entry in json.loads(archive.get("studies/1/revisions").body)] == [1, 0]
        assert archive.get("studies/1").status == 404

    def test_is_empty_before_the_first_revision(self, archive: Archive) -> None:
        archive.store("1", "1.1", "1.1.1")
        assert json.loads(archive.get("studies/1/revisions").body) == []
        assert archive.get("studies/1/revisions/1").status == 404


class TestWrongRequests:
    @pytest.mark.parametrize(
        "path",
        [
            "studies/9",
            "studies/9/metadata",
            "studies/9/revisions",
            "studies/9/revisions/1",
            "studies/1/series/9",
            "studies/1/series/9/metadata",
            "studies/1/series/1.1/instances/9",
            "studies/1/series/1.1/instances/9/metadata",
            "studies/1/series/2.1/instances/2.1.1",
            "studies/1/revisions/0",
            "studies/1/revisions/99",
            "",
            "study",
            "studies/1/series/1.1/instances/1.1.1/frames/99",
            "studies/1/series/1.1/instances/1.1.1/bulkdata/00281201",
            "studies/1/series/1.1/instances/9/frames/1",
            "studies/1/series/1.1/instances/9/rendered",
            "studies/9/rendered",
            "studies/9/thumbnail",
            "studies/9/bulkdata",
            "studies/9/pixeldata",
        ],
    )
    def test_what_is_not_there_is_404(self, three_studies: Archive, path: str) -> None:
        response = three_studies.get(path)
        assert response.status == 404
        assert sentence(response).endswith(".")

    @pytest.mark.parametrize("path", ["studies", "studies/1", "studies/1/metadata", "studies/1/revisions"])
    def test_an_unknown_space_is_404(self, three_studies: Archive, path: str) -> None:
        assert three_studies.read(Request(f"/spaces/nowhere/{path}")).status == 404

    @pytest.mark.parametrize(
        "path",
        [
            "studies/..",
            "studies/1.a",
            f"studies/{'1' * 200}/metadata",
            "studies/1/series/x",
            "studies/1/series/1.1/instances/x/metadata",
            "studies/x/revisions",
            "studies/x/series",
            "studies/1/series/x/instances",
            "studies/1/revisions/one",
        ],
    )
    def test_what_cannot_be_a_name_is_400(self, three_studies: Archive, path: str) -> None:
        response = three_studies.get(path)
        assert response.status == 400
        assert sentence(response).endswith(".")


SEGMENTS = st.sampled_from(
    [
        *("studies", "series", "instances", "metadata", "revisions", "frames", "rendered", "thumbnail", "bulkdata"),
        *("pixeldata", "wado", "7FE00010", "1", "1.1", "1.1.1", "1,2", "9", "0", "x", "..", "", "ä", "{"),
    ]
)
PARAMETERS = st.tuples(
    st.sampled_from(["PatientID", "StudyDate", "SOPInstanceUID", "limit", "offset", "includefield", "accept", "x"]),
    st.one_of(
        st.sampled_from(["1", "1.1.1", "20260101-", "*", "all", "*/*", "application/dicom"]), st.text(max_size=9)
    ),
)


class TestAnyRequest:
    @settings(max_examples=150, deadline=None)
    @given(
        path=st.lists(SEGMENTS, max_size=8).map("/".join),
        parameters=st.lists(PARAMETERS, max_size=3),
        accept=st.sampled_from(
            [
                "",
                "*/*",
                MULTIPART,
                "application/dicom",
                "application/dicom+json",
                "application/zip",
                "image/png",
                "\x00",
            ]
        ),
    )
    def test_is_answered(
        self, three_studies: Archive, path: str, parameters: list[tuple[str, str]], accept: str
    ) -> None:
        response = three_studies.get(path, *parameters, accept=accept)
        assert response.status in (200, 204, 400, 404, 406)
        if response.status >= 400:
            assert sentence(response).endswith(".")


def without_limit(archive: Archive, path: str, *, method: str = "GET", **headers: str) -> Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = Request(f"/spaces/{archive.space}/{path}", headers=names, method=method)
    return archive.reading(None)(request)


def count_calls(monkeypatch: pytest.MonkeyPatch, target: object, name: str) -> list[str]:
    calls: list[str] = []
    original: Callable[..., Any] = getattr(target, name)

    def counting(*arguments: Any, **options: Any) -> Any:
        calls.append(name)
        return original(*arguments, **options)

    monkeypatch.setattr(target, name, counting)
    return calls
