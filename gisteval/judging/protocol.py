"""Which comparisons a judge must make.

A pair is one example with the outputs of a system (a) and of its positive control (b). A comparison shows
one pair to a judge, in one order. Everything that is left to chance, the order of a single comparison and
the pairs that are judged a second time, follows from a hash of the content, so that a resumed run, a shard
and another machine agree.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nsmallest

from gisteval.judging.definition import Orders
from gisteval.records.schema import Choice, Example, Order, Purpose, Verdict, digest

FEWEST_REPEATED = 10
"""Pairs that are judged a second time, however small a share of all pairs they are."""


@dataclass(frozen=True)
class Matchup:
    """A system against its positive control on one split.

    Attributes:
        task: The task's name.
        split: The split's name.
        system: The system's name.
        reference: The name of its positive control; the system itself for the control against itself.
        examples: The examples by answer id, which is their content id if each has one answer.
        ours: The system's outputs by answer id.
        theirs: The control's outputs by answer id.
    """

    task: str
    split: str
    system: str
    reference: str
    examples: Mapping[str, Example]
    ours: Mapping[str, str]
    theirs: Mapping[str, str]

    @cached_property
    def pairs(self) -> dict[str, Example]:
        """The examples that both sides have an output for, by answer id, in order."""
        return {pair: e for pair, e in self.examples.items() if pair in self.ours and pair in self.theirs}

    @cached_property
    def lost(self) -> list[str]:
        """The answer ids that only the control has an output for."""
        return [pair for pair in self.examples if pair in self.theirs and pair not in self.ours]

    @cached_property
    def instructions(self) -> dict[str, str]:
        """The instruction of each example, by answer id: what intervals are clustered by."""
        return {pair: example.instruction for pair, example in self.examples.items()}

    @cached_property
    def items(self) -> dict[str, str] | None:
        """The example of each pair, by its content id, where examples have several answers; else None."""
        if all(example.sample is None for example in self.examples.values()):
            return None  # under a family's own references, released examples may have equal contents
        return {pair: example.content_id for pair, example in self.examples.items()}

    def equal(self, pair: str) -> bool:
        """Whether the outputs are the same up to surrounding white space: a tie without a call."""
        return self.ours[pair].strip() == self.theirs[pair].strip()


@dataclass(frozen=True, slots=True)
class Comparison:
    """One question to a judge: which of two outputs is better.

    Attributes:
        key: Digest of everything that can change the answer.
        pair: The answer id of the example.
        matchup: The systems that are compared.
        example: The example.
        order: "ab" if the system's output is shown first, "ba" if the control's is.
        purpose: Why the pair is judged.
        ours: The system's output.
        theirs: The control's output.
    """

    key: str
    pair: str
    matchup: Matchup
    example: Example
    order: Order
    purpose: Purpose
    ours: str
    theirs: str

    @property
    def equal(self) -> bool:
        """Whether the pair is a tie without a call."""
        return self.matchup.equal(self.pair)

    @property
    def shown(self) -> tuple[str, str]:
        """Both outputs, in the order in which they are shown."""
        return (self.ours, self.theirs) if self.order == "ab" else (self.theirs, self.ours)

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
        """Build the record of the answer to this comparison; the arguments are the record's fields."""
        matchup = self.matchup
        return Verdict(
            key=self.key,
            pair=self.pair,
            task=matchup.task,
            split=matchup.split,
            system=matchup.system,
            reference=matchup.reference,
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


def comparisons(
    matchup: Matchup, identity: str, orders: Orders, repeat_share: float
) -> Iterator[Comparison]:
    """Yield every comparison of a matchup: each pair in its orders, then a sample a second time.

    A system that is its own reference is only sampled, to see what the judge makes of the same output
    twice.

    Args:
        matchup: The systems that are compared.
        identity: Digest of the judge, its prompt, parameters, model and server.
        orders: In which orders the judge sees a pair.
        repeat_share: The share of the pairs that are sampled.
    """
    pairs = matchup.pairs
    if matchup.system == matchup.reference:
        sample = sample_pairs(list(pairs), repeat_share)
        yield from _comparisons(matchup, sample, identity, orders, "aa")
        return
    yield from _comparisons(matchup, pairs, identity, orders, "main")
    sample = sample_pairs([pair for pair in pairs if not matchup.equal(pair)], repeat_share)
    yield from _comparisons(matchup, sample, identity, orders, "again")


def _comparisons(
    matchup: Matchup, pairs: Iterable[str], identity: str, orders: Orders, purpose: Purpose
) -> Iterator[Comparison]:
    for pair in pairs:
        ours, theirs = matchup.ours[pair], matchup.theirs[pair]
        for order in orders_shown(pair, orders):
            key = digest([identity, purpose, order, pair, ours, theirs])
            yield Comparison(key, pair, matchup, matchup.pairs[pair], order, purpose, ours, theirs)


def orders_shown(pair: str, orders: Orders) -> tuple[Order, ...]:
    """Return the orders in which a pair is shown.

    A seeded order depends on the example alone, so that all systems share it.
    """
    if orders == "both":
        return ("ab", "ba")
    return ("ba",) if orders == "seeded" and int(digest(["order", pair]), 16) % 2 else ("ab",)


def sample_pairs(pairs: Sequence[str], share: float) -> list[str]:
    """Sample a share of the pairs, rounded up: at least ten (or all, if there are fewer); none for 0."""
    if share == 0.0:
        return []
    count = max(FEWEST_REPEATED, math.ceil(share * len(pairs)))
    chosen = set(nsmallest(count, pairs))  # pairs are digests, so the smallest are a random sample
    return [pair for pair in pairs if pair in chosen]
