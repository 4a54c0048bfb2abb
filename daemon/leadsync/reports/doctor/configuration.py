"""The configuration, judged: whether it can be used, who may change it, where the secrets lie. Pure."""

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from leadsync.config import SecretSource, Settings
from leadsync.errors import Problem
from leadsync.reports.doctor.check import Check, ok, unknown, wrong

LOOK_AGAIN = "`leadsync check` names them all"


def judge_configuration(path: Path, read: Settings | tuple[Problem, ...]) -> Check:
    """Whether the files are good; the first problem stands for all."""
    if not isinstance(read, Settings):
        more = f" (and {len(read) - 1} more)" if len(read) > 1 else ""
        return wrong("configuration", f"{read[0]}{more}", f"mend the files; {LOOK_AGAIN}")
    message = f"{path}: {len(read.accounts)} account(s), {len(read.jobs)} job(s)"
    if read.warnings:
        return ok("configuration", f"{message}, {len(read.warnings)} warning(s)", LOOK_AGAIN)
    return ok("configuration", message)


def judge_config_modes(modes: Iterable[tuple[Path, int]]) -> Check:
    """Whoever may write the files decides what is bought; modes are those of stat, the sticky bit guards a folder."""
    modes = list(modes)
    open_to_all = [
        str(path) for path, mode in modes if mode & stat.S_IWOTH and not (stat.S_ISDIR(mode) and mode & stat.S_ISVTX)
    ]
    if open_to_all:
        what = f"everybody on this machine may change {', '.join(open_to_all)}, and so what is bought"
        return wrong("configuration.modes", what, f"chmod o-w {' '.join(open_to_all)}")
    if not modes:
        return unknown("configuration.modes", "not looked at: the files cannot be seen")
    groups = [str(path) for path, mode in modes if mode & stat.S_IWGRP]
    if groups:
        return ok("configuration.modes", f"their group may change {', '.join(groups)}", "see that this is meant")
    return ok("configuration.modes", "their owner alone may change them")


@dataclass(frozen=True, slots=True)
class SecretFacts:
    """A secret: `problem` says why it cannot be read, "" where it can. `in_unit`: systemd's credentials are here."""

    source: SecretSource
    problem: str
    in_unit: bool


def judge_secret(secret: SecretFacts) -> Check:
    """Whether it can be read here and now, from a file that is nobody else's."""
    source = secret.source
    if not secret.problem:
        return ok(source.key, f"can be read from its {source.kind}")
    if source.kind == "credential" and not secret.in_unit:
        do = "run it as root while the unit is at work (sudo leadsync doctor): it then sees what the unit was given"
        return unknown(source.key, "it is a systemd credential, which only the unit itself is given", do)
    # Our own messages put what to do behind the first colon.
    what, _, do = secret.problem.partition(": ")
    return wrong(source.key, f"{source.file}:{source.line}: {what}", do)
