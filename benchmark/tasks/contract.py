"""What a task is: one headline that every family of it is judged by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Headline:
    """Name the key of a record that tables are led by."""

    key: str
    title: str
    unit: str
    better: Literal["lower", "higher"]

    def to_dict(self) -> dict[str, str]:
        """Return plain JSON-ready values."""
        return asdict(self)


@dataclass(frozen=True)
class Task:
    """Say what is asked of a trained model.

    headline: what tables are led by. validation_score: the same on validation images; `bench tune` looks at
    nothing else.
    """

    name: str
    headline: Headline
    validation_score: str
