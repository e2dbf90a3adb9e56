"""The schemas of the events, published where subscribers look for them: EventBridge's registry."""

import json
from typing import Any

from aws_cdk import aws_eventschemas as eventschemas
from constructs import Construct

from infra.dependencies import ROOT

SCHEMAS = ROOT / "layers" / "imaging" / "python" / "imaging" / "model" / "schemas"
REGISTRY = "imaging"
_DRAFT_4 = "http://json-schema.org/draft-04/schema#"


class EventSchemas(Construct):
    """One schema for each `detail-type`, of the whole event as EventBridge delivers it."""

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        registry = eventschemas.CfnRegistry(
            self, "Registry", registry_name=REGISTRY, description="Events of the imaging ingestion service."
        )
        for file in sorted(SCHEMAS.glob("*.json")):
            detail = json.loads(file.read_text("utf-8"))
            in_one_word = detail["title"].replace(" ", "")
            schema = eventschemas.CfnSchema(
                self,
                in_one_word,
                registry_name=REGISTRY,
                schema_name=f"imaging@{in_one_word}",
                type="JSONSchemaDraft4",  # the newest JSON Schema that the registry takes
                description=detail["description"],
                content=json.dumps(whole_event(detail)),
            )
            schema.add_resource_dependency(registry)


def whole_event(detail: dict[str, Any]) -> dict[str, Any]:
    """The schema of an event whose `detail` has this schema, in the words of JSON Schema draft 4."""
    text = {"type": "string"}
    properties = {
        "version": text,
        "id": text,
        "detail-type": {"enum": [detail["title"]]},
        "source": {"enum": ["imaging"]},
        "account": text,
        "time": {"type": "string", "format": "date-time"},
        "region": text,
        "resources": {"type": "array", "items": text},
        "detail": _in_draft_4({key: value for key, value in detail.items() if key != "$schema"}),
    }
    return {
        "$schema": _DRAFT_4,
        "title": detail["title"],
        "description": detail["description"],
        "type": "object",
        "properties": properties,
        "required": list(properties),
    }


def _in_draft_4(schema: Any) -> Any:  # noqa: ANN401 - JSON
    """`const` came with draft 6; all else that we write is the same in both."""
    if isinstance(schema, dict):
        return {
            ("enum" if key == "const" else key): ([value] if key == "const" else _in_draft_4(value))
            for key, value in schema.items()
        }
    return [_in_draft_4(each) for each in schema] if isinstance(schema, list) else schema
