"""config.toml: what each key may say, what is assumed where it says nothing, and where a mistake is pointed at."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from leadsync.config import load
from leadsync.inbox.listen import limits_of
from tests.config.files import ACCOUNT, SKIP_TRACE, WEBHOOKS, account, loaded, refused, told, write


def one_account(budget: str) -> str:
    """Return a configuration whose budget, on line 3, is the given one."""
    return f'[accounts.main]\ntoken = {{ env = "T" }}\nbudget = {budget}\n'


def test_defaults_of_an_account(tmp_path: Path) -> None:
    """What is not written is what the documentation says."""
    main = loaded(tmp_path).accounts["main"]
    assert (main.base_url, main.budget_timezone.key) == ("https://api.batchdata.com", "UTC")
    assert (main.requests_per_minute, main.session_cap, main.session_reserve) == (3000, 100, 5)
    assert (main.price_per_record, main.audit_every) == (Decimal("0.01"), timedelta(minutes=15))


def test_defaults_of_the_sections(tmp_path: Path) -> None:
    """Sections that are left out are there with their defaults; the optional ones are None."""
    settings = loaded(tmp_path)
    assert (settings.log.level, settings.log.format) == ("info", "auto")
    assert settings.housekeeping.every == timedelta(hours=6)
    assert settings.housekeeping.delete == "never"
    assert (settings.housekeeping.orphan_after_days, settings.housekeeping.stale_after_days) == (30, 90)
    assert settings.webhooks is None
    assert settings.skip_trace is None


def test_webhooks_and_skip_trace_are_accepted(tmp_path: Path) -> None:
    """Both sections are checked and kept; the list is looked for beside the file."""
    (tmp_path / "no.txt").touch()
    settings = loaded(tmp_path, ACCOUNT + WEBHOOKS + SKIP_TRACE + 'suppression = "no.txt"')
    assert settings.webhooks is not None
    assert settings.webhooks.body_max == 64 * 1024 * 1024
    assert (settings.webhooks.listen, settings.webhooks.public_url) == ("127.0.0.1:8480", "https://leads.example.com")
    assert settings.skip_trace is not None
    assert settings.skip_trace.suppression == tmp_path / "no.txt"
    assert settings.skip_trace.price_per_match == Decimal("0.1")
    assert settings.skip_trace.fresh_for == timedelta(days=90)


def test_the_doors_limits(tmp_path: Path) -> None:
    """Each has a default and a unit; the port for /healthz has none, and may not be reached from elsewhere."""
    settings = loaded(tmp_path, ACCOUNT + WEBHOOKS)
    assert settings.webhooks is not None
    limits = limits_of(settings.webhooks)
    assert (limits.head_within_s, limits.head_max_bytes, limits.request_within_s) == (10.0, 16 * 1024, 60.0)
    assert (limits.connections_max, limits.of_address_max) == (512, 64)
    assert limits.proxies == {"127.0.0.1", "::1"}
    assert settings.webhooks.inflated_max == 128 * 1024 * 1024
    assert settings.health.listen is None
    wrong = 'proxies = ["localhost"]\nhead_max = 16\nconnections_max = 0\n[health]\nlisten = "192.0.2.1:8481"\n'
    places = told(refused(write(tmp_path, ACCOUNT + WEBHOOKS + wrong)))
    assert [key for _, _, key in places] == [
        "webhooks.proxies[0]",
        "webhooks.head_max",
        "webhooks.connections_max",
        "health.listen",
    ]


def test_budgets(tmp_path: Path) -> None:
    """Every limit that is written is kept exactly."""
    text = "{ records_per_day = 50_000, records_per_month = 0, dollars_per_day = 0.1, dollars_per_month = 10_000 }"
    budget = loaded(tmp_path, one_account(text)).accounts["main"].budget
    assert (budget.records_per_day, budget.records_per_month) == (50_000, 0)
    assert (budget.dollars_per_day, budget.dollars_per_month) == (Decimal("0.1"), Decimal(10_000))


def test_unlimited_is_a_decision(tmp_path: Path) -> None:
    """An account without a limit has to say so in a word."""
    budget = loaded(tmp_path, one_account('"unlimited"')).accounts["main"].budget
    assert all(limit is None for _, limit in budget)


def test_a_missing_budget_says_that_somebody_must_decide(tmp_path: Path) -> None:
    """No budget is no default: the problem stands at the account."""
    (problem,) = refused(write(tmp_path, '\n[accounts.main]\ntoken = { env = "T" }\n'))
    assert (problem.line, problem.key) == (2, "accounts.main.budget")
    assert "somebody must decide" in problem.message


@pytest.mark.parametrize(
    ("budget", "key"),
    [
        ("{}", ""),
        ('"no limit"', ""),
        ('"Unlimited"', ""),
        ("0", ""),
        ("500", ""),
        ("true", ""),
        ("{ records_per_day = 1.5 }", ".records_per_day"),
        ("{ records_per_day = -1 }", ".records_per_day"),
        ("{ records_per_day = true }", ".records_per_day"),
        ('{ records_per_month = "5" }', ".records_per_month"),
        ("{ dollars_per_day = -0.01 }", ".dollars_per_day"),
        ("{ dollars_per_month = nan }", ".dollars_per_month"),
        ("{ dollars_per_mnoth = 5 }", ".dollars_per_mnoth"),
    ],
)
def test_wrong_budgets(tmp_path: Path, budget: str, key: str) -> None:
    """A limit that could be misread is refused at its own key."""
    problems = refused(write(tmp_path, one_account(budget)))
    assert told(problems) == [("config.toml", 3, f"accounts.main.budget{key}")]


@pytest.mark.parametrize(
    "line",
    [
        'budget_timezone = "Mars"',
        'base_url = "http://api.example.com"',
        "requests_per_minute = 0",
        "session_cap = 101",
        "session_cap = 0",
        "session_reserve = 100",
        "session_reserve = -1",
        "price_per_record = 0",
        'price_per_record = "0.01"',
        "audit_every = 15",
        "tokne = 1",
    ],
)
def test_wrong_account_keys(tmp_path: Path, line: str) -> None:
    """Each key of an account is checked, and a problem is on its line."""
    assert ("config.toml", 5, f"accounts.main.{line.partition(' ')[0]}") in told(
        refused(write(tmp_path, account(line)))
    )


def test_the_reserve_leaves_a_slot_also_where_it_is_the_default(tmp_path: Path) -> None:
    """A team of five slots, all of them left to people: each job would wait for one for ever."""
    (problem,) = refused(write(tmp_path, account("session_cap = 5")))
    assert problem.message == "must be less than session_cap, or no slot is left for a job"
    assert loaded(tmp_path, account("session_cap = 5", "session_reserve = 1")).accounts["main"].session_reserve == 1


def test_a_price_of_nothing_goes_with_a_budget_of_records(tmp_path: Path) -> None:
    """Where no limit is in dollars, a flat contract may say that a record costs nothing."""
    config = one_account("{ records_per_day = 5 }") + "price_per_record = 0"
    assert loaded(tmp_path, config).accounts["main"].price_per_record == 0


@pytest.mark.parametrize("config", ["", "[accounts]", "accounts = 3", "[[accounts]]"])
def test_without_an_account_nothing_loads(tmp_path: Path, config: str) -> None:
    """At least one team must be there."""
    assert [problem.key for problem in refused(write(tmp_path, config))] == ["accounts"]


def test_an_account_name_is_plain(tmp_path: Path) -> None:
    """An account's name is used in keys and reports, so it has a job name's letters."""
    config = ACCOUNT.replace("accounts.main", 'accounts."the main"')
    assert told(refused(write(tmp_path, config))) == [("config.toml", 2, 'accounts."the main"')]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ('[store]\nurl = "sqlite://leadsync.db"', "store.url"),
        ('[store]\nurl = "sqlite:///:memory:"', "store.url"),
        ('[store]\nurl = "sqlite:///"', "store.url"),
        ('[store]\nurl = "sqlite:////"', "store.url"),
        ('[store]\nurl = "sqlite:///~/leadsync.db"', "store.url"),
        ('[store]\nurl = "sqlite:///a.db?mode=ro"', "store.url"),
        ('[store]\nurl = "mysql://u:p@h/d"', "store.url"),
        ('[log]\nlevel = "inof"', "log.level"),
        ('[log]\nformat = "xml"', "log.format"),
        ('[housekeeping]\nevery = "0s"', "housekeeping.every"),
        ('[housekeeping]\ndelete = ["never"]', "housekeeping.delete"),
        ("[housekeeping]\norphan_after_days = -1", "housekeeping.orphan_after_days"),
        ("[housekeeping]\nstale_after_days = 0", "housekeeping.stale_after_days"),
        (WEBHOOKS + "body_max = 5", "webhooks.body_max"),
        (WEBHOOKS + 'listen = "8480"', "webhooks.listen"),
        ("[webhooks]\nlisten = '127.0.0.1:1'", "webhooks.public_url"),
        (SKIP_TRACE + "price_per_match = 0", "skip_trace.price_per_match"),
        (SKIP_TRACE + 'on_missing = "retyr"', "skip_trace.on_missing"),
        (SKIP_TRACE + "suppression = 3", "skip_trace.suppression"),
        (SKIP_TRACE.replace("dollars", "records"), "skip_trace.budget.records_per_month"),
        ("[skip_trace]\napi_key = { env = 'A' }", "skip_trace.budget"),
        ("[logs]\n", "logs"),
    ],
)
def test_wrong_sections(tmp_path: Path, section: str, key: str) -> None:
    """Each key of the other sections is checked too, and one mistake is one problem."""
    assert [problem.key for problem in refused(write(tmp_path, ACCOUNT + section))] == [key]


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ('[store]\nurl = "postgresql+psycopg://u:canary@h/d"', "store.url"),
    ],
)
def test_what_is_not_in_this_version_says_so(tmp_path: Path, section: str, key: str) -> None:
    """A feature that comes later is refused by name, and never half done."""
    (problem,) = refused(write(tmp_path, ACCOUNT + section))
    assert problem.key == key
    assert "not in this version" in problem.message
    assert "canary" not in str(problem)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("audit_evry = 1", "audit_every"),
        ("session-cap = 1", "session_cap"),
        ("Budget_Timezone = 1", "budget_timezone"),
    ],
)
def test_a_typo_is_answered_with_what_was_meant(tmp_path: Path, line: str, meant: str) -> None:
    """An unknown key is never ignored, and the nearest known one is offered."""
    (problem,) = refused(write(tmp_path, account(line)))
    assert problem.message.endswith(f"(did you mean {meant}?)")


def test_a_mistaken_value_is_shown_and_the_right_ones_are_listed(tmp_path: Path) -> None:
    """A wrong word is answered with the words that there are."""
    (problem,) = refused(write(tmp_path, ACCOUNT + '[log]\nlevel = "inof"'))
    assert problem.message == 'must be "debug", "info", "warning" or "error", not "inof" (did you mean info?)'


@pytest.mark.parametrize(
    ("url", "environ", "resolved"),
    [
        ("leadsync.db", {}, "{here}/leadsync.db"),
        ("sub/a.db", {}, "{here}/sub/a.db"),
        ("leadsync.db", {"STATE_DIRECTORY": "/var/lib/leadsync"}, "/var/lib/leadsync/leadsync.db"),
        ("leadsync.db", {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two"}, "/var/lib/one/leadsync.db"),
        ("leadsync.db", {"STATE_DIRECTORY": ""}, "{here}/leadsync.db"),
        ("/srv/a.db", {"STATE_DIRECTORY": "/var/lib/leadsync"}, "/srv/a.db"),
    ],
)
def test_the_store_lies_where_the_design_says(tmp_path: Path, url: str, environ: dict[str, str], resolved: str) -> None:
    """A relative store is in the state folder where there is one, else beside the file; an absolute one stays."""
    path = write(tmp_path, ACCOUNT + f'[store]\nurl = "sqlite:///{url}"')
    assert load(path, environ).store.url == "sqlite:///" + resolved.format(here=tmp_path)


def test_a_store_beside_a_relative_file_is_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A later change of folder does not move the ledger."""
    write(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert load(Path("config.toml"), {}).store.url == f"sqlite:///{tmp_path}/leadsync.db"
