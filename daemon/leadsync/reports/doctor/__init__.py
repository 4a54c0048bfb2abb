"""`leadsync doctor`: is everything as it must be, and what to do where it is not.

It works beside a daemon: takes no lock, writes nothing, and asks the vendor only what is free. `look` and `ask` gather
the facts; `machine`, `store` and `account` judge them, as pure functions.
"""

from leadsync.reports.doctor.look import Hands
from leadsync.reports.doctor.report import doctor, in_words

__all__ = ["Hands", "doctor", "in_words"]
