"""What the models refuse, in our own words: pydantic's messages are for programmers, and show what must stay unseen.

A value is shown only where a number or one of a few words belongs. Secrets, URLs and free tables have checks of their
own, which show none; what stands at an unknown key is never shown.
"""

import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from leadsync.config.fault import Fault, Loc
from leadsync.config.section import Section
from leadsync.config.wording import listed, shown
from leadsync.errors import did_you_mean

MISSING = {
    "accounts": "is missing: add a table such as [accounts.main] with a token and a budget",
    "token": 'is missing: write token = { credential = "NAME" } or { file = "PATH" }',
    "api_key": 'is missing: write api_key = { credential = "NAME" } or { file = "PATH" }',
    "budget": 'is missing, and somebody must decide: set a limit such as { dollars_per_month = 500 }, or "unlimited"',
    "kind": 'is missing: write kind = "incremental"',
    "search": "is missing: add a table [search] with the vendor's criteria",
}
WORDS = {
    "string_type": "must be text in quotes",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "path_type": "must be a path in quotes",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "string_pattern_mismatch": "must fit {pattern}",
}
PLAIN = {
    "model_type": "must be a table",
    "dict_type": "must be a table",
    "too_short": "must not be empty",
    "too_long": "must have at most {max_length} members",
}


def faults_of(error: ValidationError, model: type[Section]) -> Iterator[Fault]:
    """Turn what pydantic found in one file into faults, without its words and without its values."""
    for detail in error.errors(include_url=False):
        loc: Loc = tuple(detail["loc"])
        yield Fault(loc, _message(detail, loc, model))


def _message(detail: Mapping[str, Any], loc: Loc, model: type[Section]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    match kind:
        case "missing":
            return MISSING.get(str(loc[-1]), "is missing")
        case "extra_forbidden":
            return f"is not a key of this table{did_you_mean(loc[-1], known_keys(model, loc[:-1]))}"
        case "value_error":
            return str(context["error"])
        case _ if kind in PLAIN:
            return PLAIN[kind].format(**context)
        case "literal_error":
            choices = context["expected"].replace("'", "").replace(" or ", ", ").split(", ")
            hint = did_you_mean(detail["input"], choices)
            return f"must be {listed(map(shown, choices))}, not {shown(detail['input'])}{hint}"
        case _:
            return WORDS.get(kind, "cannot be used").format(**context) + f", not {shown(detail['input'])}"


def known_keys(model: type[Section], loc: Loc) -> tuple[str, ...]:
    """Return the keys that the table at `loc` may have; nothing where that is no table of ours."""
    table: Any = model
    for part in loc:
        table = _inner(table, str(part))
    if not (isinstance(table, type) and issubclass(table, Section)):
        return ()
    return table.file_keys()


def _inner(table: Any, name: str) -> Any:
    """Step into a table: a model's field, or any key of a `dict[str, Model]`; an optional table is its model."""
    if typing.get_origin(table) is dict:
        return typing.get_args(table)[1]
    if not (isinstance(table, type) and issubclass(table, Section)) or name not in table.model_fields:
        return None
    annotation = table.model_fields[name].annotation
    choices = [choice for choice in typing.get_args(annotation) if choice is not type(None)]
    return annotation if typing.get_origin(annotation) is dict or not choices else choices[0]
