"""What the design has and this version has not: refused by name, so that nothing is silently left undone.

Each entry goes when its feature comes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from leadsync.config.fault import Fault, member

NOT_YET = "is not in this version"


def unbuilt_in_config(table: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what config.toml asks for and this version cannot do."""
    url = member(table, "store", "url")
    if isinstance(url, str) and url.startswith("postgresql"):
        yield Fault(("store", "url"), f'PostgreSQL {NOT_YET}: use "sqlite:///leadsync.db"')
