"""The quiet period, as executions of a Step Functions state machine."""

import hashlib
import json
from datetime import datetime, timedelta

from botocore.exceptions import ClientError

from imaging.aws.clients import client, error_code, ours_to_retry
from imaging.aws.rows import study_partition, timestamp
from imaging.errors import Unavailable
from imaging.model.identifiers import StudyKey


def _next_whole_second(moment: datetime) -> datetime:
    """A Wait state drops what is below a second: it would end too early and have to wait again."""
    return moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)


class StepFunctionsTimer:
    """`imaging.ports.outside.StudyTimer`; an execution's name is the timer's identity."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    def arm(self, study: StudyKey, changes: int, due_at: datetime, attempt: int = 0) -> None:
        """Start a timer, unless the same one has been started before."""
        digest = hashlib.sha256(study_partition(study).encode()).hexdigest()[:32]
        try:
            with ours_to_retry("starting a study's timer"):
                client("stepfunctions").start_execution(
                    stateMachineArn=self._state_machine_arn,
                    name=f"{digest}-{changes}-{attempt}",
                    input=json.dumps(
                        {
                            "space": study.space,
                            "study": study.study_instance_uid,
                            "pk": study_partition(study),
                            "due": timestamp(_next_whole_second(due_at)),
                        }
                    ),
                )
        except Unavailable as failure:
            cause = failure.__cause__
            if not (isinstance(cause, ClientError) and error_code(cause) == "ExecutionAlreadyExists"):
                raise
