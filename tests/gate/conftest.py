"""Run folders made of records, without a model: one split or several, one candidate, one judge."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.records.manifest import Identity, JudgeFacts, Role
from gisteval.records.schema import Choice, Example, Verdict
from gisteval.records.store import write_json

LOOKS: Mapping[float | str | None, tuple[Choice, Choice]] = {
    1.0: ("a", "a"),
    0.75: ("a", "tie"),
    0.5: ("tie", "tie"),
    0.25: ("tie", "b"),
    0.0: ("b", "b"),
    "flip": ("a", "b"),
    None: ("tie", "error"),
}
"""A pair's worth and the two comparisons, orders ab and ba, that give it."""

Values = Sequence[float | str | None]


def judged(
    judge: str, system: str, split: str, examples: Sequence[Example], values: Values
) -> Iterator[Verdict]:
    """The verdicts that give each example, by its number (`input`), its value."""
    for e in examples:
        for order, choice in zip(("ab", "ba"), LOOKS[values[int(e.input)]], strict=True):
            yield Verdict(
                f"{e.id}-{order}", e.content_id, "t", split, system, "pos", judge, "main",
                order, choice, "reply", cost=0.01,
            )  # fmt: skip


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """make_run(name, values): a run whose candidate is worth `values` against the positive control.

    values: one a pair (see LOOKS), or a mapping of them by split. system: the candidate's name; role: of
    it; judge: whose verdicts (None: nobody's); positive: text of the positive control's outputs; output:
    of the candidate's by index; failed: indices without an output; shared: examples an instruction.
    """

    def make(
        name: str,
        values: Values | Mapping[str, Values],
        *,
        system: str = "gist-1",
        role: Role = "candidate",
        judge: str | None = "reference",
        judges: Mapping[str, JudgeFacts] | None = None,
        positive: str = "yes",
        output: Callable[[int], str] = lambda index: f"answer {index}",
        failed: Sequence[int] = (),
        shared: int = 1,
    ) -> Path:
        by_split = values if isinstance(values, Mapping) else {"human": values}
        examples = {
            split: tuple(
                Example(f"{split}-{i}", "t", split, f"do {split} {i // shared}", f"{i}", f"answer {i}")
                for i in range(len(split_values))
            )
            for split, split_values in by_split.items()
        }
        compared = make_system(system, role, evaluated=True, compressor="gist")
        positive_control = make_system("pos", "positive", evaluated=False, compressor="gist")
        folder = claim_run(
            tmp_path / name,
            examples,
            [compared, positive_control],
            identity=Identity("t", systems={"run": name}),
            judges=judges or {},
        )
        for split, asked in examples.items():
            answered = [e for i, e in enumerate(asked) if i not in failed]
            write_records(
                folder.generations(system),
                (make_generation(compared, e, output(int(e.input))) for e in answered),
            )
            write_records(
                folder.generations("pos"), (make_generation(positive_control, e, positive) for e in asked)
            )
            if judge is None:
                continue
            verdicts = judged(judge, system, split, answered, by_split[split])
            write_records(folder.verdicts(judge, system), verdicts)
        if failed:
            names = [
                {"system": system, "split": s, "example": f"{s}-{i}"} for s in examples for i in failed
            ]
            write_json(folder.path / "failures.json", names)
        return folder.path

    return make
