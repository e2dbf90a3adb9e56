"""The one dashboard: what comes in, what waits, what failed, and what it costs."""

from collections.abc import Iterable, Sequence

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.binding_config import BindingConfiguration
from infra.constructs.archive import Archive
from infra.constructs.dimse_graphs import dimse_graphs
from infra.constructs.listed_queue import ListedQueue
from infra.constructs.metrics import MAXIMUM, graph, of_aws, of_every_function, of_queue, ours

_OLDEST = "ApproximateAgeOfOldestMessage"
_WAITING = "ApproximateNumberOfMessagesVisible"


class Dashboard(Construct):
    """The figures of `imaging status` over time, and beside them what a bill follows.

    Parameters
    ----------
    timer_arn
        Of the study timers' state machine.
    dimse
        Whether there is a DIMSE endpoint.
    """

    def __init__(
        self,
        scope: Construct,
        name: str,
        archive: Archive,
        *,
        queues: Sequence[ListedQueue],
        bindings: Sequence[BindingConfiguration],
        timer_arn: str,
        dimse: bool,
    ) -> None:
        super().__init__(scope, name)
        spaces = [space.configuration.name for space in archive.spaces]
        rows = {
            "What comes in": [_arrivals(spaces), _indexed(queues)],
            "DIMSE": dimse_graphs(spaces) if dimse else [],
            "Studies": [_open_studies(), _revisions(), _published()],
            "What a human has to look at": [_dead_letters(queues), _swept()],
            "What goes out": [_deliveries(bindings), _undelivered(queues)] if bindings else [],
            "What costs": [_capacity(archive), _calls(timer_arn), _storage(archive)],
        }
        cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name="ImagingIngestion",
            default_interval=Duration.days(1),
            widgets=[row for title, graphs in rows.items() if graphs for row in ([_heading(title)], graphs)],
        )


def _heading(title: str) -> cloudwatch.IWidget:
    return cloudwatch.TextWidget(markdown=f"## {title}", width=24, height=1)


def _arrivals(spaces: Iterable[str]) -> cloudwatch.IWidget:
    return graph(
        "Instances stored, by door",
        [
            ours("InstancesStored", "STOW-RS", service="store_instance"),
            ours("InstancesStored", "STOW-RS by the gateway", service="gateway"),
            *(ours("InstancesStored", f"C-STORE {space}", service="dimse", space=space) for space in spaces),
            ours("DropsStored", "incoming/", service="store_drop"),
            ours("DropsSetAside", "to quarantine/", service="store_drop"),
        ],
    )


def _indexed(queues: Iterable[ListedQueue]) -> cloudwatch.IWidget:
    [index] = [queue for queue in queues if queue.name == "index_instance"]
    return graph(
        "Instances indexed, and the age of the oldest object that is not (right, seconds)",
        [ours("InstancesIndexed", "indexed", service="index_instance")],
        [of_queue(_OLDEST, "oldest", index.queue_name)],
    )


def _open_studies() -> cloudwatch.IWidget:
    return graph("Open studies", [ours("OpenStudies", "open", service="sweep", statistic=MAXIMUM)], width=8)


def _revisions() -> cloudwatch.IWidget:
    return graph("Revisions", [ours("StudiesRevised", "revisions", service="finalize_study")], width=8)


def _published() -> cloudwatch.IWidget:
    return graph(
        "Revisions in FHIR, and how long the oldest waits for that (right, seconds)",
        [
            ours("StudiesPublished", "published", service="publish_study"),
            ours("StudiesNotPublished", "refused", service="publish_study"),
            ours("FhirUnavailable", "not answered", service="publish_study"),
        ],
        [ours("OldestUnpublishedSeconds", "oldest", service="sweep", statistic=MAXIMUM)],
        width=8,
    )


def _dead_letters(queues: Iterable[ListedQueue]) -> cloudwatch.IWidget:
    return graph("Dead letters", [of_queue(_WAITING, queue.name, queue.dead_letter_queue_name) for queue in queues])


def _swept() -> cloudwatch.IWidget:
    return graph(
        "What the sweep took up, and the age of the oldest change that is not told (right, seconds)",
        [
            ours(f"Swept{what}", what.lower(), service="sweep")
            for what in ("Timers", "Changes", "Batches", "Revisions", "Publications", "Failed")
        ],
        [ours("OldestUnannouncedSeconds", "oldest", service="sweep", statistic=MAXIMUM)],
    )


def _deliveries(bindings: Iterable[BindingConfiguration]) -> cloudwatch.IWidget:
    return graph(
        "Deliveries by binding",
        [
            ours(metric, f"{binding.name} {word}", service=_process(binding), binding=binding.name)
            for binding in bindings
            for metric, word in (
                ("Delivered", "done"),
                ("DeliveriesRefused", "refused"),
                ("DeliveriesPutOff", "put off"),
            )
        ],
    )


def _process(binding: BindingConfiguration) -> str:
    return "deliver_dimse" if binding.target.kind == "dimse" else f"deliver-{binding.name}"


def _undelivered(queues: Iterable[ListedQueue]) -> cloudwatch.IWidget:
    return graph(
        "Age of the oldest delivery that waits, by binding (seconds)",
        [of_queue(_OLDEST, queue.name, queue.queue_name) for queue in queues if queue.kind == "deliver"],
    )


def _capacity(archive: Archive) -> cloudwatch.IWidget:
    table = archive.table.table_name
    return graph(
        "Capacity units of the table",
        [
            of_aws("AWS/DynamoDB", "ConsumedWriteCapacityUnits", "written", TableName=table),
            of_aws("AWS/DynamoDB", "ConsumedReadCapacityUnits", "read", TableName=table),
        ],
        width=8,
    )


def _calls(timer_arn: str) -> cloudwatch.IWidget:
    return graph(
        "Calls of functions, study timers, and the time of functions (right, milliseconds)",
        [
            of_every_function("Invocations", "calls"),
            of_aws("AWS/States", "ExecutionsStarted", "study timers", StateMachineArn=timer_arn),
        ],
        [of_every_function("Duration", "time")],
        width=8,
    )


def _storage(archive: Archive) -> cloudwatch.IWidget:
    return graph(
        "Bytes held, earlier versions included",
        [
            of_aws(
                "AWS/S3",
                "BucketSizeBytes",
                space.configuration.name,
                statistic=MAXIMUM,
                BucketName=space.bucket.bucket_name,
                StorageType="StandardStorage",
            )
            for space in archive.spaces
        ],
        width=8,
    )
