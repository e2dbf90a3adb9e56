"""What a released association tells the finalizer, and what others do not."""

from pydicom import dcmread

from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey
from tests.unit.dimse.files import association_for


def study_in(path, space: str = "main") -> StudyKey:
    return StudyKey(space, str(dcmread(path, stop_before_pixels=True).StudyInstanceUID))


def test_it_names_each_study_once_at_a_moment_after_the_last_store(endpoint, make_file):
    paths = [make_file(), make_file()]
    with association_for(paths, endpoint.port) as association:
        for path in [*paths, *paths]:
            assert association.send_c_store(path).Status == 0x0000
    endpoint.journal.wait_for(1)
    ((studies, released_at),) = endpoint.finalizer.hints
    assert studies == sorted(map(study_in, paths))
    last_stored = max(endpoint.archive.versions(key, space)[-1].metadata["stored-at"] for space, key in endpoint.stored)
    assert released_at.isoformat() > last_stored


def test_one_that_stored_nothing_or_was_aborted_tells_nothing(endpoint, make_file):
    path = make_file()
    with association_for([path], endpoint.port):
        pass
    with association_for([path], endpoint.port) as association:
        assert association.send_c_store(path).Status == 0x0000
        association.abort()
    assert {record.end for record in endpoint.journal.wait_for(2)} == {"released", "aborted"}
    assert endpoint.finalizer.hints == []


def test_a_space_that_does_not_ask_for_hints_gets_none(endpoint, make_file):
    path = make_file()
    with association_for([path], endpoint.port, called="RESEARCH") as association:
        assert association.send_c_store(path).Status == 0x0000
    endpoint.journal.wait_for(1)
    assert endpoint.finalizer.hints == []


def test_a_hint_that_is_lost_is_told_and_changes_nothing_for_the_sender(endpoint, make_file):
    endpoint.finalizer.failure = Unavailable("SQS does not answer.")
    path = make_file()
    with association_for([path], endpoint.port) as association:
        assert association.send_c_store(path).Status == 0x0000
    (record,) = endpoint.journal.wait_for(1)
    assert (record.end, endpoint.journal.hints_lost) == ("released", [record])
