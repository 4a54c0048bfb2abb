"""What stands in `[search]`, `[options]` and `datasets`: passed on as it is, but never into a silent misunderstanding.

The vendor ignores what it does not know or finds at the wrong place, and bills what it then finds instead
(seen in captured replies). So that is refused here; what may only be new at the vendor is a warning.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from leadsync.config.fault import Fault, Loc, member
from leadsync.config.job import INCREMENTAL_KEYS, ONE_SHOT_KEYS, Job
from leadsync.config.vocabulary import DATASETS, QUICK_LISTS
from leadsync.config.wording import quoted
from leadsync.errors import did_you_mean

DEPTH_MAX = 32
INTEGER_MAX = 2**63 - 1
QUICK_LIST_KEYS = ("quickLists", "orQuickLists")
OWNED_OPTIONS = {
    "take": "page_size says how many records a request brings",
    "skip": "leadsync pages by itself",
    "datasets": "the key datasets above the first [table] says it",
    "searchSession": "the key session above the first [table] says it",
    "useCursorPagination": "leadsync pages by itself",
    "pageCursor": "leadsync pages by itself",
    "webhookUrl": "the inbox has its own address",
    "errorWebhookUrl": "the inbox has its own address",
}
NOT_CRITERIA = OWNED_OPTIONS | {
    "options": "its members belong into [options]",
    "sort": "it belongs into [options]",
    "projection": "it belongs into [options]",
    "customProjection": "it belongs into [options]",
    "dateFormat": "it belongs into [options]",
    "searchCriteria": "write its members into [search] directly",
}


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").removesuffix("s")


FOLDED = {_folded(name): name for name in ("query", *QUICK_LIST_KEYS)}
"""What narrows most lists, however its name is written: misspelt it narrows nothing, and all the rest is bought."""


def misplaced(job: Mapping[str, Any]) -> Iterator[Fault]:
    """Find keys that mean nothing where they stand: the vendor would ignore them, or leadsync sets them."""
    if "name" in job:
        yield Fault(("name",), "is not a key of a job: its name is that of its file")
    for name in _table(job, "search"):
        if name in NOT_CRITERIA:
            yield Fault(("search", name), f"is ignored by the vendor here, without a word: {NOT_CRITERIA[name]}")
        elif name in Job.file_keys():
            yield Fault(("search", name), "is leadsync's own key: it must stand above the first [table]")
        elif (meant := FOLDED.get(_folded(name), name)) != name:
            yield Fault(("search", name), f"would be ignored by the vendor, without a word: write {meant}")
    for name in _table(job, "options"):
        if name in OWNED_OPTIONS:
            yield Fault(("options", name), f"is set by leadsync: {OWNED_OPTIONS[name]}")
        elif name in Job.file_keys():
            yield Fault(("options", name), "is leadsync's own key: it must stand above the first [table]")
        elif _folded(name) in FOLDED:
            yield Fault(("options", name), "is ignored by the vendor here, without a word: it belongs into [search]")


def of_another_kind(job: Mapping[str, Any]) -> Iterator[Fault]:
    """Find keys that do nothing in a job of this kind, and the one that a one-shot cannot do without."""
    match job.get("kind"):
        case "incremental":
            for key in ONE_SHOT_KEYS:
                if key in job:
                    yield Fault((key,), "is for one_shot jobs only")
        case "one_shot":
            for key in INCREMENTAL_KEYS:
                if key in job:
                    yield Fault((key,), "is for incremental jobs only: a one-shot has a session of its own, or none")
            if "records" not in job:
                yield Fault(("records",), "is missing: say how many records are wanted")


def unsendable(job: Mapping[str, Any]) -> Iterator[Fault]:
    """Find values that JSON cannot carry as they are written: dates, inf, nan, integers beyond 64 bits."""
    for section in ("search", "options"):
        yield from _unsendable((section,), _table(job, section))


def _unsendable(loc: Loc, value: object) -> Iterator[Fault]:
    members = list(value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()))
    if len(loc) > DEPTH_MAX and members:
        yield Fault(loc[:2], f"is nested more than {DEPTH_MAX} deep")
        return
    for name, inner in members:
        yield from _unsendable((*loc, name), inner)
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        yield Fault(loc, "is too large for a whole number: the limit is 64 bits")
    elif isinstance(value, float) and not abs(value) < float("inf"):
        yield Fault(loc, "must be a finite number")
    elif not isinstance(value, dict | list | str | int | float):
        yield Fault(loc, "is a TOML date or time, which JSON has not: put it in quotes, as the vendor documents it")


def contradictions(job: Mapping[str, Any]) -> Iterator[Fault]:
    """Find what the vendor refuses, cannot page through, or could read in two ways."""
    datasets = job.get("datasets")
    if datasets == []:
        yield Fault(("datasets",), "must not be empty: leave it out for all that the token may see")
    if isinstance(datasets, list) and "basic" in datasets and "core" in datasets:
        yield Fault(("datasets",), "cannot have both basic and core: the vendor lets one exclude the other")
    sort = member(job, "options", "sort")
    for rule in sort if isinstance(sort, list) else [sort]:
        if member({"sort": rule}, "sort", "sortOrder") == "random":
            yield Fault(("options", "sort"), "must not be random: the vendor does not allow that while paging")
    for key in QUICK_LIST_KEYS:
        lists = member(job, "search", key)
        if lists is not None and not _are_strings(lists):
            yield Fault(("search", key), "must be a list of strings")


def doubtful(job: Mapping[str, Any]) -> Iterator[Fault]:
    """Find names that this version does not know; the vendor adds to them, so they are warnings."""
    quick_lists = QUICK_LISTS | {f"not-{name}" for name in QUICK_LISTS}
    for key in QUICK_LIST_KEYS:
        yield from _unknown(("search", key), member(job, "search", key), quick_lists, "quick list")
    yield from _unknown(("datasets",), job.get("datasets"), DATASETS, "data set")


def _unknown(loc: Loc, names: object, known: frozenset[str], what: str) -> Iterator[Fault]:
    for index, name in enumerate(names if isinstance(names, list) else ()):
        if isinstance(name, str) and name not in known:
            hint = did_you_mean(name, known)
            yield Fault((*loc, index), f"{quoted(name)} is not a {what} that leadsync knows{hint}")


def _table(job: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = job.get(name)
    return table if isinstance(table, dict) else {}


def _are_strings(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)
