"""Bindings of the deployment `full`."""

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:hook-AbCdEf"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"
_NODE = {"port": 11112, "calling_ae_title": "IMAGING"}
BINDINGS = [
    {"name": "to-research", "on": "instance", "filter": {"space": "main"}, "target": {"space": "research"}},
    {"name": "to-archive", "on": "study", "target": {"dicomweb": "https://archive.example.org/dicom-web"}},
    {
        "name": "to-peer",
        "on": "study",
        "target": {
            "dicomweb": "https://abc123.execute-api.eu-west-1.amazonaws.com/live/spaces/main",
            "authorization": "sigv4",
            "sigv4_service": "execute-api",
            "sigv4_region": "eu-west-1",
        },
    },
    {
        "name": "to-cloud",
        "on": "instance",
        "target": {
            "dicomweb": "https://dicom-medical-imaging.us-east-1.amazonaws.com/datastore/0123456789abcdef",
            "authorization": "sigv4",
            "sigv4_service": "medical-imaging",
        },
    },
    {
        "name": "to-hook",
        "on": "study",
        "concurrency": 7,
        "target": {"webhook": "https://hook.example.org/imaging", "signing_secret_arn": SECRET, "kms_key_arn": KEY},
    },
    {
        "name": "to-queue",
        "on": "instance",
        "filter": {"modality": "CT", "attributes": {"InstitutionName": "GENERAL*"}},
        "target": {"queue_arn": "arn:aws:sqs:us-east-1:123456789012:theirs", "kms_key_arn": KEY},
    },
    {
        "name": "to-bus",
        "on": "study",
        "target": {"event_bus_arn": "arn:aws:events:us-east-1:999999999999:event-bus/theirs"},
    },
    {
        "name": "to-pacs",
        "on": "study",
        "concurrency": 1,
        "target": {"dimse": {**_NODE, "host": "192.0.2.7", "called_ae_title": "PACS"}},
    },
    {
        "name": "to-viewer",
        "on": "instance",
        "filter": {"space": "research"},
        "target": {"dimse": {**_NODE, "host": "192.0.2.8", "called_ae_title": "VIEWER"}},
    },
]
"""One to every kind of target, and to two DIMSE nodes."""
