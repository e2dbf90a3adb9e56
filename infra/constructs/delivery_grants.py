"""What the process of one binding may do: read what the binding is about, keep its ledger, reach its one target."""

import re

from aws_cdk import Stack
from aws_cdk import aws_iam as iam

from infra.binding_config import BindingConfiguration
from infra.binding_target_config import BindingTargetConfiguration
from infra.constructs import statements as may
from infra.constructs.archive import Archive
from infra.constructs.grants import Grants, put_aside, put_off, read_secrets, work_off
from infra.constructs.work_queue import WorkQueue

_INSTANCES = "studies/*/series/*/instances/*.dcm"
_API_ID = re.compile(r"([a-z0-9]+)\.execute-api\..+")


def deliver(archive: Archive, binding: BindingConfiguration, queue: WorkQueue) -> Grants:
    """All that a binding's process needs."""
    spaces, target = binding.filter.spaces, binding.target
    touched = {*spaces, *([target.settings["space"]] if target.kind == "space" else [])}
    return [
        *work_off(queue.queue),
        *put_off(queue.queue),
        *put_aside(queue.dead_letters.queue),
        may.table(archive, "dynamodb:GetItem", "dynamodb:UpdateItem"),
        *(_read_history(archive, binding) if binding.on == "study" else _read_instances(archive, target)),
        *([may.objects(archive, _INSTANCES, "s3:GetObjectVersion", of=touched)] if target.takes_images else []),
        *_reach(archive, target),
        may.missing_keys(archive, of=touched),
        may.key(archive, "kms:Decrypt", *(["kms:GenerateDataKey"] if target.kind == "space" else [])),
    ]


def _read_history(archive: Archive, binding: BindingConfiguration) -> Grants:
    return [
        may.table(archive, "dynamodb:Query"),
        may.objects(archive, ("studies/*/revisions/*", "drafts/*"), "s3:GetObject", of=binding.filter.spaces),
    ]


def _read_instances(archive: Archive, target: BindingTargetConfiguration) -> Grants:
    return [may.table(archive, "dynamodb:BatchGetItem")] if target.takes_images else []


def _reach(archive: Archive, target: BindingTargetConfiguration) -> Grants:
    settings = target.settings
    match target.kind:
        case "space":
            return [
                may.objects(
                    archive,
                    _INSTANCES,
                    *("s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"),
                    of=[settings["space"]],
                ),
                may.objects(archive, "studies/*/deleting.json", "s3:GetObject", of=[settings["space"]]),
            ]
        case "queue_arn":
            return [
                iam.PolicyStatement(sid="Tell", actions=["sqs:SendMessage"], resources=[settings["queue_arn"]]),
                *_use_key(target, "kms:Decrypt", "kms:GenerateDataKey"),
            ]
        case "event_bus_arn":
            return [
                iam.PolicyStatement(sid="Tell", actions=["events:PutEvents"], resources=[settings["event_bus_arn"]])
            ]
    secret = read_secrets(*filter(None, [target.secret_arn]))
    return [
        *secret,
        *_use_key(target, "kms:Decrypt"),
        *(_sign(archive, target) if settings.get("authorization") == "sigv4" else []),
    ]


def _use_key(target: BindingTargetConfiguration, *actions: str) -> Grants:
    """Use the key of their own that a secret or a queue is encrypted with; its policy must let us, too."""
    if not target.kms_key_arn:
        return []
    return [iam.PolicyStatement(sid="UseTheirKey", actions=list(actions), resources=[target.kms_key_arn])]


def _sign(archive: Archive, target: BindingTargetConfiguration) -> Grants:
    """Store at an API that asks for SigV4."""
    stack, region = Stack.of(archive.table), target.settings["sigv4_region"]
    if target.settings["sigv4_service"] == "execute-api":
        api = _API_ID.fullmatch(target.host)
        resource = f"arn:{stack.partition}:execute-api:{region}:*:{api.group(1) if api else '*'}/*/POST/*"
        return [iam.PolicyStatement(sid="Store", actions=["execute-api:Invoke"], resources=[resource])]
    datastore = target.settings["dicomweb"].rpartition("/datastore/")[2].partition("/")[0]
    return [
        iam.PolicyStatement(
            sid="Store",
            actions=["medical-imaging:StoreDICOM"],
            resources=[f"arn:{stack.partition}:medical-imaging:{region}:{stack.account}:datastore/{datastore}"],
        )
    ]
