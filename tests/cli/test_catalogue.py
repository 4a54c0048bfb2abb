"""The log's catalogue and the schemas, as they are asked for by hand."""

import re
import tomllib
from pathlib import Path
from typing import Any

from leadsync import events
from leadsync.catalogue import CATALOGUE
from tests.system.process import run

del events  # importing it is what fills the catalogue

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}


def accepts(schema: dict[str, Any], value: object, root: dict[str, Any]) -> bool:
    """Whether a value fits a schema, as far as ours use the language."""
    if "$ref" in schema:
        return accepts(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], value, root)
    if "anyOf" in schema:
        return any(accepts(one, value, root) for one in schema["anyOf"])
    if "const" in schema:
        return bool(schema["const"] == value)
    if value not in schema.get("enum", [value]) or not isinstance(value, TYPES.get(schema.get("type", ""), object)):
        return False
    return not isinstance(value, dict) or accepts_table(schema, value, root)


def accepts_table(schema: dict[str, Any], table: dict[str, Any], root: dict[str, Any]) -> bool:
    """Whether a table has what it must have, and nothing that it may not."""
    known = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    if set(schema.get("required", [])) - set(table) or len(table) < schema.get("minProperties", 0):
        return False
    return all(
        accepts(known.get(key, others), value, root) if key in known or isinstance(others, dict) else others
        for key, value in table.items()
    )


def schema_of(which: str) -> dict[str, Any]:
    """What `schema` prints."""
    answer = run("schema", which)
    assert (answer.code, answer.err) == (0, "")
    schema: dict[str, Any] = answer.json
    return schema


def test_the_schema_accepts_the_example() -> None:
    """An editor underlines nothing in config.example.toml, and does underline a typo or a wrong type."""
    schema = schema_of("config")
    example = tomllib.loads(EXAMPLE.read_text())
    assert accepts(schema, example, schema)
    assert not accepts(schema, example | {"acounts": {}}, schema)
    assert not accepts(schema, example | {"log": {"level": "loud"}}, schema)
    assert not accepts(schema, example | {"accounts": {"main": {"token": {"env": "T"}}}}, schema)


def test_the_schema_of_a_job_accepts_a_job() -> None:
    """The other kind of file has its own."""
    schema = schema_of("job")
    job = {"kind": "incremental", "page_size": 250, "search": {"query": "Phoenix, AZ"}}
    assert accepts(schema, job, schema)
    assert not accepts(schema, {"kind": "incremental"}, schema)
    assert not accepts(schema, job | {"page_size": "250"}, schema)


def test_the_whole_catalogue_is_shown() -> None:
    """Every event that can be logged is there, by name, with what to do about it."""
    answer = run("events")
    assert answer.code == 0
    assert re.findall(r"(?m)^\S+$", answer.out) == sorted(CATALOGUE)
    assert answer.out.count("\n  do: ") == len(CATALOGUE)


def test_one_event_is_explained() -> None:
    """Meaning, fields, and what an operator does."""
    answer = run("events", "reply.lost")
    name, meaning, fields, action = answer.out.splitlines()
    assert (answer.code, name) == (0, "reply.lost")
    assert "the same key and bytes go out again" in meaning
    assert fields == "  fields: run, job, session, key, attempt, why, wait_s"
    assert action.startswith("  do: Nothing: a replay is not billed.")
