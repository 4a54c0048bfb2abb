"""The log's catalogue: every event that leadsync logs, with its fields and what an operator does about it.

Names are `noun.verb_past`. A name is used through its constant, so that the catalogue and the code cannot part.
"""
# ruff: noqa: F403 - each module is a list of constants, and all of them are the catalogue

from leadsync.catalogue import CATALOGUE, Entry
from leadsync.errors import UsageMistake, did_you_mean
from leadsync.events.accounts import *
from leadsync.events.inbox import *
from leadsync.events.runs import *
from leadsync.events.service import *
from leadsync.events.traces import *
from leadsync.events.windows import *


def catalogue_text(name: str | None = None) -> str:
    """Show the catalogue, or one entry of it. Raises UsageMistake for a name that is not in it."""
    if name is None:
        return "\n\n".join(map(_text, sorted(CATALOGUE.values(), key=lambda entry: entry.name)))
    if name not in CATALOGUE:
        raise UsageMistake(f"there is no event {name}{did_you_mean(name, CATALOGUE)}; `leadsync events` shows all")
    return _text(CATALOGUE[name])


def _text(entry: Entry) -> str:
    return f"{entry.name}\n  {entry.meaning}\n  fields: {', '.join(entry.fields)}\n  do: {entry.action}"
