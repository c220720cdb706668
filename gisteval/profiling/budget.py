"""The time that a profile may take: one deadline, shared out among what is measured."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """end: seconds of the monotonic clock at which measuring is to be over."""

    end: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """So many seconds from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until the end; below 0 after it."""
        return self.end - time.monotonic()

    def share(self, parts: int) -> TimeBudget:
        """The first of `parts` equal parts of what is left; what it leaves over goes to the others."""
        return TimeBudget.of(self.left / parts)
