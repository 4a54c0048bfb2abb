"""Job files: every key, the vendor's criteria as they are, and no misunderstanding that would be billed."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.config.files import job, loaded, refused, write


def test_defaults(tmp_path: Path) -> None:
    """A job that says little parks rather than spends."""
    one = loaded(tmp_path, a=job()).jobs["a"]
    assert (one.name, one.kind, one.account, one.session) == ("a", "incremental", "main", "a")
    assert (one.page_size, one.records_per_run, one.datasets) == (250, None, ())
    assert (one.adopt, one.buy_again, one.enabled) == (False, False, True)
    assert (one.on_drift, one.on_criteria_change, one.missed) == ("park", "park", "run_once")
    assert (one.run_timeout, one.schedule, one.options) == (timedelta(hours=2), None, {})
    assert not one.skip_trace.enabled


def test_name_is_free_for_the_vendor(tmp_path: Path) -> None:
    """A job has no key `name`, so criteria may have one."""
    assert loaded(tmp_path, a=job(search='name = "x"')).jobs["a"].search == {"name": "x"}


def test_criteria_and_options_are_kept_as_they_are(tmp_path: Path) -> None:
    """What the vendor is asked is what stands in the file, unknown members included."""
    text = job(
        'datasets = ["basic", "valuation"]',
        search='query = "x"\nnested = { a = [1, 2.5, true, "s", {}] }\nnewThing = false',
        rest='[options]\nsort = { field = "f", sortOrder = "asc" }\nprojection = "custom"',
    )
    one = loaded(tmp_path, a=text).jobs["a"]
    assert one.search == {"query": "x", "nested": {"a": [1, 2.5, True, "s", {}]}, "newThing": False}
    assert one.options == {"sort": {"field": "f", "sortOrder": "asc"}, "projection": "custom"}
    assert one.datasets == ("basic", "valuation")


@pytest.mark.parametrize(
    "line",
    [
        "account = 5",
        'account = "mian"',
        'session = ""',
        'session = "a b"',
        f'session = "{"x" * 129}"',
        'missed = "run-once"',
        "page_size = 0",
        "page_size = 501",
        "page_size = 2.0",
        'page_size = "250"',
        "records_per_run = 0",
        'run_timeout = "0s"',
        "datasets = []",
        'datasets = "basic"',
        "datasets = [1]",
        'datasets = ["deed", "owner", "permit", "image", "listing", "contact"]',
        'datasets = ["basic", "core"]',
        "adopt = 1",
        'buy_again = "true"',
        'on_drift = "ignore"',
        'on_criteria_change = "go on"',
        'enabled = "no"',
        'name = "b"',
        "pagesize = 5",
    ],
)
def test_wrong_keys(tmp_path: Path, line: str) -> None:
    """Each key is checked without conversion, and a problem is on its line."""
    (problem,) = refused(write(tmp_path, a=job(line)))
    assert (problem.line, problem.key.partition("[")[0]) == (2, line.partition(" ")[0])


@pytest.mark.parametrize(("text", "key"), [('[search]\nquery = "x"', "kind"), ('kind = "incremental"', "search")])
def test_missing_keys(tmp_path: Path, text: str, key: str) -> None:
    """Kind and criteria have no default."""
    (problem,) = refused(write(tmp_path, a=text))
    assert (problem.line, problem.key) == (0, key)


@pytest.mark.parametrize("search", ["[search]", "search = 5", "search = []"])
def test_criteria_are_a_table_that_is_not_empty(tmp_path: Path, search: str) -> None:
    """Empty criteria would match every property that there is."""
    (problem,) = refused(write(tmp_path, a=f'kind = "incremental"\n{search}'))
    assert (problem.line, problem.key) == (2, "search")


@pytest.mark.parametrize(
    "name",
    [
        "searchSession",
        "take",
        "skip",
        "datasets",
        "options",
        "sort",
        "projection",
        "searchCriteria",
        "page_size",
        "enabled",
    ],
)
def test_what_the_vendor_would_ignore_in_the_criteria_is_refused(tmp_path: Path, name: str) -> None:
    """A member at the wrong place would be ignored without a word, and the wrong list bought."""
    (problem,) = refused(write(tmp_path, a=job(search=f'query = "x"\n{name} = 1')))
    assert (problem.line, problem.key) == (4, f"search.{name}")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("quicklists", "quickLists"),
        ("quick_lists", "quickLists"),
        ("quickList", "quickLists"),
        ("orQuicklists", "orQuickLists"),
        ("Query", "query"),
    ],
)
def test_misspelt_criteria_buy_no_longer_list(tmp_path: Path, name: str, meant: str) -> None:
    """The vendor ignores what it does not know: without the quick lists a job would buy the whole town."""
    (problem,) = refused(write(tmp_path, a=job(search=f'city = "Mesa"\n{name} = ["vacant"]')))
    assert (problem.line, problem.key) == (4, f"search.{name}")
    assert problem.message == f"would be ignored by the vendor, without a word: write {meant}"


@pytest.mark.parametrize("name", ["query", "quickLists", "orQuickLists", "quicklists"])
def test_criteria_among_the_options_are_refused(tmp_path: Path, name: str) -> None:
    """There the vendor ignores them as well."""
    (problem,) = refused(write(tmp_path, a=job(rest=f'[options]\n{name} = ["vacant"]')))
    assert (problem.line, problem.key) == (5, f"options.{name}")
    assert "it belongs into [search]" in problem.message


@pytest.mark.parametrize(
    "name",
    [
        "take",
        "skip",
        "datasets",
        "searchSession",
        "useCursorPagination",
        "pageCursor",
        "webhookUrl",
        "errorWebhookUrl",
        "page_size",
    ],
)
def test_options_that_leadsync_owns_are_refused(tmp_path: Path, name: str) -> None:
    """Nobody else sets what decides about paging, keys and money."""
    (problem,) = refused(write(tmp_path, a=job(rest=f"[options]\n{name} = 1")))
    assert (problem.line, problem.key) == (5, f"options.{name}")


@pytest.mark.parametrize("sort", ['{ field = "f", sortOrder = "random" }', '[{ sortOrder = "random" }]'])
def test_a_random_sort_is_refused(tmp_path: Path, sort: str) -> None:
    """The vendor does not page through a random order."""
    (problem,) = refused(write(tmp_path, a=job(rest=f"[options]\nsort = {sort}")))
    assert (problem.line, problem.key) == (5, "options.sort")


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("2026-01-01", "search.when"),
        ("2026-01-01T00:00:00Z", "search.when"),
        ("12:00:00", "search.when"),
        ("nan", "search.when"),
        ("-inf", "search.when"),
        ("9223372036854775808", "search.when"),
        ("[1, { a = 2026-01-01 }]", "search.when[1].a"),
    ],
)
def test_what_json_cannot_say_is_refused(tmp_path: Path, value: str, key: str) -> None:
    """A TOML date is not turned into text behind the operator's back: the bytes sent are those that were written."""
    (problem,) = refused(write(tmp_path, a=job(search=f"when = {value}")))
    assert (problem.line, problem.key) == (3, key)


@pytest.mark.parametrize("key", ["quickLists", "orQuickLists"])
@pytest.mark.parametrize("lists", ['"high-equity"', "[1]", "{}"])
def test_quick_lists_are_a_list_of_names(tmp_path: Path, key: str, lists: str) -> None:
    """The vendor refuses another form, so it is refused before it is asked."""
    (problem,) = refused(write(tmp_path, a=job(search=f"{key} = {lists}")))
    assert (problem.line, problem.key) == (3, f"search.{key}")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("high-equty", " (did you mean high-equity?)"),
        ("not-owner-ocupied", " (did you mean not-owner-occupied?)"),
        ("zzz", ""),
    ],
)
@pytest.mark.parametrize("key", ["quickLists", "orQuickLists"])
def test_an_unknown_quick_list_is_a_warning(tmp_path: Path, key: str, name: str, hint: str) -> None:
    """The vendor adds lists, so a new one runs, and a typo is still seen."""
    (warning,) = loaded(tmp_path, a=job(search=f'{key} = [\n"vacant", "not-vacant",\n"{name}"]')).warnings
    assert (warning.line, warning.key) == (5, f"search.{key}[2]")
    assert warning.message == f'"{name}" is not a quick list that leadsync knows{hint}'


def test_an_unknown_data_set_is_a_warning(tmp_path: Path) -> None:
    """The vendor adds data sets too."""
    (warning,) = loaded(tmp_path, a=job('datasets = ["deeds"]')).warnings
    assert warning.message == '"deeds" is not a data set that leadsync knows (did you mean deed?)'


@pytest.mark.parametrize(
    "line",
    [
        "records = 3_200",
        "async_above = 500",
        "windows_in_flight = 1",
        'deadline = "6h"',
        'on_expiry = "stop"',
        "retry_unknown = false",
    ],
)
def test_keys_of_one_shot_are_for_one_shot(tmp_path: Path, line: str) -> None:
    """A key that would do nothing is refused, not ignored."""
    (problem,) = refused(write(tmp_path, a=job(line)))
    assert (problem.line, problem.key, problem.message) == (2, line.partition(" ")[0], "is for one_shot jobs only")


def one_shot(*lines: str) -> str:
    """Return the text of a one-shot's file."""
    return job(*lines).replace("incremental", "one_shot")


def test_more_records_than_there_are_properties_are_refused(tmp_path: Path) -> None:
    """Beyond 64 bits nothing could be written down of them, and the daemon would end over it again and again."""
    (problem,) = refused(write(tmp_path, a=one_shot("records = 99_999_999_999_999_999_999")))
    assert problem.message == "must be at most 1000000000, not 99999999999999999999"


def test_a_one_shot_says_how_many_records_are_wanted(tmp_path: Path) -> None:
    """There is no default: somebody decides what is bought."""
    (problem,) = refused(write(tmp_path, a=one_shot()))
    assert (problem.key, problem.message) == ("records", "is missing: say how many records are wanted")


@pytest.mark.parametrize("line", ['session = "mine"', "adopt = true"])
def test_keys_of_incremental_are_for_incremental(tmp_path: Path, line: str) -> None:
    """A one-shot's session is made for it and thrown away: a name for it would do nothing."""
    (problem,) = refused(write(tmp_path, a=one_shot("records = 5", line)))
    assert (problem.line, problem.key) == (3, line.partition(" ")[0])
    assert "is for incremental jobs only" in problem.message


def test_a_one_shot_has_no_claim_on_the_session_of_its_name(tmp_path: Path) -> None:
    """An incremental job may use a session that is called like a one-shot."""
    jobs = loaded(tmp_path, a=one_shot("records = 5"), b=job('session = "a"', search='query = "y"')).jobs
    assert (jobs["a"].records, jobs["b"].session) == (5, "a")
