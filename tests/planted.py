"""How a mistake is planted: something wrong in the place of a function of leadsync, for as long as a block lasts."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias
from unittest import mock

Bug: TypeAlias = Callable[[], AbstractContextManager[object]]


def instead(place: object, name: str, wrong: object) -> Bug:
    """Put what is wrong in that place."""
    return lambda: mock.patch.object(place, name, wrong)
