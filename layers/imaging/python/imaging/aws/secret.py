"""A text that Secrets Manager keeps."""

from imaging.aws.clients import client, ours_to_retry


class KeptSecret:
    """`imaging.ports.secret.Secret`: plain text, read once per process.

    Parameters
    ----------
    secret_arn
        Of the secret; the process may read it.
    """

    def __init__(self, secret_arn: str) -> None:
        self._secret_arn = secret_arn
        self._text = ""

    def text(self) -> str:
        """The text without blanks around it; raises `Unavailable` if it cannot be read."""
        if not self._text:
            with ours_to_retry("reading a secret"):
                answer = client("secretsmanager").get_secret_value(SecretId=self._secret_arn)
            self._text = str(answer["SecretString"]).strip()
        return self._text

    def forget(self) -> None:
        """Read it anew when it is next asked for."""
        self._text = ""
