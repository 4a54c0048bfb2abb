"""From files to settings: every problem of every file at once, or settings that are whole and do not change.

No secret is read here; `missing_secrets` tries that, for the commands that want to know.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from leadsync.config.criteria import contradictions, doubtful, misplaced, of_another_kind, unsendable
from leadsync.config.documents import Document, job_paths, read_document, read_job
from leadsync.config.extras import missing_extras
from leadsync.config.fault import Fault, Loc, dotted, member
from leadsync.config.findings import Findings
from leadsync.config.job import Job
from leadsync.config.secret import SecretSource, read_secret
from leadsync.config.suppression import read_suppression
from leadsync.config.tables import (
    NAME,
    Account,
    ConfigFile,
    Health,
    Housekeeping,
    Log,
    SkipTrace,
    Store,
    Webhooks,
)
from leadsync.config.telling import Metrics, NotifierTable, Notify, Ping
from leadsync.config.together import account_faults, same_criteria, shared_sessions, untraceable, with_defaults
from leadsync.config.unbuilt import unbuilt_in_config
from leadsync.errors import ConfigInvalid, Problem

SQLITE = "sqlite:///"
JOBS_FOLDER = "jobs.d"
"""Where the job files lie, beside config.toml."""

WithUrl = TypeVar("WithUrl", NotifierTable, Ping)


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration, checked; it does not change while leadsync runs."""

    path: Path
    """The config.toml it came from, as it was given."""
    store: Store
    """Its `url` is resolved: `sqlite:///` and an absolute path."""
    log: Log
    accounts: Mapping[str, Account]
    """By name, as they stand in the file; at least one."""
    housekeeping: Housekeeping
    webhooks: Webhooks | None
    """None where there is no [webhooks]."""
    health: Health
    skip_trace: SkipTrace | None
    """None where there is no [skip_trace]."""
    notify: Notify | None
    """None where there is no [notify]."""
    ping: Ping | None
    """None where there is no [ping]."""
    metrics: Metrics | None
    """None where there is no [metrics]."""
    jobs: Mapping[str, Job]
    """By name, in the order of the names."""
    warnings: tuple[Problem, ...]
    """What can be run and is perhaps not meant, in reading order."""


def load(path: Path, environ: Mapping[str, str]) -> Settings:
    """Read config.toml and the job files beside it; ConfigInvalid holds every problem of every file.

    `environ` gives $STATE_DIRECTORY, from which a relative store is meant.
    """
    settings, problems = load_whole_files(path, environ)
    if problems:
        raise ConfigInvalid(problems)
    return settings


def load_whole_files(path: Path, environ: Mapping[str, str]) -> tuple[Settings, tuple[Problem, ...]]:
    """Return what the files say that are as they should be, and the problems of the others, whose jobs are left out.

    It is for who only looks, and acts on nothing. Raises ConfigInvalid where config.toml is among the others.
    """
    findings = Findings()
    config = findings.attempt(lambda: read_document(path))
    documents = _job_documents(path.parent / JOBS_FOLDER, findings)
    accounts = _account_names(config)
    tables = _tables(config, findings) if config else None
    jobs = [_job(document, accounts, config.table if config else {}, findings) for document in documents]
    findings.add(shared_sessions(documents, accounts))
    if config is not None and tables is not None and tables.skip_trace is not None:
        _look_at_suppression(config, tables.skip_trace, findings)
    problems = findings.in_reading_order()
    unsound = {problem.file for problem in problems}
    if config is None or tables is None or str(path) in unsound:
        raise ConfigInvalid(problems)
    sound = (job for document, job in zip(documents, jobs, strict=True) if str(document.path) not in unsound)
    settings = Settings(
        path=path,
        store=_resolved(tables.store, path, environ),
        log=tables.log,
        accounts=MappingProxyType({name: _account(config, name, one) for name, one in tables.accounts.items()}),
        housekeeping=tables.housekeeping,
        webhooks=tables.webhooks,
        health=tables.health,
        skip_trace=_skip_trace(config, tables.skip_trace) if tables.skip_trace else None,
        notify=_notify(config, tables.notify) if tables.notify else None,
        ping=_with_url(config, ("ping",), tables.ping) if tables.ping else None,
        metrics=tables.metrics,
        jobs=MappingProxyType({job.name: job for job in sound if job}),
        warnings=() if problems else _warnings(config, documents, tables),
    )
    return settings, problems


def missing_secrets(settings: Settings, environ: Mapping[str, str]) -> tuple[Problem, ...]:
    """Try to read every secret, and return a problem for each that cannot be read now."""
    findings = Findings()
    for source in sources_of_all(settings):
        findings.attempt(partial(read_secret, source, environ, settings.path.parent))
    return findings.in_reading_order()


def sources_of_all(settings: Settings) -> Iterator[SecretSource]:
    """Where every secret lies: the tokens, the skip trace's key, and the addresses of those who are told."""
    yield from _sources(settings.accounts, settings.skip_trace)
    yield from sources_of_telling(settings)


def sources_of_telling(settings: Settings) -> Iterator[SecretSource]:
    """Where the addresses lie of those who are told: only the daemon reads them, and `notify`."""
    if settings.notify:
        yield from (notifier.url for notifier in settings.notify.to.values())
    if settings.ping:
        yield settings.ping.url
    yield from (job.ping for job in settings.jobs.values() if job.ping)


def _job_documents(folder: Path, findings: Findings) -> list[Document]:
    paths = findings.attempt(lambda: job_paths(folder)) or ()
    documents = (findings.attempt(partial(read_job, path)) for path in paths)
    return [document for document in documents if document]


def _account_names(config: Document | None) -> tuple[str, ...]:
    accounts = member(config.table, "accounts") if config else None
    return tuple(accounts) if isinstance(accounts, dict) else ()


def _tables(config: Document, findings: Findings) -> ConfigFile | None:
    names = (
        Fault(("accounts", name), f"is not a name that fits {NAME.pattern}: rename the account")
        for name in _account_names(config)
        if not NAME.fullmatch(name)
    )
    faults = chain(names, unbuilt_in_config(config.table), missing_extras(config.table))
    return findings.validate(config, ConfigFile, config.table, faults)


def _job(document: Document, accounts: Sequence[str], config: Mapping[str, Any], findings: Findings) -> Job | None:
    table = with_defaults(document, accounts)
    faults = chain(
        account_faults(table, accounts),
        misplaced(document.table),
        unsendable(document.table),
        contradictions(document.table),
        of_another_kind(document.table),
        untraceable(document.table, config),
    )
    job = findings.validate(document, Job, table, faults)
    if job is None or job.ping is None:
        return job
    return job.model_copy(update={"ping": _declared(document, ("ping",), job.ping)})


def _resolved(store: Store, path: Path, environ: Mapping[str, str]) -> Store:
    """Make the store's path absolute; systemd may give several state folders, the first is the one meant."""
    state = environ.get("STATE_DIRECTORY", "").split(":")[0]
    folder = Path(state) if state else path.parent.absolute()
    return store.model_copy(update={"url": f"{SQLITE}{folder / store.url.removeprefix(SQLITE)}"})


def _account(config: Document, name: str, account: Account) -> Account:
    token = _declared(config, ("accounts", name, "token"), account.token)
    return account.model_copy(update={"token": token})


def _skip_trace(config: Document, section: SkipTrace) -> SkipTrace:
    found = section.suppression and config.path.parent / section.suppression
    api_key = _declared(config, ("skip_trace", "api_key"), section.api_key)
    return section.model_copy(update={"api_key": api_key, "suppression": found})


def _look_at_suppression(config: Document, section: SkipTrace, findings: Findings) -> None:
    """Have the list read once, so that what nobody understands in it shows before anything is spent."""
    if section.suppression is None:
        return
    path = config.path.parent / section.suppression
    if _may_be_there(path):
        findings.attempt(partial(read_suppression, path))
    else:
        message = "names a file that does not exist: create it, an empty one will do"
        findings.add([config.problem(Fault(("skip_trace", "suppression"), message))])


def _may_be_there(path: Path) -> bool:
    """Whether a file can be read there, or at least tried: what may not be looked at says so itself."""
    try:
        return path.is_file()
    except OSError:
        return True


def _notify(config: Document, section: Notify) -> Notify:
    to = {name: _with_url(config, ("notify", "to", name), one) for name, one in section.to.items()}
    return section.model_copy(update={"to": MappingProxyType(to)})


def _with_url(config: Document, loc: Loc, section: WithUrl) -> WithUrl:
    return section.model_copy(update={"url": _declared(config, (*loc, "url"), section.url)})


def _declared(config: Document, loc: Loc, source: SecretSource) -> SecretSource:
    return replace(source, file=str(config.path), line=config.line(loc), key=dotted(loc))


def _sources(accounts: Mapping[str, Account], skip_trace: SkipTrace | None) -> Iterator[SecretSource]:
    yield from (account.token for account in accounts.values())
    if skip_trace:
        yield skip_trace.api_key


def _warnings(config: Document, jobs: Sequence[Document], tables: ConfigFile) -> tuple[Problem, ...]:
    findings = Findings()
    for name, account in tables.accounts.items():
        findings.add(_env_warnings(config, ("accounts", name, "token"), account.token))
    if tables.skip_trace:
        findings.add(_env_warnings(config, ("skip_trace", "api_key"), tables.skip_trace.api_key))
    for name, notifier in tables.notify.to.items() if tables.notify else ():
        findings.add(_env_warnings(config, ("notify", "to", name, "url"), notifier.url))
    for job in jobs:
        findings.add(map(job.problem, doubtful(job.table)))
    findings.add(same_criteria(jobs, tuple(tables.accounts)))
    if not jobs:
        message = "holds no job: put a file such as phoenix.toml into it"
        findings.add([Problem(str(config.path.parent / JOBS_FOLDER), 0, "", message)])
    return findings.in_reading_order()


def _env_warnings(config: Document, loc: Loc, source: SecretSource) -> Iterator[Problem]:
    if source.kind == "env":
        message = "lies in the environment, which child processes inherit and /proc shows: a credential is safer"
        yield config.problem(Fault(loc, message))
