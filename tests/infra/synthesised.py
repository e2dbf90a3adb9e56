"""The templates of a deployment, and the questions tests ask of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Resource = dict[str, Any]


@dataclass(frozen=True)
class Synthesised:
    """A cloud assembly on disk."""

    folder: Path

    @property
    def template_files(self) -> list[Path]:
        return sorted(self.folder.glob("*.template.json"))

    @property
    def manifest(self) -> dict[str, Any]:
        return json.loads((self.folder / "manifest.json").read_text())

    @property
    def stacks(self) -> dict[str, dict[str, Any]]:
        """Templates by the name of their stack."""
        return {path.name.removesuffix(".template.json"): json.loads(path.read_text()) for path in self.template_files}

    def of_type(self, resource_type: str) -> dict[str, Resource]:
        """Resources of a type in all stacks, by ``Stack/LogicalId``."""
        return {
            f"{name}/{logical_id}": resource
            for name, template in self.stacks.items()
            for logical_id, resource in template["Resources"].items()
            if resource["Type"] == resource_type
        }

    def properties(self, resource_type: str) -> dict[str, Resource]:
        """The properties of the resources of a type."""
        return {name: resource["Properties"] for name, resource in self.of_type(resource_type).items()}

    @property
    def processes(self) -> dict[str, Resource]:
        """The properties of the functions of all processes; one that the CDK brings has no such name."""
        return {
            name: function
            for function in self.properties("AWS::Lambda::Function").values()
            if (name := function.get("Environment", {}).get("Variables", {}).get("POWERTOOLS_SERVICE_NAME"))
        }

    def process(self, name: str) -> Resource:
        """The properties of the function of a process."""
        return self.processes[name]

    def statements(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every statement of every role, with the name of its policy."""
        for name, policy in self.properties("AWS::IAM::Policy").items():
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def of_stack(name: str, resources: dict[str, Resource]) -> list[Resource]:
    """Those of one stack."""
    return [resource for path, resource in resources.items() if path.startswith(f"{name}/")]


def as_list(value: Any) -> list[Any]:
    """IAM writes a list of one as the one."""
    return value if isinstance(value, list) else [value]


def flat(value: Any) -> str:
    """A value with its references, as one text to look into."""
    if isinstance(value, dict) and "Fn::Join" in value:
        delimiter, parts = value["Fn::Join"]
        return delimiter.join(map(flat, parts))
    return value if isinstance(value, str) else json.dumps(value)
