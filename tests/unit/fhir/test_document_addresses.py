"""The addresses in DocumentReferences, followed through the DICOMweb resources that serve them."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pydicom
from pydicom.uid import EncapsulatedPDFStorage

from imaging.aws.dynamodb_table import ManifestTable
from imaging.dicomweb.message import Response
from imaging.fhir.document_reference import document_references
from imaging.fhir.findings import Findings
from imaging.fhir.primitives import Resource
from imaging.fhir.validation import checked
from imaging.model.identifiers import StudyKey
from imaging.model.links import Links
from imaging.pipeline.revision_archive import RevisionArchive
from tests.archive import BASE_ADDRESS, Archive
from tests.instances import part10_instance
from tests.manifest_table import create_manifest_table

SR = Path(pydicom.__file__).parent / "data" / "test_files" / "reportsi.dcm"
PDF = b"%PDF-1.7 " * 1_000


def test_a_report_and_a_pdf_open_at_the_addresses_that_fhir_gives(embedded_aws: object) -> None:
    name = f"manifest-{uuid4().hex}"
    create_manifest_table(name)
    archive = Archive(ManifestTable(name))
    report = archive.send_file(SR.read_bytes())
    pdf = archive.key(report.study_instance_uid, f"2.25.{uuid4().int}", f"2.25.{uuid4().int}")
    encapsulated = {"EncapsulatedDocument": PDF, "MIMETypeOfEncapsulatedDocument": "application/pdf"}
    archive.send_file(part10_instance(pdf, SOPClassUID=EncapsulatedPDFStorage, Modality="DOC", **encapsulated))
    archive.finalize(report.study_instance_uid)

    told = documents(archive, StudyKey(archive.space, report.study_instance_uid))
    assert told.keys() == {report.sop_instance_uid, pdf.sop_instance_uid}
    of_report, of_pdf = told[report.sop_instance_uid], told[pdf.sop_instance_uid]
    assert (of_report["docStatus"], "docStatus" in of_pdf) == ("preliminary", False), "it is PARTIAL and UNVERIFIED"
    (title,) = of_report["type"]["coding"]
    assert (title["system"], title["code"]) == ("urn:oid:1.2.276.0.7230010.3.0.0.1", "IHE.01"), (
        "the file names its scheme"
    )

    sent = followed(archive, of_report, accept="*/*")
    assert sent.headers["Content-Type"].startswith("application/dicom;")
    assert sent.body[128:132] == b"DICM", "the file, and no multipart body, whatever the client asks for"
    sent = followed(archive, of_pdf, accept="application/pdf")
    assert (sent.headers["Content-Type"], sent.body) == ("application/pdf", PDF)
    assert followed(archive, of_pdf, accept="*/*").body == PDF


def documents(archive: Archive, study: StudyKey) -> dict[str, Resource]:
    """By SOP Instance UID."""
    revision = RevisionArchive(archive.objects).read(study, 1)
    assert revision is not None
    found = document_references(
        revision,
        study={"reference": "ImagingStudy/1"},
        subject={"reference": "Patient/1"},
        links=Links(BASE_ADDRESS),
        findings=Findings(),
    )
    return {each["masterIdentifier"]["value"].removeprefix("urn:oid:"): checked(each) for each in found}


def followed(archive: Archive, document: Resource, accept: str) -> Response:
    address = urlsplit(document["content"][0]["attachment"]["url"].removeprefix(f"{archive.address}/"))
    response = archive.get(address.path, *parse_qsl(address.query), accept=accept)
    assert response.status == 200, response.body
    return response
