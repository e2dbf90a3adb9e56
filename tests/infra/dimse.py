"""The DIMSE endpoint of the deployment `full`."""

CERTIFICATE = "arn:aws:secretsmanager:us-east-1:123456789012:secret:dimse-AbCdEf"
CLIENT_CA = "arn:aws:secretsmanager:us-east-1:123456789012:secret:modalities-AbCdEf"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0123abcd-0123-4567-89ab-0123456789ab"
TLS = {"certificate_secret_arn": CERTIFICATE, "client_ca_secret_arn": CLIENT_CA, "kms_key_arn": KEY}
PEERS = [
    {"ae_title": "CT 1", "networks": ["192.0.2.0/25"], "services": ["store", "commit"], "spaces": ["main"]},
    {"ae_title": "PACS", "host": "192.0.2.7", "port": 11112, "tls": True, "transfer_syntaxes": ["1.2.840.10008.1.2.1"]},
    {"ae_title": "VIEWER", "host": "viewer.example.org", "port": 104, "services": ["find", "move"]},
]
DIMSE = {
    "internet_facing": True,
    "peer_cidrs": ["192.0.2.0/24"],
    "port": 104,
    "tasks": 2,
    "spool_gib": 50,
    "peers": PEERS,
    "tls": TLS,
}
