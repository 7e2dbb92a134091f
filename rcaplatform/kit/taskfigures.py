"""Figures of the workers: which tasks ran, how they ended and how long they took. Imported by CELERY_IMPORTS."""

import time
from typing import Any

from celery import signals
from prometheus_client import Counter, Histogram

TASKS = Counter("rca_tasks", "Tasks that ended.", ["task", "state"])
BUCKETS = (0.01, 0.05, 0.1, 0.5, 1, 5, 30, 120, 600)
SECONDS = Histogram("rca_task_seconds", "How long tasks took.", ["task"], buckets=BUCKETS)
_began: dict[str, float] = {}


@signals.task_prerun.connect
def began(task_id: str, **_: Any) -> None:
    """Note when a task began; a process runs one at a time."""
    _began.clear()
    _began[task_id] = time.perf_counter()


@signals.task_postrun.connect
def ended(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    """Count a task and its time."""
    TASKS.labels(task.name, (state or "unknown").lower()).inc()
    if task_id in _began:
        SECONDS.labels(task.name).observe(time.perf_counter() - _began[task_id])
