"""What the simulator's own endpoints have in common: weather that is planned, switches that are turned, answers."""

from dataclasses import asdict
from typing import Any, Generic, TypeVar

import msgspec
from starlette.responses import Response

from leadsync.simulator.faults import Plan
from leadsync.simulator.replies import JSON

__all__ = ["Orders", "Storm", "answer", "planned", "turned"]

S = TypeVar("S")
T = TypeVar("T")


class Storm(msgspec.Struct, Generic[T], forbid_unknown_fields=True):
    """What befalls requests from now on, how often (0 to 1), drawn from which seed."""

    rate: float
    kinds: list[T]
    seed: int


class Orders(msgspec.Struct, Generic[T], forbid_unknown_fields=True):
    """What a plan is told: to forget all that it had, what is next in line, what storm there is."""

    calm: bool = False
    next: list[T | None] = []
    storm: Storm[T] | None = None


def planned(plan: Plan[T], orders: Orders[T]) -> Response:
    """Follow the orders, and say how many faults and passes stand in line."""
    if orders.calm:
        plan.calm()
    plan.next(*orders.next)
    if orders.storm:
        plan.storm(orders.storm.rate, orders.storm.kinds, orders.storm.seed)
    return answer({"waiting": plan.waiting})


def turned(before: S, body: bytes) -> S | str:
    """Return the switches with what the body changes of them, or what is wrong with it."""
    values = asdict(before)  # type: ignore[call-overload]
    try:
        changed = msgspec.json.decode(body, type=dict[str, Any])
        unknown = changed.keys() - values.keys()
        if unknown:
            return f"no such switch: {', '.join(sorted(unknown))}"
        return msgspec.convert({**values, **changed}, type(before))
    except msgspec.DecodeError as error:
        return str(error)


def answer(said: dict[str, Any], status: int = 200) -> Response:
    """Answer in JSON."""
    return Response(msgspec.json.encode(said), status, media_type=JSON)
