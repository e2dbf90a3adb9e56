"""Faults in the calls that a process makes of AWS: counted and struck in botocore, below everything of ours."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ClientError, ReadTimeoutError

from imaging.aws.clients import client

SERVICES = ("s3", "dynamodb", "events", "stepfunctions", "sqs")
_READS = ("Get", "Head", "List", "Query", "Scan", "BatchGet", "Describe", "Receive")
_THROTTLED = {
    "s3": "SlowDown",
    "dynamodb": "ThrottlingException",
    "eventbridge": "ThrottlingException",
    "sfn": "ThrottlingException",
    "sqs": "ThrottlingException",
}


class Killed(BaseException):
    """The process died here: nothing after this call happened, nothing catches it."""


class Fault(Enum):
    """What becomes of a call."""

    KILLED_BEFORE = "killed before"
    KILLED_AFTER = "killed after"
    KILLED_AT_END = "killed when all is done and nothing acknowledged"
    FAILS = "answered 500"
    THROTTLED = "throttled"
    LOST_ANSWER = "carried out, its answer lost"
    SENT_TWICE = "sent twice, as the SDK does when an answer is lost"
    TAKEN_IN_PART = "taken in part"


@dataclass(frozen=True)
class Call:
    """One call of AWS."""

    service: str
    operation: str

    @property
    def is_write(self) -> bool:
        return not self.operation.startswith(_READS)

    @property
    def takes_parts(self) -> bool:
        """Whether it can be answered 200 and be refused in part."""
        return self.operation in {"PutEvents", "BatchGetItem", "BatchWriteItem", "DeleteObjects"}


@dataclass(frozen=True)
class Strike:
    """A fault at the n-th call, counted from 1: from the last strike on, or from the beginning.

    Attributes
    ----------
    counts
        Which calls are counted; `KILLED_AT_END` counts processes.
    """

    fault: Fault
    at: int
    counts: Callable[[Call], bool] = lambda call: call.is_write

    def __str__(self) -> str:
        return f"{self.fault.value} {self.at}"


@dataclass
class Faults:
    """Counts the calls of processes, and strikes some of them.

    Attributes
    ----------
    plan
        Struck in turn.
    since_last_strike
        The calls that came to be, from the last strike on.
    """

    plan: Sequence[Strike] = ()
    since_last_strike: list[Call] = field(default_factory=list)
    struck: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self.plan_anew(self.plan)

    def plan_anew(self, plan: Sequence[Strike]) -> None:
        """Strike so from now on."""
        self._left = list(plan)
        self._ends = 0
        self.since_last_strike.clear()
        self.struck.clear()
        self._is_dead = False

    @property
    def all_struck(self) -> bool:
        return not self._left

    @contextmanager
    def process(self) -> Iterator[None]:
        """The calls made meanwhile are a process's; when it is killed, none of its threads makes another."""
        self._is_dead = False
        for service in SERVICES:
            events = client(service).meta.events
            events.register("before-parameter-build", self._note)
            events.register("before-call", self._before)
            events.register_last("after-call", self._after)
            events.register("before-send", self._send)
        try:
            yield
            self._end()
        finally:
            for service in SERVICES:
                events = client(service).meta.events
                events.unregister("before-parameter-build", self._note)
                events.unregister("before-call", self._before)
                events.unregister("after-call", self._after)
                events.unregister("before-send", self._send)

    def _note(self, params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
        context["asked"] = dict(params)

    def _before(self, model: Any, context: dict[str, Any], **_: object) -> None:
        call = Call(model.service_model.service_id.hyphenize(), model.name)
        fault = context["fault"] = self._next(call)
        if fault is Fault.KILLED_BEFORE:
            self._die()
        if fault is Fault.FAILS:
            raise _refusal(model.name, "InternalServerError", 500)
        if fault is Fault.THROTTLED:
            raise _refusal(model.name, _THROTTLED[call.service], 400)
        _current.fault = fault

    def _next(self, call: Call) -> Fault | None:
        with self._lock:
            if self._is_dead:
                raise Killed
            self.since_last_strike.append(call)
            if not self._left:
                return None
            strike = self._left[0]
            if strike.fault is Fault.KILLED_AT_END or not strike.counts(call):
                return None
            if sum(map(strike.counts, self.since_last_strike)) < strike.at:
                return None
            self._left.pop(0)
            self.struck.append(call)
            self.since_last_strike.clear()
            return strike.fault

    def _end(self) -> None:
        self._ends += 1
        if self._left and self._left[0].fault is Fault.KILLED_AT_END and self._ends >= self._left[0].at:
            self._left.pop(0)
            self.since_last_strike.clear()
            self._die()

    def _send(self, request: AWSPreparedRequest, event_name: str, **_: object) -> None:
        if getattr(_current, "fault", None) is Fault.SENT_TWICE:
            _current.fault = None
            service = next(name for name in SERVICES if _hyphenized(name) == event_name.split(".")[1])
            client(service)._endpoint.http_session.send(request)
            request.reset_stream()

    def _after(self, parsed: dict[str, Any], model: Any, context: dict[str, Any], **_: object) -> None:
        fault = context.get("fault")
        if self._is_dead or fault is Fault.KILLED_AFTER:
            self._die()
        if fault is Fault.LOST_ANSWER:
            raise ReadTimeoutError(endpoint_url="https://aws.example")
        if fault is Fault.TAKEN_IN_PART:
            _take_in_part(parsed, context["asked"])

    def _die(self) -> None:
        self._is_dead = True
        raise Killed


_current = threading.local()


def _hyphenized(service: str) -> str:
    return str(client(service).meta.service_model.service_id.hyphenize())


def _refusal(operation: str, code: str, status: int) -> ClientError:
    answer: Any = {"Error": {"Code": code, "Message": "injected"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, operation)


def _take_in_part(parsed: dict[str, Any], asked: dict[str, Any]) -> None:
    """Answer that the last part was not taken, whatever became of it."""
    if "Entries" in parsed:
        parsed["FailedEntryCount"] = 1
        parsed["Entries"][-1] = {"ErrorCode": "ThrottlingException", "ErrorMessage": "injected"}
    for table, wanted in asked.get("RequestItems", {}).items():
        if "Responses" in parsed:
            keys = wanted["Keys"]
            names = keys[-1].keys()
            parsed["UnprocessedKeys"] = {table: {**wanted, "Keys": keys[-1:]}}
            parsed["Responses"][table] = [
                item for item in parsed["Responses"].get(table, []) if {name: item[name] for name in names} != keys[-1]
            ]
        else:
            parsed["UnprocessedItems"] = {table: wanted[-1:]}
    for deleted in asked.get("Delete", {}).get("Objects", [])[-1:]:
        parsed["Errors"] = [{"Key": deleted["Key"], "Code": "SlowDown", "Message": "injected"}]
