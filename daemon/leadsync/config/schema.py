"""JSON Schemas of both kinds of file, for an editor: keys, units, defaults, and what each is for."""

from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from leadsync.config.job import Job
from leadsync.config.tables import ConfigFile
from leadsync.config.units import duration_text

SchemaName = Literal["config", "job"]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
UNLIMITED = {"const": "unlimited", "description": "No limit: somebody decided that."}


class TomlSchema(GenerateJsonSchema):
    """Defaults as TOML writes them, and no null, which TOML has not."""

    def encode_default(self, dft: Any) -> Any:
        """Write durations and dollars as the files do."""
        match dft:
            case timedelta():
                return duration_text(dft)
            case Decimal():
                return float(dft)
            case _:
                return super().encode_default(dft)

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """Describe the value alone: a key that has none is left out."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Leave out a default that no file can hold: the absence of a value."""
        described = super().default_schema(schema)
        if described.get("default", ...) in (None, "", []):
            described.pop("default")
        return described


def json_schema(which: SchemaName) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of config.toml or of a job file."""
    model = ConfigFile if which == "config" else Job
    schema = model.model_json_schema(schema_generator=TomlSchema)
    for name, definition in schema["$defs"].items():
        if name.endswith("Budget"):
            schema["$defs"][name] = {"anyOf": [UNLIMITED, definition | {"minProperties": 1}]}
    return {"$schema": DIALECT, **schema}
