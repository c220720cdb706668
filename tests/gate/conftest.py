"""Run folders made of records, without a model: one split or several, one candidate, one judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Choice, Example, Generation, Verdict
from gisteval.records.store import RecordWriter, write_json

LOOKS: Mapping[float | str | None, tuple[Choice, Choice]] = {
    1.0: ("a", "a"),
    0.75: ("a", "tie"),
    0.5: ("tie", "tie"),
    0.25: ("tie", "b"),
    0.0: ("b", "b"),
    "flip": ("a", "b"),
    None: ("tie", "error"),
}
"""A pair's worth and the two looks, orders ab and ba, that give it."""

Values = Sequence[float | str | None]


def _generation(system: str, condition: Any, example: Example, output: str) -> Generation:
    return Generation(
        key=f"{system}-{example.id}",
        example=example.id,
        content=example.content_id,
        task="t",
        split=example.split,
        system=system,
        condition=condition,
        control=None if condition == "gist" else "trained",
        compressor="gist",
        k=1,
        output=output,
        output_tokens=1,
        finished=True,
        source_tokens=9,
        template_tokens=3,
        kept=1,
        bytes=64,
        nll=1.0,
        target_tokens=2,
    )


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
        role: str = "candidate",
        judge: str | None = "reference",
        judges: Mapping[str, Any] | None = None,
        positive: str = "yes",
        output: Callable[[int], str] = lambda index: f"answer {index}",
        failed: Sequence[int] = (),
        shared: int = 1,
    ) -> Path:
        by_split = values if isinstance(values, Mapping) else {"human": values}
        examples = {
            split: tuple(
                Example(f"{split}-{i}", "t", split, f"do {split} {i // shared}", f"{i}", f"answer {i}")
                for i in range(len(given))
            )
            for split, given in by_split.items()
        }
        systems = [{"name": system, "role": role, "evaluated": True}]
        systems += [{"name": "pos", "role": "positive", "evaluated": False}]
        folder = RunFolder(tmp_path / name)
        manifest: dict[str, Any] = {
            "identity": {"systems": name},
            "systems": systems,
            "splits": {split: len(found) for split, found in examples.items()},
            "self_check": {},
        }
        folder.claim(manifest | ({"judges": judges} if judges else {}), examples)
        condition = {"candidate": "gist", "negative": "neg_control"}[role]
        for split, found in examples.items():
            answered = [e for i, e in enumerate(found) if i not in failed]
            with RecordWriter(folder.generations(system)) as writer:
                writer.write(
                    asdict(_generation(system, condition, e, output(int(e.input)))) for e in answered
                )
            with RecordWriter(folder.generations("pos")) as writer:
                writer.write(asdict(_generation("pos", "pos_control", e, positive)) for e in found)
            if judge is None:
                continue
            with RecordWriter(folder.verdicts(judge, system)) as writer:
                for e in answered:
                    looks = LOOKS[by_split[split][int(e.input)]]
                    writer.write(
                        asdict(
                            Verdict(
                                f"{e.id}-{order}", e.content_id, "t", split, system, "pos", judge, "main",
                                order, choice, "reply", cost=0.01,
                            )
                        )
                        for order, choice in zip(("ab", "ba"), looks, strict=True)
                    )  # fmt: skip
        if failed:
            names = [
                {"system": system, "split": s, "example": f"{s}-{i}"} for s in examples for i in failed
            ]
            write_json(folder.path / "failures.json", names)
        return folder.path

    return make
