"""Both vendors in small: a deterministic world, sessions, skip traces, bills, and the weather in between.

It imports nothing of the daemon: what both believe of the vendor is written down twice, so that a test can notice.
"""

from leadsync.simulator.bill import Bill, Charge, Seen
from leadsync.simulator.faults import ConnectionCut, Fate, Fault, FaultPlan
from leadsync.simulator.hooks import Sending
from leadsync.simulator.results import Result
from leadsync.simulator.sessions import Session
from leadsync.simulator.simulator import TOKEN, Simulator
from leadsync.simulator.switches import Switches
from leadsync.simulator.trace_switches import TraceSwitches
from leadsync.simulator.traces import API_KEY, TraceBatch, TracedOwner
from leadsync.simulator.world import World

__all__ = [
    "API_KEY",
    "TOKEN",
    "Bill",
    "Charge",
    "ConnectionCut",
    "Fate",
    "Fault",
    "FaultPlan",
    "Result",
    "Seen",
    "Sending",
    "Session",
    "Simulator",
    "Switches",
    "TraceBatch",
    "TraceSwitches",
    "TracedOwner",
    "World",
]
