"""What operators look at: the dashboard, and what their command has to know of the other stacks."""

from collections.abc import Mapping, Sequence

from aws_cdk import CfnOutput, Environment, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs.archive import Archive
from infra.constructs.binding_queue import queue_name
from infra.constructs.dashboard import Dashboard
from infra.constructs.listed_queue import ListedQueue, queues_setting


class OperationsStack(Stack):
    """The last of the stacks: nothing is built on it.

    Parameters
    ----------
    environment
        What a process of the pipeline is told.
    queues
        Those of the processes; those of the bindings come by themselves.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        configuration: Configuration,
        archive: Archive,
        *,
        environment: Mapping[str, str],
        queues: Sequence[ListedQueue],
        env: Environment,
    ) -> None:
        super().__init__(scope, name, env=env)
        of_bindings = [
            ListedQueue(binding.name, "deliver", queue_name(binding), f"{queue_name(binding)}-dead-letters")
            for binding in configuration.bindings
        ]
        listed = [*queues, *of_bindings]
        Dashboard(
            self,
            "Dashboard",
            archive,
            queues=listed,
            bindings=configuration.bindings,
            timer_arn=environment["STUDY_TIMER_ARN"],
            dimse=configuration.dimse is not None,
        )
        # What the operators' command reads; a process would have it as environment variables.
        CfnOutput(
            self,
            "OperatorEnvironment",
            value=self.to_json_string(
                {
                    **environment,
                    "QUEUES": self.to_json_string(queues_setting(self, listed)),
                    "BINDINGS": self.to_json_string([binding.document for binding in configuration.bindings]),
                }
            ),
        )
