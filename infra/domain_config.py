"""An own domain name: of the API, or of the gateway's distribution."""

from dataclasses import dataclass

from infra.section import Section


@dataclass(frozen=True)
class DomainConfiguration:
    """A domain name and its certificate."""

    name: str
    certificate_arn: str

    @classmethod
    def of(cls, path: str, values: object, *, region: str = "[a-z0-9-]+") -> "DomainConfiguration":
        """Read the section.

        Parameters
        ----------
        region
            A pattern: where the certificate must lie.
        """
        section = Section(path, values, cls.__dataclass_fields__)
        in_region = "" if region.startswith("[") else f" in {region}"
        return cls(
            name=section.text("name", pattern=r"[a-z0-9-]+(\.[a-z0-9-]+)+", must="a domain name"),
            certificate_arn=section.text(
                "certificate_arn", pattern=f"arn:[^:]+:acm:{region}:.+", must=f"an ACM certificate's ARN{in_region}"
            ),
        )
