"""How often each fault, act and death came in all the fresh seeds of a run and each promise was asked; which never."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

ENOUGH_SEEDS: Final = 1_000
"""In so many seeds nothing is missed by chance."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums over the chunks of a run."""

    met: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, reporter: Any) -> "Figures":
        """Add up what the tests of a run have recorded."""
        figures = cls()
        for report in reporter.stats.get("passed", []):
            for name, value in getattr(report, "user_properties", []):
                if name == "simulated":
                    figures.met.update(json.loads(value))
        return figures

    @property
    def missing(self) -> list[str]:
        """What should have come and never did."""
        if self.met["seeds"] < ENOUGH_SEEDS:
            return []
        # Imported here: a run without the simulation needs none of it.
        from tests.simulation.actors import ACTS  # noqa: PLC0415
        from tests.simulation.script import DEATHS  # noqa: PLC0415
        from tests.simulation.watch import PROMISES  # noqa: PLC0415
        from tests.simulation.weather import ALL  # noqa: PLC0415

        return sorted(name for name in (*ACTS, *map(str, ALL), *DEATHS, *PROMISES) if not self.met[name])

    @property
    def lines(self) -> list[str]:
        """The figures, in a few lines."""
        if not self.met["seeds"]:
            return []
        met = ", ".join(f"{name} {count}" for name, count in sorted(self.met.items()))
        missing = [f"simulation: NEVER MET: {', '.join(self.missing)}"] if self.missing else []
        return [f"simulation: {met}", *missing]
