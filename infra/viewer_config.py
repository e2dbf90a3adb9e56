"""What a study is opened with, and who may frame it: the settings below ``imaging.viewer``."""

import re
from dataclasses import dataclass

from infra.section import ConfigurationError, Section

NEEDS_A_GATEWAY = (
    "imaging.viewer must be 'none' or left out without imaging.gateway, whose CloudFront distribution is what serves "
    "the viewer and the page of what came in."
)
NEEDS_AN_ADDRESS = (
    "imaging.public_base_address or imaging.gateway.domain must be set where there is a viewer, which links lead to, "
    "or imaging.viewer must be 'none'."
)
PLACEHOLDERS = ("space", "dicomweb", "studies", "series")
"""What an address is made with: a space's name, its DICOMweb root, Study and Series Instance UIDs."""

_OHIF = "/viewer/viewer/{space}?StudyInstanceUIDs={studies}&SeriesInstanceUIDs={series}"
_CHARACTERS = r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%{}]+"  # of RFC 3986, and the braces
_ON_THIS_MACHINE = r"http://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?"
_ORIGIN = rf"https://[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{{1,5}})?|{_ON_THIS_MACHINE}"
_WEB = rf"(https://[^/?#{{}}]+|{_ON_THIS_MACHINE})[/?#].*"
_OWN_SCHEME = r"(?!(about|blob|data|file|ftp|https?|javascript|vbscript|view-source):)[a-z][a-z0-9+.-]*:.+"


@dataclass(frozen=True)
class ViewerConfiguration:
    """With what a study is opened.

    Attributes
    ----------
    url_template
        Of another viewer; empty for OHIF.
    embedded_in
        Origins whose pages may frame the viewer and what leads to it.
    """

    url_template: str = ""
    embedded_in: tuple[str, ...] = ()

    @property
    def is_ohif(self) -> bool:
        """Whether we serve the viewer ourselves."""
        return not self.url_template

    def address_template(self, public_base_address: str) -> str:
        """The address of the viewer on some studies, with `PLACEHOLDERS` in braces."""
        return self.url_template or f"{public_base_address}{_OHIF}"

    @classmethod
    def of(cls, values: object, *, has_gateway: bool) -> "ViewerConfiguration | None":
        """Read ``imaging.viewer``: where it is absent, OHIF beside a gateway and else nothing; None for ``none``."""
        if values is None:
            return cls() if has_gateway else None
        if values == "none":
            return None
        section = Section("imaging.viewer", values, cls.__dataclass_fields__)
        if not has_gateway:
            raise ConfigurationError(NEEDS_A_GATEWAY)
        return cls(
            url_template=_url_template(section),
            embedded_in=section.texts(
                "embedded_in", pattern=_ORIGIN, must="origins such as https://ehr.example.org, in lower case"
            ),
        )


def _url_template(section: Section) -> str:
    template = section.text(
        "url_template",
        "",
        pattern=f"|(?={_CHARACTERS}$)({_WEB}|{_OWN_SCHEME})",
        must="an address that begins with https:// and a host, or with a viewer's own scheme such as weasis:",
    )
    named = re.findall(r"\{([^{}]*)\}", template)
    stray = any(template.count(brace) != len(named) for brace in "{}")
    if template and ("studies" not in named or {*named} - {*PLACEHOLDERS} or stray):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        raise section.error("url_template", f"an address with {{studies}} in it, and no other in braces than {known}")
    return template
