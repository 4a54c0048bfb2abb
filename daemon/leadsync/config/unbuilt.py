"""What the design has and this version has not: refused by name, so that nothing is silently left undone.

Each entry goes when its feature comes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from leadsync.config.fault import Fault, member
from leadsync.config.job import ASYNC_ABOVE

NOT_YET = "is not in this version"


def unbuilt_in_config(table: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what config.toml asks for and this version cannot do."""
    url = member(table, "store", "url")
    if isinstance(url, str) and url.startswith("postgresql"):
        yield Fault(("store", "url"), f'PostgreSQL {NOT_YET}: use "sqlite:///leadsync.db"')


def unbuilt_in_job(table: Mapping[str, Any], *, webhooks: bool) -> Iterator[Fault]:
    """Find what a job file asks for and this version cannot do. `webhooks`: there is an inbox for async results."""
    records, above = table.get("records"), table.get("async_above", ASYNC_ABOVE)
    counts = isinstance(records, int) and isinstance(above, int)
    if table.get("kind") == "one_shot" and webhooks and counts and records > above:
        yield Fault(
            ("records",),
            f"more than async_above ({above}) go to the async endpoint where there is [webhooks], which {NOT_YET}:"
            " raise async_above to have them pulled page by page",
        )
