"""The log of storage commitment: UIDs, titles and counts, and metrics beside them."""

import io
import json

from aws_lambda_powertools import Logger

from functions.dimse.commitment_journal import StructuredCommitmentJournal
from imaging.model.commitment import Commitment, CommitmentKey, SopReference
from tests.fakes import START

COMMITMENT = Commitment(
    CommitmentKey("main", "CT 1", "2.25.1"),
    "MAIN",
    (SopReference("1.2", "1.2.3"), SopReference("1.2", "1.2.4"), SopReference("1.2", "1.2.5")),
    START,
    tries=2,
)


def test_each_result_is_a_line_that_names_the_request_and_counts(monkeypatch):
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "ImagingIngestion")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "dimse")
    out = io.StringIO()
    journal = StructuredCommitmentJournal(Logger(service="dimse", stream=out))
    journal.reported(COMMITMENT, 1)
    journal.put_off(COMMITMENT, "The node does not answer.", 61.4)
    journal.dropped(COMMITMENT, "Nobody listens.")
    try:
        raise ValueError("Doe^Jane")
    except ValueError as failure:
        journal.commitment_failed(COMMITMENT.key, failure)
        journal.commitments_failed(failure)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    *of_the_request, all_failed = lines
    reported, put_off, dropped, failed = of_the_request
    for line in of_the_request:
        assert (line["space"], line["calling_ae_title"], line["TransactionUID"]) == ("main", "CT 1", "2.25.1")
    assert (reported["level"], reported["tries"]) == ("INFO", 3)
    assert (reported["InstancesCommitted"], reported["InstancesNotCommitted"]) == ([2], [1])
    assert (put_off["level"], put_off["why"], put_off["wait_seconds"]) == ("WARNING", "The node does not answer.", 61)
    assert (dropped["level"], dropped["why"], dropped["CommitmentsDropped"]) == ("ERROR", "Nobody listens.", [1])
    for line in (failed, all_failed):
        assert (line["level"], line["failure"]) == ("ERROR", "ValueError")
    assert "Doe" not in out.getvalue()
