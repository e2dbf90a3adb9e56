"""What keeps a study out of FHIR, and what is only told."""

from dataclasses import replace

import pytest
from pydicom.uid import BasicTextSRStorage

from imaging.fhir.mapped_attributes import MAPPED
from imaging.model.publication import ErrorKind
from tests.unit.fhir.samples import STUDY, instance, revision, series, small_revision
from tests.unit.pipeline.publishing import Publishing

PATIENT_ID, PROCEDURE_CODE_SEQUENCE, STUDY_DATE, SOP_INSTANCE_UID = "00100020", "00081032", "00080020", "00080018"


def publish(publishing, made):
    publishing.finalize(made)
    return publishing.publish(made.study, made.number)


def test_instances_of_different_patients_leave_what_was_published_as_it_is():
    publishing = Publishing()
    publish(publishing, small_revision())
    before = publishing.server.only("ImagingStudy")

    other = small_revision(2, PatientID="4712", PatientName="Roe^Richard")
    assert not publish(publishing, replace(other, conflicts=("00100010", PATIENT_ID))).is_in_fhir

    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "different patients" in message
    assert "471" not in message
    assert publishing.server.only("ImagingStudy") == before
    assert len(publishing.server.all("Patient")) == 1
    assert publishing.marks_removed == [1, 2]

    assert publish(publishing, replace(other, number=3)).is_in_fhir
    assert publishing.entries == []
    assert publishing.server.only("ImagingStudy")["subject"] != before["subject"]


@pytest.mark.parametrize("tag", ["00100010", "00100021", "00080020"])
def test_any_other_disagreement_is_a_note(tag):
    publishing = Publishing()
    assert publish(publishing, replace(small_revision(), conflicts=(tag,))).is_in_fhir
    assert publishing.entries == []
    assert publishing.server.only("ImagingStudy")["note"]


@pytest.mark.parametrize("is_enforced", [True, False])
def test_what_is_too_long_is_told_as_that_and_keeps_no_study_out(is_enforced):
    assert MAPPED.isdisjoint({SOP_INSTANCE_UID})
    long = (PROCEDURE_CODE_SEQUENCE, SOP_INSTANCE_UID)
    publishing = Publishing(enforce_validation=is_enforced)
    assert publish(publishing, replace(small_revision(), unreadable=long, too_long=long)).is_in_fhir
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.INVALID_TAG
    assert "ProcedureCodeSequence should have given, which is valid and is too long to be indexed" in message
    assert "FHIR cannot hold" not in message
    assert "SOPInstanceUID" not in message


def test_what_is_invalid_and_what_is_too_long_are_told_apart():
    publishing = Publishing()
    both = (STUDY_DATE, PROCEDURE_CODE_SEQUENCE)
    publish(publishing, replace(small_revision(), unreadable=both, too_long=(PROCEDURE_CODE_SEQUENCE,)))
    ((_, message),) = publishing.entries
    invalid, _, too_long = message.partition(". ")
    assert "StudyDate" in invalid
    assert "ProcedureCodeSequence" not in invalid
    assert "ProcedureCodeSequence" in too_long


def test_where_validation_is_enforced_an_invalid_document_keeps_its_study_out_before_anything_is_written():
    document = instance("1.2.3.2.1", sop_class_uid=BasicTextSRStorage, CompletionFlag="PERHAPS")
    made = revision(series("1.2.3.1", instance("1.2.3.1.1")), series("1.2.3.2", document))
    publishing = Publishing(enforce_validation=True, document_references=True)
    assert not publish(publishing, made).is_in_fhir
    ((kind, message),) = publishing.entries
    assert kind is ErrorKind.NOT_PUBLISHED
    assert "CompletionFlag" in message
    assert publishing.server.transactions == []

    without = Publishing(enforce_validation=True)
    assert publish(without, made).is_in_fhir
    assert without.publications.read(STUDY).further == ()
