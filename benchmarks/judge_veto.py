"""How often judges of known quality are vetoed, doubted or believed, by the number of examples.

    python benchmarks/judge_veto.py            # the table of docs/judging.md, half an hour on one core

Each run has a candidate that is as good as its positive control, and a negative control that is worse.
A noisy judge names the better output of the negative control's pairs with the given probability a
comparison, ties in a fifth of all comparisons, guesses on the candidate's pairs, and says tie to nine of
ten same texts.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from gisteval.judging.evidence import Evidence
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.summary import summarize
from gisteval.judging.veto import judge_trust
from gisteval.records.schema import Choice, Example

POSITIVE, NEGATIVE, CANDIDATE = "pos", "neg", "gist"

Answer = Callable[[Comparison, np.random.Generator], Choice]


@dataclass(frozen=True, slots=True)
class SimulatedJudge:
    """How a judge answers a comparison; in terms of the sides, a is the system."""

    name: str
    answer: Answer
    orders: str = "both"


def noisy(right: float) -> Answer:
    """Right about the negative control with this probability a comparison."""

    def answer(comparison: Comparison, generator: np.random.Generator) -> Choice:
        if comparison.purpose == "aa":
            return "tie" if generator.random() < 0.9 else generator.choice(["a", "b"])
        if generator.random() < 0.2:
            return "tie"
        chance = right if comparison.matchup.system == NEGATIVE else 0.5
        return "b" if generator.random() < chance else "a"

    return answer


def first(comparison: Comparison, generator: np.random.Generator) -> Choice:
    return "a" if comparison.order == "ab" else "b"


def tie(comparison: Comparison, generator: np.random.Generator) -> Choice:
    return "tie"


def longer(comparison: Comparison, generator: np.random.Generator) -> Choice:
    difference = len(comparison.ours) - len(comparison.theirs)
    return "tie" if not difference else "a" if difference > 0 else "b"


def coin(comparison: Comparison, generator: np.random.Generator) -> Choice:
    return cast(Choice, generator.choice(["a", "b"]))


JUDGES = (
    *(SimulatedJudge(f"right in {100 * right:.0f}%", noisy(right)) for right in (0.95, 0.9, 0.8, 0.7)),
    SimulatedJudge("right in 90%, one order", noisy(0.9), "seeded"),
    SimulatedJudge("always the first", first),
    SimulatedJudge("always the first, one order", first, "seeded"),
    SimulatedJudge("always tie", tie),
    SimulatedJudge("the longer", longer),
    SimulatedJudge("a coin", coin),
    SimulatedJudge("a coin, one order", coin, "seeded"),
)


def verdict_on(judge: SimulatedJudge, n: int, generator: np.random.Generator, controls: bool = True) -> str:
    """One run of n examples: vetoed, doubted or believed. controls: it has a negative control."""
    examples = [Example(f"{i}", "t", "s", f"say {i} {generator.random()}", "", "r") for i in range(n)]
    by_pair = {example.content_id: example for example in examples}

    def texts() -> dict[str, str]:
        return {pair: "word " * int(generator.integers(1, 30)) + str(i) for i, pair in enumerate(by_pair)}

    outputs = {POSITIVE: texts(), CANDIDATE: texts()} | ({NEGATIVE: texts()} if controls else {})
    evidence, entries = Evidence(), []
    for system, ours in outputs.items():
        matchup = Matchup("t", "s", system, POSITIVE, by_pair, ours, outputs[POSITIVE])
        verdicts = [
            comparison.verdict("j", judge.answer(comparison, generator), "")
            for comparison in comparisons(matchup, "i", judge.orders, 0.05)  # type: ignore[arg-type]
            if not comparison.equal or comparison.purpose == "aa"
        ]
        evidence.add(matchup, verdicts, system == NEGATIVE)
        if system != POSITIVE:
            entries.append(summarize("j", matchup, verdicts).figures())
    trust = judge_trust("j", entries, evidence, {NEGATIVE: "trained"}, sees_order=True)
    return "vetoed" if trust.vetoes else "doubted" if trust.doubt else "believed"


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--n", type=int, nargs="+", default=[6, 10, 24, 50, 100, 250])
    parser.add_argument("--without-negative", action="store_true")
    options = parser.parse_args()
    print("| judge | " + " | ".join(f"n = {n}" for n in options.n) + " |")
    print("|---" * (1 + len(options.n)) + "|")
    for judge in JUDGES:
        cells = []
        for n in options.n:
            generator = np.random.default_rng(n)
            found = Counter(
                verdict_on(judge, n, generator, not options.without_negative) for _ in range(options.runs)
            )
            shares = (100 * found[state] / options.runs for state in ("vetoed", "doubted", "believed"))
            cells.append(" / ".join(f"{share:.0f}" for share in shares))
        print(f"| {judge.name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
