"""The simulator as a process of its own, for `leadsync simulate`."""

import os

from leadsync.errors import CannotListen
from leadsync.simulator import World
from leadsync.simulator.server import run


def serve_alone(*, port: int, properties: int, record_bytes: int, seed: int) -> None:
    """Serve on loopback until a signal comes; the first line on stdout says where. Raises CannotListen."""
    try:
        run(World(seed=seed, size=properties, record_bytes=record_bytes), port=port)
    except OSError as error:
        raise CannotListen(
            f"port {port} on 127.0.0.1 cannot be had ({os.strerror(error.errno or 0)}); give another with --port, or 0"
            " for any that is free"
        ) from error
