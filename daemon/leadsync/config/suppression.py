"""The suppression list, as it lies beside the configuration; what stands in it is personal, and never shown."""

from collections.abc import Iterator
from pathlib import Path

from leadsync.core.suppression import NotUnderstood, Suppression
from leadsync.errors import ConfigInvalid, Problem

ODD = "is no phone, e-mail, property id or whole address such as 9 Elm St Apt 4, Mesa, AZ 85201: mend the line"


def read_suppression(path: Path) -> Suppression:
    """Read a list. Raises ConfigInvalid with a problem for each line that is not understood."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigInvalid((Problem(str(path), 0, "", "is not UTF-8 text: save it as such"),)) from None
    except OSError as error:
        message = f"cannot be read ({error.strerror}): nobody is traced without the list"
        raise ConfigInvalid((Problem(str(path), 0, "", message),)) from error
    try:
        return Suppression.read(text)
    except NotUnderstood as error:
        raise ConfigInvalid(tuple(_problems(path, error.lines))) from None


def _problems(path: Path, lines: tuple[int, ...]) -> Iterator[Problem]:
    return (Problem(str(path), line, "", ODD) for line in lines)
