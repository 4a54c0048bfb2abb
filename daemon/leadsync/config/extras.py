"""What the configuration asks for and this installation has not: an optional library, named with the command for it."""

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any, Final

from leadsync.config.fault import Fault

EXTRAS: Final = {"notify": "apprise", "metrics": "prometheus_client"}
"""The library that a table needs, which the extra of the table's name brings."""


def missing_extras(table: Mapping[str, Any]) -> Iterator[Fault]:
    """Find the tables of config.toml that need what is not installed."""
    for section, library in EXTRAS.items():
        if section in table and find_spec(library) is None:
            command = f"pip install 'leadsync[{section}]'"
            yield Fault((section,), f"needs the library {library}, which is not installed: {command}")
