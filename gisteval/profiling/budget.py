"""The time that a profile may take: one deadline, divided among the measurements."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class TimeBudget:
    """A deadline.

    Attributes:
        end: Time of the monotonic clock, in seconds, at which measuring should end.
    """

    end: float

    @classmethod
    def of(cls, seconds: float) -> Self:
        """Return a budget that ends `seconds` from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds until the end, negative after it."""
        return self.end - time.monotonic()

    def share(self, parts: int) -> TimeBudget:
        """Return the first of `parts` equal parts of the time left. Unused time goes to the later parts."""
        return TimeBudget.of(self.left / parts)
