"""The simulator as a process of its own, for `leadsync simulate`."""

from leadsync.simulator import World
from leadsync.simulator.server import run


def serve_alone(*, port: int, properties: int, record_bytes: int, seed: int) -> None:
    """Serve on loopback until a signal comes; the first line on stdout says where."""
    run(World(seed=seed, size=properties, record_bytes=record_bytes), port=port)
