"""Where a binding leads: the key ``target`` of an entry of ``imaging.bindings``."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from infra.section import ConfigurationError, Section

SECRET_ARN = "arn:[^:]+:secretsmanager:[^:]+:[0-9]{12}:secret:.+-[A-Za-z0-9]{6}"
_SECRET = "the whole ARN of a secret, the six characters at its end included"
_KEY_ARN = "arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[A-Za-z0-9-]+"
# Images and notices of them go nowhere in the clear; on this machine nobody listens in.
_SAFE_ADDRESS = r"(https://[^/\s?#]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)(/[^\s?#]*[^/\s?#])?"
_SAFE = "an https address without query and without a slash at the end"
# PS3.5 Section 6.2, AE.
_AE_TITLE = r"[!-\[\]-~]{1,16}"
_SIGV4_SERVICES = ("execute-api", "medical-imaging")


@dataclass(frozen=True)
class BindingTargetConfiguration:
    """Where a binding leads.

    Attributes
    ----------
    kind
        ``dicomweb``, ``dimse``, ``space``, ``webhook``, ``queue_arn`` or ``event_bus_arn``.
    settings
        As the process reads them; what `kind` names is among them.
    """

    kind: str
    settings: Mapping[str, Any]

    @property
    def takes_images(self) -> bool:
        """Whether it is sent instances; the others are told events."""
        return self.kind in ("dicomweb", "dimse", "space")

    @property
    def secret_arn(self) -> str:
        """Of the secret that it needs; empty for none."""
        return str(self.settings.get("token_secret_arn") or self.settings.get("signing_secret_arn") or "")

    @property
    def kms_key_arn(self) -> str:
        """Of the key of its own that the secret, or the queue, is encrypted with; empty for none."""
        return str(self.settings.get("kms_key_arn", ""))

    @property
    def host(self) -> str:
        """Of an address or a node, the name to connect to."""
        return str(self.settings["dimse"]["host"] if self.kind == "dimse" else _host(self.settings[self.kind]))

    @classmethod
    def of(cls, path: str, values: object, *, spaces: Sequence[str], region: str) -> "BindingTargetConfiguration":
        """Read ``target``.

        Parameters
        ----------
        spaces
            The names of all storage spaces.
        region
            Of the deployment: where a signed address lies unless it says otherwise.
        """
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"{path} must be an object with keys, not {values!r}.")
        kinds = [kind for kind in _READERS if values.get(kind) is not None]
        if len(kinds) != 1:
            raise ConfigurationError(
                f"{path} must have exactly one of {', '.join(_READERS)}, not {' and '.join(kinds) or 'none of them'}."
            )
        [kind] = kinds
        keys, read = _READERS[kind]
        settings = read(Section(path, values, (kind, *keys)))
        if kind == "space" and settings["space"] not in spaces:
            raise ConfigurationError(f"{path}.space must be one of imaging.spaces, not {settings['space']!r}.")
        if kind in ("queue_arn", "event_bus_arn") and settings[kind].split(":")[3] != region:
            raise ConfigurationError(
                f"{path}.{kind} must lie in {region}, where the deployment is; a rule on a bus there leads on."
            )
        if settings.get("authorization") == "sigv4":
            settings = {"sigv4_region": region, **settings}
        return cls(kind, settings)


def _dicomweb(section: Section) -> dict[str, Any]:
    authorization = section.choice("authorization", "none", ("none", "bearer", "sigv4"))
    if (authorization == "bearer") != ("token_secret_arn" in section):
        raise section.error("token_secret_arn", "the ARN of a secret with authorization 'bearer', and only then")
    if (authorization == "sigv4") != ("sigv4_service" in section):
        raise section.error("sigv4_service", "the name of a service with authorization 'sigv4', and only then")
    if "sigv4_region" in section and authorization != "sigv4":
        raise section.error("sigv4_region", "left out without authorization 'sigv4'")
    settings: dict[str, Any] = {"dicomweb": _address(section, "dicomweb"), "authorization": authorization}
    if authorization == "bearer":
        settings["token_secret_arn"] = section.text("token_secret_arn", pattern=SECRET_ARN, must=_SECRET)
        settings |= _key(section)
    elif "kms_key_arn" in section:
        raise section.error("kms_key_arn", "left out without authorization 'bearer', whose secret it encrypts")
    if authorization == "sigv4":
        settings["sigv4_service"] = section.choice("sigv4_service", "", _SIGV4_SERVICES)
        if "sigv4_region" in section:
            settings["sigv4_region"] = section.text(
                "sigv4_region", pattern="[a-z]+(-[a-z]+)+-[0-9]", must="an AWS region"
            )
    return settings


def _dimse(section: Section) -> dict[str, Any]:
    keys = ("host", "port", "called_ae_title", "calling_ae_title", "tls")
    node = Section(f"{section.path}.dimse", section.value("dimse"), keys)
    title = "an AE title of 1 to 16 characters"
    return {
        "dimse": {
            "host": node.text("host", pattern=r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?", must="a host's name"),
            "port": node.number("port", 104, least=1, most=65535),
            "called_ae_title": node.text("called_ae_title", pattern=_AE_TITLE, must=title),
            "calling_ae_title": node.text("calling_ae_title", pattern=_AE_TITLE, must=title),
            **({"tls": True} if node.flag("tls", default=False) else {}),
        }
    }


def _space(section: Section) -> dict[str, Any]:
    return {"space": section.text("space", must="the name of a storage space")}


def _webhook(section: Section) -> dict[str, Any]:
    return {
        "webhook": _address(section, "webhook"),
        "signing_secret_arn": section.text("signing_secret_arn", pattern=SECRET_ARN, must=_SECRET),
        **_key(section),
    }


def _queue(section: Section) -> dict[str, Any]:
    arn = section.text(
        "queue_arn",
        pattern=r"arn:[^:]+:sqs:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,80}",
        must="the ARN of a standard SQS queue",
    )
    return {"queue_arn": arn, **_key(section)}


def _event_bus(section: Section) -> dict[str, Any]:
    arn = section.text(
        "event_bus_arn",
        pattern=r"arn:[^:]+:events:[a-z0-9-]+:[0-9]{12}:event-bus/[A-Za-z0-9._/-]{1,256}",
        must="the ARN of an EventBridge bus",
    )
    return {"event_bus_arn": arn}


def _key(section: Section) -> dict[str, str]:
    if "kms_key_arn" not in section:
        return {}
    return {"kms_key_arn": section.text("kms_key_arn", pattern=_KEY_ARN, must="the ARN of a KMS key, not of an alias")}


def _address(section: Section, key: str) -> str:
    address = section.text(key, pattern=_SAFE_ADDRESS, must=_SAFE)
    if re.search("[@]", urlsplit(address).netloc):
        raise section.error(key, "an address without a name or password in it")
    return address


def _host(address: str) -> str:
    return urlsplit(address).hostname or ""


_READERS: Mapping[str, tuple[tuple[str, ...], Callable[[Section], dict[str, Any]]]] = {
    "dicomweb": (("authorization", "token_secret_arn", "kms_key_arn", "sigv4_service", "sigv4_region"), _dicomweb),
    "dimse": ((), _dimse),
    "space": ((), _space),
    "webhook": (("signing_secret_arn", "kms_key_arn"), _webhook),
    "queue_arn": (("kms_key_arn",), _queue),
    "event_bus_arn": ((), _event_bus),
}
"""By the key that names the kind: which keys may go with it, and how they are read."""
