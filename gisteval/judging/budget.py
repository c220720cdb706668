"""A limit of cost that many requests share: each reserves the most it can cost before it is sent."""

from __future__ import annotations

import asyncio


class Budget:
    """What requests have cost so far, and what those in progress can still cost, in dollars.

    Attributes:
        limit: The most that may be spent; None for no limit.
        spent: What the answers so far have cost.
        is_exhausted: Whether a request was refused because it could have exceeded the limit.
    """

    def __init__(self, limit: float | None) -> None:
        """Start with nothing spent."""
        self.limit = limit
        self.spent = 0.0
        self.is_exhausted = False
        self._reserved = 0.0
        self._in_progress = 0
        self._settled = asyncio.Condition()

    async def reserve(self, most: float) -> bool:
        """Reserve the most that a request can cost, waiting for others to settle if need be.

        Returns:
            False if the limit can't cover the request, even once all others have settled.
        """
        if self.limit is None:
            return True
        async with self._settled:
            while not self.is_exhausted and self.spent + self._reserved + most > self.limit:
                if not self._in_progress:
                    self.is_exhausted = True
                    self._settled.notify_all()
                    break
                await self._settled.wait()
            if not self.is_exhausted:
                self._reserved += most
                self._in_progress += 1
            return not self.is_exhausted

    async def settle(self, most: float) -> None:
        """Release what `reserve` reserved, once the real cost has been added to `spent`."""
        if self.limit is not None:
            async with self._settled:
                self._in_progress -= 1
                self._reserved = self._reserved - most if self._in_progress else 0.0
                self._settled.notify_all()


class Pace:
    """At most a number of turns a minute, evenly spaced."""

    def __init__(self, per_minute: float | None) -> None:
        """Set the pace; None is no limit."""
        self._gap = 60.0 / per_minute if per_minute else 0.0
        self._next = 0.0

    async def turn(self) -> None:
        """Wait for the next turn."""
        if self._gap:
            now = asyncio.get_running_loop().time()
            self._next = max(now, self._next + self._gap)
            await asyncio.sleep(self._next - now)
