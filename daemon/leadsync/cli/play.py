"""Trying leadsync out without a vendor: `simulate`, `demo`."""

from pathlib import Path
from typing import Annotated

import typer

from leadsync.cli.answers import answering


def simulate(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8490,
    properties: Annotated[int, typer.Option("--properties", min=0, help="How many the world has.")] = 10_000,
    record_bytes: Annotated[int, typer.Option("--record-bytes", min=500, help="The size of one.")] = 2_400,
    seed: Annotated[int, typer.Option("--seed", help="Another world for another number.")] = 1,
) -> None:
    """Stand in for BatchData and RealEstateAPI on loopback.

    Sessions, async results and skip traces by webhook, billing, list, delete and wallet, until Ctrl-C; nothing real is
    billed. Point an account's base_url there, with the token `simulator-token`, and skip_trace's, with the API key
    `simulator-key`. POST /_simulator/grow, /_simulator/faults, /_simulator/fates and /_simulator/trace/switches change
    the world, the weather and what becomes of results; GET /_simulator/bill and /_simulator/trace say what was billed.
    """
    with answering():
        from leadsync.demo.server import serve_alone

        serve_alone(port=port, properties=properties, record_bytes=record_bytes, seed=seed)


def demo(
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Where config and store go; else a new temporary folder.")
    ] = None,
) -> None:
    """Watch it all in a minute.

    Three jobs, twice, against a simulated vendor that grows in between and fails once. Exit 0 only if the books agree.
    """
    with answering():
        from leadsync.demo.show import show

        if not show(folder):
            raise typer.Exit(1)
