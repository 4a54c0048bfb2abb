"""`leadsync plan`: what each job's next run would do, when, and what it may cost at most.

It reads the store and is handed the vendor's session list: no billable call, no write. The decisions are the core's.
"""

from leadsync.reports.plan.report import plan
from leadsync.reports.plan.text import in_words
from leadsync.reports.plan.view import as_totals

__all__ = ["as_totals", "in_words", "plan"]
