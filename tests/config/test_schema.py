"""The JSON Schemas: what an editor needs, and the same keys that the loader knows."""

import json
from typing import Any, Literal

import pytest

from leadsync.config import json_schema

KINDS: tuple[Literal["config", "job"], ...] = ("config", "job")


def tables(which: Literal["config", "job"]) -> list[dict[str, Any]]:
    """Return every table that a schema describes."""
    schema = json_schema(which)
    inner = [definition.get("anyOf", [definition])[-1] for definition in schema["$defs"].values()]
    return [schema, *inner]


@pytest.mark.parametrize("which", KINDS)
def test_every_key_and_table_is_described(which: Literal["config", "job"]) -> None:
    """An editor can say what each key is for."""
    for table in tables(which):
        assert table["description"]
        for name, described in table["properties"].items():
            assert described.get("description") or "$ref" in described, name


@pytest.mark.parametrize("which", KINDS)
def test_unknown_keys_are_refused_by_the_schema_too(which: Literal["config", "job"]) -> None:
    """What the loader refuses, the editor underlines."""
    assert all(table["additionalProperties"] is False for table in tables(which))


@pytest.mark.parametrize("which", KINDS)
def test_a_schema_is_json_and_names_its_dialect(which: Literal["config", "job"]) -> None:
    """Any validator can load it."""
    assert json.loads(json.dumps(json_schema(which)))["$schema"].endswith("2020-12/schema")


def test_defaults_are_written_as_toml_writes_them() -> None:
    """A default can be copied from the schema into the file, and a key without one shows none."""
    job = json_schema("job")["properties"]
    config = json_schema("config")["$defs"]
    assert job["run_timeout"]["default"] == "2h"
    assert job["page_size"]["default"] == 250
    assert config["Webhooks"]["properties"]["body_max"]["default"] == "64MiB"
    assert config["Account"]["properties"]["price_per_record"]["default"] == 0.01
    assert not any("default" in job[key] for key in ("session", "account", "records", "datasets", "schedule"))


def test_a_job_has_no_key_for_its_name() -> None:
    """A job's name is its file's, so the schema has no place for it."""
    assert "name" not in json_schema("job")["properties"]


def test_what_must_be_there() -> None:
    """Only what has no sensible default is required."""
    config = json_schema("config")
    assert json_schema("job")["required"] == ["kind", "search"]
    assert config["required"] == ["accounts"]
    assert config["$defs"]["Account"]["required"] == ["token", "budget"]
    assert config["$defs"]["SkipTrace"]["required"] == ["api_key", "budget"]


def test_a_budget_may_be_the_word_unlimited() -> None:
    """The schema knows both forms of a budget."""
    for name in ("Budget", "DollarBudget"):
        word, table = json_schema("config")["$defs"][name]["anyOf"]
        assert word["const"] == "unlimited"
        assert table["minProperties"] == 1
