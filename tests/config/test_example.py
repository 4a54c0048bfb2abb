"""The example that operators copy: both halves load, and neither leaves a key out."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from leadsync.config import json_schema, load
from leadsync.config.job import ONE_SHOT_KEYS

EXAMPLE = Path(__file__).parents[2] / "config.example.toml"
ACCOUNT_DEFAULTS = (
    "budget_timezone",
    "base_url",
    "requests_per_minute",
    "session_cap",
    "session_reserve",
    "price_per_record",
    "audit_every",
)


def job_text() -> str:
    """Return the job file at the example's end, its first comment signs taken off."""
    _, _, tail = EXAMPLE.read_text().partition("\n# ---- jobs.d/phoenix-absentee.toml")
    return re.sub(r"(?m)^# ?", "", tail.split("\n", 3)[3])


def spread(folder: Path) -> Path:
    """Lay the example out as two files."""
    (folder / "jobs.d").mkdir()
    (folder / "jobs.d" / "phoenix-absentee.toml").write_text(job_text())
    path = folder / "config.toml"
    path.write_text(EXAMPLE.read_text())
    (folder / "suppression.txt").touch()
    return path


def keys(table: dict[str, Any], schema: dict[str, Any], root: dict[str, Any]) -> set[str]:
    """Return the keys of `schema`, dotted, that `table` does not have."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    schema = schema.get("anyOf", [schema])[-1]
    missing = set(schema.get("properties", {})) - set(table)
    for name, inner in schema.get("properties", {}).items():
        if name in table and isinstance(table[name], dict):
            missing |= {f"{name}.{key}" for key in keys(table[name], inner, root)}
    return missing


def test_both_halves_load_without_a_warning(tmp_path: Path) -> None:
    """The example can be copied as it is, and nothing in it is doubtful."""
    settings = load(spread(tmp_path), {})
    assert list(settings.jobs) == ["phoenix-absentee"]
    assert settings.warnings == ()


def test_config_half_has_every_key() -> None:
    """No key of config.toml is left for the operator to find out about."""
    table = tomllib.loads(EXAMPLE.read_text())
    schema = json_schema("config")
    secrets = ("skip_trace.api_key", "ping.url")
    assert keys(table, schema, schema) == {f"{secret}.{kind}" for secret in secrets for kind in ("file", "env")}
    assert keys(table["accounts"]["main"], {"$ref": "#/$defs/Account"}, schema) == {
        "token.env",
        "token.file",
    }


def test_job_half_has_every_key() -> None:
    """No key of a job file is left out; those of one_shot stand there commented."""
    table = tomllib.loads(job_text())
    schema = json_schema("job")
    assert keys(table, schema, schema) == {
        *ONE_SHOT_KEYS,
        "schedule.every",
        "schedule.at",
        "ping.env",
        "ping.file",
    }
    for key in ONE_SHOT_KEYS:
        assert re.search(rf"(?m)^# {key} = ", job_text())


@pytest.mark.parametrize("key", ACCOUNT_DEFAULTS)
def test_defaults_are_shown_as_they_are(key: str) -> None:
    """What the example shows for a key with a default is that default."""
    table = tomllib.loads(EXAMPLE.read_text())["accounts"]["main"]
    assert table[key] == json_schema("config")["$defs"]["Account"]["properties"][key]["default"]


@pytest.mark.parametrize("section", ["store", "log", "housekeeping"])
def test_default_sections_are_shown_as_they_are(section: str) -> None:
    """A section that may be left out is shown with what its absence means."""
    table = tomllib.loads(EXAMPLE.read_text())[section]
    properties = json_schema("config")["$defs"][section.capitalize()]["properties"]
    assert table == {key: described["default"] for key, described in properties.items()}
