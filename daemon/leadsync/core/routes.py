"""Which way a job goes to the vendor. Pure and total: every job has exactly one route, or waits."""

from dataclasses import dataclass

from leadsync.core.model import Route


@dataclass(frozen=True, slots=True)
class Wish:
    """What a job asks for. `records` is how many a one-shot wants; 0 for an incremental job."""

    one_shot: bool
    records: int = 0
    async_above: int = 500

    @property
    def wants_windows(self) -> bool:
        """Whether it is for the async endpoint, where results find their way back."""
        return self.one_shot and self.records > self.async_above


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What is known just now. None: it could not be found out."""

    webhooks: bool
    session_ability: bool | None
    slot_free: bool | None


def choose_route(wish: Wish, now: Circumstances) -> Route | None:
    """Return the route, or None to wait: an outage never chooses it, since each route is paid for differently."""
    if not wish.one_shot:
        return Route.SESSION
    if wish.wants_windows and now.webhooks:
        return Route.ASYNC
    match (now.session_ability, now.slot_free):
        case (True, True):
            return Route.THROWAWAY
        case (False, _) | (_, False):
            return Route.PLAIN
        case _:
            return None
