"""What operators look at: the dashboard, what their command has to know of the other stacks, and the page's status."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Environment, Stack
from constructs import Construct

from infra.config import Configuration
from infra.constructs import grants
from infra.constructs.archive import Archive
from infra.constructs.binding_queue import queue_name
from infra.constructs.dashboard import Dashboard
from infra.constructs.listed_queue import ListedQueue, queue_arns, queues_setting
from infra.constructs.processes import Processes
from infra.constructs.schedule import call_every


class OperationsStack(Stack):
    """The last of the stacks: nothing is built on it.

    Parameters
    ----------
    environment
        What a process of the pipeline is told.
    queues
        Those of the processes; those of the bindings come by themselves.
    dependencies
        The folder of the dependency layer.
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
        dependencies: Path,
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
        if configuration.viewer:
            self._record_status(configuration, archive, environment, listed, dependencies)
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

    def _record_status(
        self,
        configuration: Configuration,
        archive: Archive,
        environment: Mapping[str, str],
        queues: Sequence[ListedQueue],
        dependencies: Path,
    ) -> None:
        """What is in trouble, for the page of what came in: no other stack knows of all queues."""
        processes = Processes(self, "Processes", configuration, key=archive.key, dependencies=dependencies)
        function = processes.add(
            "record_status",
            grants=grants.record_status(archive, queue_arns(self, queues)),
            environment={
                **{name: environment[name] for name in ("SPACES", "MANIFEST_TABLE", "QUIET_SECONDS")},
                "QUEUES": self.to_json_string(queues_setting(self, queues)),
            },
            timeout=Duration.minutes(1),
            memory_mib=512,
        )
        call_every(
            function,
            Duration.minutes(1),
            archive.alarms,
            name="EveryMinute",
            description="Records what waits and what is in trouble, for the page of what came in.",
            failing="The page of what came in shows an old status; `imaging status` has the present one.",
        )
        CfnOutput(self, "RecordStatusFunction", value=function.function_name)
