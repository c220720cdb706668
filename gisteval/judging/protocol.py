"""Which looks at which pairs a judge must take.

A pair is one example with the outputs of a system (a) and of its positive control (b). All that is left
to chance, the order of a single look and the pairs looked at again, comes from a hash of the content, so
that a resumed run, a shard and another machine agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest

from gisteval.judging.definition import Orders
from gisteval.records.schema import Choice, Example, Order, Purpose, Verdict, digest

FEWEST_AGAIN = 10
"""Pairs that are looked at again however few a share of them is."""


@dataclass(frozen=True)
class Contest:
    """A system against its positive control on one split. Examples and outputs by content id."""

    task: str
    split: str
    system: str
    reference: str
    examples: Mapping[str, Example]
    ours: Mapping[str, str]
    theirs: Mapping[str, str]

    @cached_property
    def pairs(self) -> dict[str, Example]:
        """The examples that both sides have an output for, by content id, in order."""
        return {pair: e for pair, e in self.examples.items() if pair in self.ours and pair in self.theirs}

    def equal(self, pair: str) -> bool:
        """Whether both outputs are the same but for white space at the ends: a tie without a call."""
        return self.ours[pair].strip() == self.theirs[pair].strip()


@dataclass(frozen=True, slots=True)
class Look:
    """One question to a judge. key: digest of all that can change its answer."""

    key: str
    pair: str
    contest: Contest
    example: Example
    order: Order
    purpose: Purpose
    ours: str
    theirs: str

    @property
    def equal(self) -> bool:
        """Whether the pair is a tie without a call."""
        return self.contest.equal(self.pair)

    def verdict(
        self,
        judge: str,
        choice: Choice,
        reply: str | None,
        error: str | None = None,
        prompt_tokens: int = 0,
        completion_tokens: int = 0,
        cost: float = 0.0,
        finish_reason: str | None = None,
    ) -> Verdict:
        """The record of this look's answer."""
        contest = self.contest
        return Verdict(
            key=self.key,
            pair=self.pair,
            task=contest.task,
            split=contest.split,
            system=contest.system,
            reference=contest.reference,
            judge=judge,
            purpose=self.purpose,
            order=self.order,
            choice=choice,
            reply=reply,
            error=error,
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
            cost=cost,
            finish_reason=finish_reason,
        )


def looks(contest: Contest, identity: str, orders: Orders, again: float) -> Iterator[Look]:
    """Every look at the pairs of a contest: each in its orders, then the sampled ones a second time.

    identity: digest of the judge, its prompt, parameters, model and server. A system that is its own
    reference is only sampled, to see what the judge makes of two outputs that are the same.
    """
    pairs = contest.pairs
    if contest.system == contest.reference:
        sample = sampled(list(pairs), again)
        yield from _looks(contest, {pair: pairs[pair] for pair in sample}, identity, orders, "aa")
        return
    yield from _looks(contest, pairs, identity, orders, "main")
    sample = sampled([pair for pair in pairs if not contest.equal(pair)], again)
    yield from _looks(contest, {pair: pairs[pair] for pair in sample}, identity, orders, "again")


def _looks(
    contest: Contest, pairs: Mapping[str, Example], identity: str, orders: Orders, purpose: Purpose
) -> Iterator[Look]:
    for pair, example in pairs.items():
        ours, theirs = contest.ours[pair], contest.theirs[pair]
        for order in orders_shown(pair, orders):
            key = digest([identity, purpose, order, pair, ours, theirs])
            yield Look(key, pair, contest, example, order, purpose, ours, theirs)


def orders_shown(pair: str, orders: Orders) -> tuple[Order, ...]:
    """The orders a pair is shown in. The seeded one depends on the example alone, so systems share it."""
    if orders == "both":
        return ("ab", "ba")
    return ("ba",) if orders == "seeded" and int(digest(["order", pair]), 16) % 2 else ("ab",)


def sampled(pairs: Sequence[str], share: float) -> list[str]:
    """The given share of the pairs, rounded up, but at least ten (all, if there are fewer); none for 0."""
    if share == 0.0:
        return []
    count = max(FEWEST_AGAIN, math.ceil(share * len(pairs)))
    chosen = set(nsmallest(count, pairs))  # a pair is a digest: any order of them is by chance
    return [pair for pair in pairs if pair in chosen]
