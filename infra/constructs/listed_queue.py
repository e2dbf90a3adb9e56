"""A queue as operators and the dashboard speak of it: by name, whatever stack it is in."""

from collections.abc import Iterable
from dataclasses import dataclass

from aws_cdk import Stack

from infra.constructs.work_queue import DeadLetters, WorkQueue


@dataclass(frozen=True)
class ListedQueue:
    """A queue of work and its dead letters.

    Attributes
    ----------
    name
        Of its process, or of the binding.
    kind
        Of its process: what a message in it is.
    queue_name
        In SQS; empty where messages come from elsewhere than a queue.
    """

    name: str
    kind: str
    queue_name: str
    dead_letter_queue_name: str

    @classmethod
    def of(cls, process: str, work: WorkQueue) -> "ListedQueue":
        """That of a process that has only one."""
        return cls(process, process, work.queue.queue_name, work.dead_letters.queue.queue_name)

    @classmethod
    def of_dead_letters(cls, process: str, dead_letters: DeadLetters) -> "ListedQueue":
        """That of a process which follows a stream."""
        return cls(process, process, "", dead_letters.queue.queue_name)


def queue_arns(stack: Stack, queues: Iterable[ListedQueue]) -> list[str]:
    """The ARNs of the queues and of their dead letters."""
    names = [name for queue in queues for name in (queue.queue_name, queue.dead_letter_queue_name) if name]
    return [f"arn:{stack.partition}:sqs:{stack.region}:{stack.account}:{name}" for name in names]


def queues_setting(stack: Stack, queues: Iterable[ListedQueue]) -> list[dict[str, str]]:
    """The queues as the operators' command reads them (`QUEUES`)."""
    base = f"https://sqs.{stack.region}.{stack.url_suffix}/{stack.account}"
    return [
        {
            "name": queue.name,
            "kind": queue.kind,
            "queue_url": f"{base}/{queue.queue_name}" if queue.queue_name else "",
            "dead_letter_queue_url": f"{base}/{queue.dead_letter_queue_name}",
        }
        for queue in queues
    ]
