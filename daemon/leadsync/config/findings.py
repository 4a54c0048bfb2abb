"""Gathers every problem of every file, so that the operator mends all of them in one go."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from leadsync.config.documents import Document
from leadsync.config.fault import Fault
from leadsync.config.problems import faults_of
from leadsync.config.section import Section
from leadsync.errors import ConfigInvalid, Problem

Found = TypeVar("Found")
Model = TypeVar("Model", bound=Section)


class Findings:
    """The problems found so far."""

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems that are already placed in their files."""
        self._problems += problems

    def attempt(self, read: Callable[[], Found]) -> Found | None:
        """Return what `read` returns, or note its problems and return None."""
        try:
            return read()
        except ConfigInvalid as invalid:
            self.add(invalid.problems)
            return None

    def validate(
        self, document: Document, model: type[Model], table: Mapping[str, Any], faults: Iterable[Fault]
    ) -> Model | None:
        """Return a file's table as a model, or note why it cannot be one; `faults` are those found beside it."""
        found = list(faults)
        try:
            return model.model_validate(table)
        except ValidationError as error:
            found += faults_of(error, model)
            return None
        finally:
            self.add(document.problem(fault) for fault in found)

    def in_reading_order(self) -> tuple[Problem, ...]:
        """Return each problem once, by file, line and key."""
        return tuple(sorted(set(self._problems), key=lambda found: (found.file, found.line, found.key)))
