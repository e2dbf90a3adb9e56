"""MiniStack with all that this package mends; imported once the environment is set."""

import logging
import os
from pathlib import Path

from ministack import app
from ministack.services import lambda_svc

from infra.local.embedded_aws import (
    call_recorder,
    durable_rows,
    inert_resources,
    lambda_workers,
    object_files,
    queue_ages,
    queues,
    server,
)
from infra.local.embedded_aws.row_journal import RowJournal
from infra.local.embedded_aws.snapshots import Snapshots
from infra.local.embedded_aws.stream_delivery import StreamDelivery


def run(state: Path) -> None:
    """Serve until SIGTERM.

    Parameters
    ----------
    state
        The folder with everything that persists.
    """
    logging.getLogger().setLevel(logging.WARNING)  # not by LOG_LEVEL: the functions would inherit it
    journal, snapshots = RowJournal(state / "rows.sqlite"), Snapshots()
    load, start_delivery = app._load_persisted_state, lambda_svc._ensure_poller

    def deliver_from_now_on() -> None:
        lambda_svc._ensure_poller = start_delivery
        start_delivery()

    def load_and_restore() -> None:
        load()
        durable_rows.restore(journal)
        queues.show_again()
        snapshots.install()  # not earlier: it would save what is not loaded yet

    app._load_persisted_state = load_and_restore
    lambda_svc._ensure_poller = lambda: None  # or functions would be called before there is a row, or an endpoint
    durable_rows.journal_changes(journal)
    StreamDelivery(journal).install()
    queues.install()
    queue_ages.install()
    object_files.install()
    inert_resources.register()
    lambda_workers.install(state / "layers")
    if "RECORD_CALLS" in os.environ:
        call_recorder.install(Path(os.environ["RECORD_CALLS"]))
    server.end_with_parent(int(os.environ["PARENT_PID"]))
    server.run(int(os.environ["GATEWAY_PORT"]), snapshots, deliver_from_now_on)
