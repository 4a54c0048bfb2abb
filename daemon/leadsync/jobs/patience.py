"""How long nothing is given up after a start, after the clock was set, and after the store could not be written.

What could not come in then is sent again.
"""

import asyncio
from datetime import datetime
from typing import Final

PATIENCE_S: Final = 900.0
CLOCK_SLACK_S: Final = 60.0


class Patience:
    """It begins anew where a webhook was turned away, or the time of day has moved otherwise than the steady clock."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._turned_away = 0
        self._since_s = 0.0

    def left_s(self, now: datetime, turned_away: int) -> float:
        """Return for how long nothing may be given up yet; `turned_away` counts the times that the door had to."""
        now_s = asyncio.get_running_loop().time()
        ahead_s = now.timestamp() - now_s
        is_moved = self._ahead_s is None or abs(ahead_s - self._ahead_s) > CLOCK_SLACK_S
        if is_moved or turned_away != self._turned_away:
            self._since_s = now_s
        self._ahead_s, self._turned_away = ahead_s, turned_away
        return max(self._since_s + PATIENCE_S - now_s, 0.0)
