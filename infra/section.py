"""Reads one section of the configuration, and names the key that is wrong."""

import re
from collections.abc import Iterable, Mapping

HTTP_ADDRESS = r"https?://[^/\s]+(/\S*[^/\s])?"
"""A pattern: absolute, without a slash at the end."""

SAFE_ORIGIN = r"(https://[^/\s]+|http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]+)?)"
"""A pattern of where an address begins that nobody can listen in to: TLS, or this machine."""

KMS_KEY_ARN = "arn:[^:]+:kms:[^:]+:[0-9]{12}:key/[A-Za-z0-9-]+"


class ConfigurationError(Exception):
    """The configuration cannot be used; the message is one sentence that names the key."""


class Section:
    """A dictionary of the configuration, read key by key.

    Parameters
    ----------
    path
        Where it stands, for messages: ``imaging.dimse``.
    values
        As `cdk.json` has it.
    keys
        All that may stand in it; another one is a typing error, and named.
    """

    def __init__(self, path: str, values: object, keys: Iterable[str]) -> None:
        self.path = path
        if not isinstance(values, Mapping):
            raise ConfigurationError(f"{path} must be an object with keys, not {values!r}.")
        self._values = values
        known = sorted(keys)
        for key in values:
            if key not in known:
                raise ConfigurationError(f"{path}.{key} is not a setting; {path} knows {', '.join(known)}.")

    def __contains__(self, key: str) -> bool:
        return self._values.get(key) is not None

    def error(self, key: str, must: str) -> ConfigurationError:
        """``imaging.port must be …, not 'x'`` as an error."""
        return ConfigurationError(f"{self.path}.{key} must be {must}, not {self._values.get(key)!r}.")

    def value(self, key: str, default: object = None) -> object:
        """The value as it stands, the default where it is absent or null."""
        value = self._values.get(key)
        return default if value is None else value

    def text(self, key: str, default: str | None = None, *, pattern: str = ".*", must: str = "a text") -> str:
        """A text that matches the pattern whole; required where there is no default."""
        value = self.value(key, default)
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            raise self.error(key, must)
        return value

    def number(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within bounds, both included."""
        value = self.value(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise self.error(key, f"a whole number from {least} to {most}")
        return value

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.value(key, default)
        if not isinstance(value, bool):
            raise self.error(key, "true or false")
        return value

    def choice(self, key: str, default: str, choices: Iterable[str]) -> str:
        """One of a few words."""
        value = self.value(key, default)
        if value not in (allowed := list(choices)):
            raise self.error(key, " or ".join(repr(choice) for choice in allowed))
        return str(value)

    def texts(
        self, key: str, default: Iterable[str] = (), *, pattern: str = ".+", must: str = "texts"
    ) -> tuple[str, ...]:
        """A list of texts."""
        values = self.value(key, list(default))
        if not isinstance(values, list) or not all(isinstance(v, str) and re.fullmatch(pattern, v) for v in values):
            raise self.error(key, f"a list of {must}")
        return tuple(values)
