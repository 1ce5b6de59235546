"""Fits as jobs in worker processes: submit, watch, cancel."""

from dashboard.jobs.cluster import JobsError
from dashboard.jobs.events import Event
from dashboard.jobs.jobs import Jobs
from dashboard.jobs.limits import LimitError, Limits

__all__ = ["Event", "Jobs", "JobsError", "LimitError", "Limits"]
