"""The statements that grants are made of, and the reasons for what is wide in them.

What one role is granted several times, on different resources, has no Sid: a
policy may have each only once.
"""

from collections.abc import Collection

from aws_cdk import aws_iam as iam
from aws_cdk import aws_stepfunctions as stepfunctions

from infra.constructs.archive import Archive
from infra.constructs.storage_space import StorageSpace

WILDCARDS = {
    "/studies/*": "The process handles every study of the space; nobody knows their UIDs beforehand.",
    "/drafts/*": "Drafts are named by the study they belong to; nobody knows the UIDs beforehand.",
    "/studies/*/revisions/*": "Revisions lie beside the study they belong to; nobody knows the UIDs beforehand.",
    "/studies/*/series/*/metadata/*": "Metadata lies beside its series; nobody knows the UIDs beforehand.",
    "/studies/*.json.gz": "Long metadata lies beside the instance it belongs to; nobody knows the UIDs beforehand.",
    "/studies/*.frames": "Long tables of frames lie beside their instance; nobody knows the UIDs beforehand.",
    "/studies/*/series/*/instances/*.dcm": "Instances lie under their own UIDs; nobody knows them beforehand.",
    "/studies/*/deleting.json": "It stands beside the study that is deleted; nobody knows the UIDs beforehand.",
    "/incoming/*": "Senders choose the keys of what they drop below incoming/.",
    "/*/POST/*": "The API of another owner: its address names API and service root, not the stage that serves it.",
    "/quarantine/*": "Keys below quarantine/ are those of incoming/, which senders choose.",
    "/viewer/*": "The viewer's files have names of their makers; nothing else lies there.",
    "/*.zip": "What is put into the site's bucket is an asset, whose key changes with what is in it.",
    "/page/*": "The page is made of several files; nothing else lies there.",
}
"""Every resource with a wildcard that is granted, by its end, and why it must be one."""


def objects(
    archive: Archive, keys: str | tuple[str, ...], *actions: str, of: Collection[str] | None = None
) -> iam.PolicyStatement:
    """Actions on the objects whose keys match, or match one of several patterns, of every space or of those named."""
    patterns = (keys,) if isinstance(keys, str) else keys
    return iam.PolicyStatement(
        actions=list(actions),
        resources=[f"{space.arn}/{pattern}" for space in _spaces(archive, of) for pattern in patterns],
    )


def missing_keys(archive: Archive, *, of: Collection[str] | None = None) -> iam.PolicyStatement:
    """Let S3 say that a key is missing, and not that it is forbidden."""
    return iam.PolicyStatement(actions=["s3:ListBucket"], resources=[space.arn for space in _spaces(archive, of)])


def _spaces(archive: Archive, names: Collection[str] | None) -> list[StorageSpace]:
    return [space for space in archive.spaces if names is None or space.configuration.name in names]


def table(archive: Archive, *actions: str) -> iam.PolicyStatement:
    """Actions on rows of the manifest."""
    return iam.PolicyStatement(actions=list(actions), resources=[archive.table_arn])


def rows(archive: Archive, partitions: tuple[str, ...], *actions: str) -> iam.PolicyStatement:
    """Actions on those rows of the manifest alone whose partition key matches one of the patterns."""
    return iam.PolicyStatement(
        actions=list(actions),
        resources=[archive.table_arn],
        conditions={"ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)}},
    )


def indexes(archive: Archive, *indexes: str) -> iam.PolicyStatement:
    """Queries of indexes of the manifest."""
    return iam.PolicyStatement(
        actions=["dynamodb:Query"], resources=[f"{archive.table_arn}/index/{index}" for index in indexes]
    )


def start(timer: stepfunctions.StateMachine) -> iam.PolicyStatement:
    """Arm study timers."""
    return iam.PolicyStatement(sid="ArmTimers", actions=["states:StartExecution"], resources=[timer.state_machine_arn])


def key(archive: Archive, *actions: str) -> iam.PolicyStatement:
    """Use the key that spaces and manifest are encrypted with."""
    return iam.PolicyStatement(sid="UseTheKey", actions=list(actions), resources=[archive.key.key_arn])
