"""Multiple-choice questions of wordplay: which of four answers is right for an instruction and an input.

The wrong answers are those that the same family would give to the same input with other parameters, so
the input alone doesn't tell which is right: that takes the instruction.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.inputs import Params
from gisteval.tasks.generators.wordplay.lexicon import Lexicon, content_directory, load_lexicon

CHOICES = 4
SHOTS = 4
TRIES = 200


@dataclass(frozen=True)
class Question:
    """choices holds the right answer at index answer; shots are other (input, output) pairs of it."""

    id: str
    instruction: str
    input: str
    choices: tuple[str, ...]
    answer: int
    shots: tuple[tuple[str, str], ...]


def choice_questions(split: str = "seen", content: Path | None = None) -> Iterator[Question]:
    """One question for every instruction of a split whose family has as many different answers."""
    folder = content_directory(content)
    lexicon = load_lexicon(content)
    asked: set[str] = set()
    for line in (folder / f"{split}.jsonl").read_text(encoding="utf-8").splitlines():
        item = json.loads(line)
        if item["instruction"] in asked:
            continue
        asked.add(item["instruction"])
        rng = Random(f"wordplay choice {item['id']}")
        wrong = _wrong_answers(lexicon, item["family"], item["input"], item["output"], rng)
        if len(wrong) < CHOICES - 1:
            continue
        choices = [item["output"], *wrong]
        rng.shuffle(choices)
        shots = _shots(lexicon, item["family"], item["params"], item["input"], rng)
        yield Question(
            f"wordplay-choice-{split}-{len(asked):04}",
            item["instruction"],
            item["input"],
            tuple(choices),
            choices.index(item["output"]),
            tuple(shots),
        )


def _wrong_answers(lexicon: Lexicon, family: str, text: str, right: str, rng: Random) -> list[str]:
    wrong: dict[str, None] = {}
    for _ in range(TRIES):
        params = FAMILIES[family].sample_params(lexicon, rng)
        try:
            other = FAMILIES[family].answer(lexicon, params, text)
        except (KeyError, ValueError):  # a field the record lacks, a category not in the list
            continue
        if other != right:
            wrong[other] = None
        if len(wrong) == CHOICES - 1:
            break
    return list(wrong)


def _shots(
    lexicon: Lexicon, family: str, params: Params, asked: str, rng: Random
) -> Iterator[tuple[str, str]]:
    """Examples of the same instruction on other inputs; empty inputs are left out."""
    taken = {asked, ""}
    while len(taken) < SHOTS + 2:
        text = FAMILIES[family].sample_input(lexicon, params, rng)
        if text not in taken:
            taken.add(text)
            yield text, FAMILIES[family].answer(lexicon, params, text)
