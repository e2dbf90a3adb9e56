"""The wait for a revision, as executions of a Step Functions state machine."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

from botocore.exceptions import ClientError

from imaging.aws.clients import client, error_code, ours_to_retry
from imaging.aws.rows import study_partition
from imaging.errors import Unavailable
from imaging.model.completion import Due
from imaging.model.identifiers import StudyKey

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def _wait_until(moment: datetime) -> str:
    """The next whole second: a Wait state drops what is below one, would end too early and have to wait again."""
    rounded_up = moment.replace(microsecond=0) + timedelta(seconds=1 if moment.microsecond else 0)
    return rounded_up.strftime("%Y-%m-%dT%H:%M:%SZ")


class StepFunctionsTimer:
    """`imaging.ports.outside.StudyTimer`; an execution's name is the timer's identity."""

    def __init__(self, state_machine_arn: str) -> None:
        self._state_machine_arn = state_machine_arn

    def arm(self, study: StudyKey, changes: int, due: Due, attempt: int = 0) -> None:
        """Start a timer, unless the same one has been started before."""
        digest = hashlib.sha256(study_partition(study).encode()).hexdigest()[:32]
        try:
            with ours_to_retry("starting a study's timer"):
                client("stepfunctions").start_execution(
                    stateMachineArn=self._state_machine_arn,
                    # the moment too: a deletion opens a study before any change is counted
                    name=f"{digest}-{changes}-{int(due.at.timestamp() * 1000)}-{attempt}",
                    input=json.dumps(
                        {
                            "space": study.space,
                            "study": study.study_instance_uid,
                            "pk": study_partition(study),
                            "due": _wait_until(due.at),
                            "at_the_latest": _wait_until(due.at_the_latest or _NEVER),
                        }
                    ),
                )
        except Unavailable as failure:
            cause = failure.__cause__
            if not (isinstance(cause, ClientError) and error_code(cause) == "ExecutionAlreadyExists"):
                raise
