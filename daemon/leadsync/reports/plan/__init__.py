"""`leadsync plan`: what each job's next run would do, when, and what it may cost at most.

It reads the store and is handed the vendor's session list: no billable call, no write. The decisions are the core's.
"""

from leadsync.reports.plan.report import plan
from leadsync.reports.plan.text import in_words
from leadsync.reports.plan.view import View, as_totals, read_view, view_of

__all__ = ["View", "as_totals", "in_words", "plan", "read_view", "view_of"]
