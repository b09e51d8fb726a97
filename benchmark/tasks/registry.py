"""Find a task by name."""

from __future__ import annotations

from benchmark.families.contract import Family
from benchmark.tasks.contract import Task
from benchmark.tasks.density import DENSITY

TASKS: dict[str, Task] = {task.name: task for task in (DENSITY,)}


def task_of(family: Family) -> Task:
    """Return what is asked of a family's models."""
    return TASKS[family.task]
