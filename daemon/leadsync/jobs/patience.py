"""How long nothing is given up after a start, and after the clock was set: what could not come in is sent again."""

import asyncio
from datetime import datetime
from typing import Final

PATIENCE_S: Final = 900.0
CLOCK_SLACK_S: Final = 60.0


class Patience:
    """It begins anew whenever the time of day has moved otherwise than the steady clock."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._since_s = 0.0

    def left_s(self, now: datetime) -> float:
        """Return for how long nothing may be given up yet."""
        now_s = asyncio.get_running_loop().time()
        ahead_s = now.timestamp() - now_s
        if self._ahead_s is None or abs(ahead_s - self._ahead_s) > CLOCK_SLACK_S:
            self._since_s = now_s
        self._ahead_s = ahead_s
        return max(self._since_s + PATIENCE_S - now_s, 0.0)
