"""BatchData in small: a deterministic world, its sessions, its bill, and the weather in between.

It imports nothing of the daemon: what both believe of the vendor is written down twice, so that a test can notice.
"""

from leadsync.simulator.bill import Bill, Charge, Seen
from leadsync.simulator.faults import ConnectionCut, Fate, Fault, FaultPlan
from leadsync.simulator.hooks import Sending
from leadsync.simulator.results import Result
from leadsync.simulator.sessions import Session
from leadsync.simulator.simulator import TOKEN, Simulator
from leadsync.simulator.switches import Switches
from leadsync.simulator.world import World

__all__ = [
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
    "World",
]
