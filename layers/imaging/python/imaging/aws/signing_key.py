"""The private key that a client of SMART Backend Services signs with.

References
----------
https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt import PyJWK, PyJWTError
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from imaging.errors import Unavailable

_RSA_BITS = 2048  # RFC 7518 Section 3.3


@dataclass(frozen=True)
class SigningKey:
    """A private key and what its signatures say of it.

    Attributes
    ----------
    algorithm
        ``RS384`` or ``ES384``, the two that every SMART server knows.
    key_id
        The ``kid`` under which the server knows the public key.
    """

    private_key: RSAPrivateKey | EllipticCurvePrivateKey
    algorithm: str
    key_id: str

    @classmethod
    def of(cls, text: str) -> "SigningKey":
        """Read a private JWK with its ``kid``, or a PEM, whose ``kid`` is its thumbprint (RFC 7638).

        Raises
        ------
        Unavailable
            It is no such key; the sentence says what is wanted.
        """
        try:
            document: dict[str, Any] = json.loads(text) if text.startswith("{") else {}
            key = PyJWK(document).key if document else load_pem_private_key(text.encode(), password=None)
        except (ValueError, TypeError, PyJWTError):
            raise _no_key("it holds neither") from None
        if isinstance(key, RSAPrivateKey):
            if key.key_size < _RSA_BITS:
                raise _no_key(f"its key has only {key.key_size} bits")
            return cls(key, "RS384", _key_id(document, RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)))
        if isinstance(key, EllipticCurvePrivateKey) and key.curve.name == "secp384r1":
            return cls(key, "ES384", _key_id(document, ECAlgorithm.to_jwk(key.public_key(), as_dict=True)))
        raise _no_key("its key is another")


def _key_id(document: dict[str, Any], public: dict[str, Any]) -> str:
    if document.get("kid"):
        return str(document["kid"])
    members = {name: public[name] for name in ("crv", "e", "kty", "n", "x", "y") if name in public}
    canonical = json.dumps(members, sort_keys=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(canonical).digest()).decode().rstrip("=")


def _no_key(why: str) -> Unavailable:
    return Unavailable(
        "The secret imaging.fhir.smart.key_secret_arn has to hold the private key as JWK or PEM, "
        f"RSA of at least {_RSA_BITS} bits or P-384, and {why}; put one there, it is read again at the next try."
    )
