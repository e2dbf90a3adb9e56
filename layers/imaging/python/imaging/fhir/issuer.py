"""Who issued an identifier, as a URI.

References
----------
HL7v2 Hierarchic Designator Macro, PS3.3 Section 10.14, Table 10-17; Issuer of
Patient ID Macro, Section 10.15, Table 10-18.
"""

import re
from collections.abc import Callable
from urllib.parse import quote
from uuid import UUID

from imaging.dicom.attributes import Attributes, text
from imaging.fhir.primitives import is_oid, is_uri
from imaging.model.links import Links
from imaging.settings import Space

_LOCAL_NAMESPACE_ENTITY_ID, _UNIVERSAL_ENTITY_ID, _UNIVERSAL_ENTITY_ID_TYPE = "00400031", "00400032", "00400033"

_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*\Z")  # RFC 1035


def issuer_system(
    text_issuer: str, qualifiers: Attributes | None, space: Space, links: Links, kind: str = "patient-identifiers"
) -> str | None:
    """The system of identifiers that somebody issues.

    The Universal Entity ID comes first: it says how it is to be read, and the
    text beside it refers to the same entity. Free text means what the space is
    configured with; else one that is a URI, an OID or a UUID stands for
    itself, and any other gets a name of the space: ``HIS`` is somebody else in
    another hospital.

    Parameters
    ----------
    text_issuer
        Issuer of Patient ID (0010,0021); "" where there is no such attribute.
    qualifiers
        The item of Issuer of Patient ID Qualifiers Sequence (0010,0024) or
        Issuer of Accession Number Sequence (0008,0051).
    kind
        What is issued; local names differ by it, as a patient and an order may have the same number.

    Returns
    -------
    str or None
        A URI; None if nobody is named.
    """
    qualifiers = qualifiers or {}
    universal = text(qualifiers, _UNIVERSAL_ENTITY_ID).strip()
    read = _OF_TYPE.get(text(qualifiers, _UNIVERSAL_ENTITY_ID_TYPE).strip().upper())
    if universal and read and (uri := read(universal)):
        return uri
    stated = (text_issuer.strip(), text(qualifiers, _LOCAL_NAMESPACE_ENTITY_ID).strip(), universal)
    names = [name for name in stated if name]
    if not names:
        return None
    configured = (space.issuers.get(name) for name in names)
    uri = next(filter(None, configured), None) or _uri(names[0]) or _oid(names[0]) or _uuid(names[0])
    return uri or f"{_local(space, links)}{quote(names[0], safe='', errors='replace')}/{kind}"


def is_local(system: str, space: Space, links: Links) -> bool:
    """Whether a system is a name that we gave, which nobody else can know."""
    return system.startswith(_local(space, links))


def _local(space: Space, links: Links) -> str:
    return f"{links.space(space.name)}/issuers/"


def _uri(value: str) -> str | None:
    return value if is_uri(value) else None


def _oid(value: str) -> str | None:
    return f"urn:oid:{value}" if is_oid(value) else None


def _uuid(value: str) -> str | None:
    try:
        return UUID(value).urn
    except ValueError:
        return None


def _dns(value: str) -> str | None:
    host = value.lower()
    return f"dns:{host}" if _HOST.match(host) else None  # RFC 4501


# PS3.3 Section 10.14, Universal Entity ID Type; for the others there is no URI that everybody would make alike.
_OF_TYPE: dict[str, Callable[[str], str | None]] = {
    "DNS": _dns,
    "ISO": _oid,
    "URI": _uri,
    "UUID": _uuid,
}
