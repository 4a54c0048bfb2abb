"""`leadsync check --json`."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from leadsync.config import Settings
from leadsync.errors import Problem
from leadsync.reports import SCHEMA_VERSION


def failure(problems: Iterable[Problem]) -> dict[str, Any]:
    """What is wrong, in reading order; `line` is 0 where a file as a whole is meant."""
    return {"schema_version": SCHEMA_VERSION, "ok": False, "problems": list(map(asdict, problems)), "warnings": []}


def success(settings: Settings, missing: Iterable[Problem]) -> dict[str, Any]:
    """Nothing is wrong; `warnings` has what is perhaps not meant, and the secrets that cannot be read now."""
    warnings = [asdict(problem) for problem in (*settings.warnings, *missing)]
    return {
        "schema_version": SCHEMA_VERSION,
        "ok": True,
        "problems": [],
        "warnings": warnings,
        "accounts": list(settings.accounts),
        "jobs": list(settings.jobs),
    }
