"""What the dashboard shows of the DIMSE endpoint."""

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

from infra.constructs.metrics import MAXIMUM, SUM, graph, ours, ours_by

_OPERATIONS = ("Echo", "Store", "Find", "Move", "Get", "Commit")


def dimse_graphs(spaces: Sequence[str]) -> list[cloudwatch.IWidget]:
    """Who calls and is turned away, what goes in and out, how long it takes, and what is committed."""

    def by_space(*words_of_metrics: tuple[str, str]) -> list[cloudwatch.IMetric]:
        return [
            ours(metric, f"{space} {word}", service="dimse", space=space)
            for metric, word in words_of_metrics
            for space in spaces
        ]

    return [
        graph(
            "Associations turned away by reason, and most of those in flight at a task (right)",
            [
                ours_by("reason", ["AssociationsRejected"], service="dimse", statistic=SUM),
                ours("HandshakesFailed", "TLS handshake", service="dimse"),
            ],
            [
                ours("AssociationsInFlight", "in flight", service="dimse", statistic=MAXIMUM),
                ours("WorkersDied", "processes that died", service="dimse"),
            ],
        ),
        graph(
            "Instances refused and sent, and the bytes of all (right)",
            by_space(("InstancesRefused", "refused"), ("InstancesSent", "sent")),
            by_space(("BytesReceived", "received"), ("BytesSent", "sent")),
        ),
        graph(
            "How long 95 of 100 requests take (milliseconds)",
            [ours_by("space", [f"{each}Milliseconds" for each in _OPERATIONS], service="dimse", statistic="p95")],
        ),
        graph(
            "Storage commitment",
            by_space(
                ("InstancesCommitted", "committed"),
                ("InstancesNotCommitted", "not committed"),
                ("CommitmentsDropped", "dropped"),
            ),
        ),
    ]
