"""Training examples and evaluation splits of wordplay.

The unseen and human splits come first, since training instructions that are too close to theirs
are dropped; the seen split asks training instructions about new inputs.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

import yaml

from gisteval.tasks.generators.wordplay.casual import casual
from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.inputs import Params
from gisteval.tasks.generators.wordplay.lexicon import Lexicon, content_directory, load_lexicon
from gisteval.tasks.generators.wordplay.overlap import AuditReport, Contamination, normalise
from gisteval.tasks.generators.wordplay.overlap import audit as audit_instructions
from gisteval.tasks.generators.wordplay.phrasing import Grammar, Wording, load_grammar, plain

TRAIN_INSTRUCTIONS = 12_000
PLAIN_SHARE = 0.4
INPUTS_PER_INSTRUCTION = 8
SPLIT_INSTRUCTIONS = 500
HUMAN_TWICE = 120
EVALUATION_SPLITS = ("unseen", "human")


@dataclass(frozen=True)
class Instruction:
    """A worded instruction and the parameters it holds."""

    family: str
    params: Params
    text: str


@dataclass(frozen=True)
class GenerationContent:
    """The content that generation draws from. `train_options` are those of the task's split `train`."""

    directory: Path
    lexicon: Lexicon
    grammar: Grammar
    train_options: Mapping[str, Any]

    @classmethod
    def load(cls, content: Path | None = None) -> GenerationContent:
        """Read the content of the task's folder."""
        directory = content_directory(content)
        task = yaml.safe_load((directory / "task.yaml").read_text(encoding="utf-8"))
        options = task["splits"]["train"]["options"]
        return cls(directory, load_lexicon(directory), load_grammar(directory), options)


def train_examples(
    seed: int = 0,
    instructions: int = TRAIN_INSTRUCTIONS,
    inputs_per_instruction: int = INPUTS_PER_INSTRUCTION,
    plain_share: float = PLAIN_SHARE,
    weights: Mapping[str, float] | None = None,
    content: Path | None = None,
) -> Iterator[dict[str, str]]:
    """Examples with instruction, input, output and family. Those of an instruction are adjacent.

    Args:
        seed: The first n instructions of a seed are the same for any larger number of instructions.
        instructions: How many there are.
        inputs_per_instruction: Examples of each.
        plain_share: The share of instructions without the casual layer.
        weights: How often a family comes, by its name; 1 for the others.
        content: The folder of the task.
    """
    sources = GenerationContent.load(content)
    chosen = islice(train_instructions(sources, seed, plain_share, weights), instructions)
    for index, instruction in enumerate(chosen):
        for text in _train_inputs(sources, instruction, seed, index, inputs_per_instruction):
            yield _example(sources, instruction, text)


def train_instructions(
    sources: GenerationContent,
    seed: int,
    plain_share: float = PLAIN_SHARE,
    weights: Mapping[str, float] | None = None,
) -> Iterator[Instruction]:
    """Endless distinct instructions, none too close to the unseen and human splits."""
    rng = Random(f"wordplay train {seed}")
    grammars = sources.grammar.families
    names = list(grammars)
    frequencies = [(weights or {}).get(name, 1.0) for name in names]
    contamination = Contamination.of(_evaluation_instructions(sources.directory), sources.lexicon)
    seen: set[str] = set()
    while True:
        family = rng.choices(names, frequencies)[0]
        params = FAMILIES[family].sample_params(sources.lexicon, rng)
        wording = Wording.sample(sources.grammar, family, params, rng)
        text = casual(wording, rng.choice(grammars[family].train), plain_share)
        key = normalise(text)
        if key not in seen and not contamination.touches(text):
            seen.add(key)
            yield Instruction(family, params, text)


def split_instructions(sources: GenerationContent) -> Iterator[Instruction]:
    """The instructions that the task's split `train` begins with."""
    mix = sources.train_options
    return train_instructions(sources, mix["seed"], mix["plain_share"], mix["weights"])


def _train_inputs(
    sources: GenerationContent, instruction: Instruction, seed: int, index: int, count: int
) -> list[str]:
    # A generator of its own: the inputs do not depend on how many other instructions there are.
    rng = Random(f"wordplay inputs {seed} {index}")
    return _inputs(sources, instruction, count, rng, repeats_empty=True)


def _inputs(
    sources: GenerationContent,
    instruction: Instruction,
    count: int,
    rng: Random,
    avoid: Iterable[str] = (),
    repeats_empty: bool = False,
) -> list[str]:
    """New inputs, distinct among themselves; in training the empty one may come again."""
    sample = FAMILIES[instruction.family].sample_input
    taken = set(avoid)
    texts: list[str] = []
    while len(texts) < count:
        text = sample(sources.lexicon, instruction.params, rng)
        if text not in taken:
            texts.append(text)
            if text or not repeats_empty:
                taken.add(text)
    return texts


def _example(sources: GenerationContent, instruction: Instruction, text: str) -> dict[str, str]:
    family = FAMILIES[instruction.family]
    return {
        "instruction": instruction.text,
        "input": text,
        "output": family.answer(sources.lexicon, instruction.params, text),
        "family": instruction.family,
    }


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]


def _evaluation_instructions(directory: Path) -> list[str]:
    paths = (directory / f"{split}.jsonl" for split in EVALUATION_SPLITS)
    return [line["instruction"] for path in paths if path.exists() for line in read_lines(path)]


def build_splits(human: Path | None = None, content: Path | None = None, seed: int = 0) -> dict[str, int]:
    """Write the split files and return how many examples each has.

    ``human`` holds lines of family, params and instruction; without it, a human split that is
    there stays as it is.
    """
    sources = GenerationContent.load(content)
    written = {"unseen": _write(sources, "unseen", _unseen(sources, seed))}
    if human is not None:
        written["human"] = _write(sources, "human", _human(sources, human))
    written["seen"] = _write(sources, "seen", _seen(sources, seed))
    return written


def _unseen(sources: GenerationContent, seed: int) -> Iterator[tuple[Instruction, list[str]]]:
    """Held-out templates in turn, families in turn, in plain words."""
    rng = Random(f"wordplay unseen {seed}")
    turns = {
        name: cycle(rng.sample(grammar.unseen, len(grammar.unseen)))
        for name, grammar in sources.grammar.families.items()
    }
    seen: set[str] = set()
    for family in cycle(turns):
        if len(seen) == SPLIT_INSTRUCTIONS:
            return
        params = FAMILIES[family].sample_params(sources.lexicon, rng)
        wording = Wording.sample(sources.grammar, family, params, rng)
        instruction = Instruction(family, params, plain(wording, next(turns[family])))
        if normalise(instruction.text) not in seen:
            seen.add(normalise(instruction.text))
            yield instruction, _inputs(sources, instruction, 2, rng)


def _human(sources: GenerationContent, path: Path) -> Iterator[tuple[Instruction, list[str]]]:
    rng = Random("wordplay human")
    for index, line in enumerate(read_lines(path)):
        instruction = Instruction(line["family"], line["params"], line["instruction"])
        count = 2 if index < HUMAN_TWICE else 1
        yield instruction, _inputs(sources, instruction, count, rng)


def _seen(sources: GenerationContent, seed: int) -> Iterator[tuple[Instruction, list[str]]]:
    """The earliest training instructions of every family, with inputs they were not trained on.

    Being early, they are in any training set of a few thousand instructions.
    """
    rng = Random(f"wordplay seen {seed}")
    share, extra = divmod(SPLIT_INSTRUCTIONS, len(FAMILIES))
    wanted = {name: share + (turn < extra) for turn, name in enumerate(FAMILIES)}
    for index, instruction in enumerate(split_instructions(sources)):
        if not any(wanted.values()):
            return
        if wanted[instruction.family]:
            wanted[instruction.family] -= 1
            trained = _train_inputs(
                sources, instruction, sources.train_options["seed"], index, INPUTS_PER_INSTRUCTION
            )
            yield instruction, _inputs(sources, instruction, 2, rng, avoid=[*trained, ""])


def _write(
    sources: GenerationContent, split: str, asked: Iterable[tuple[Instruction, Sequence[str]]]
) -> int:
    lines: list[str] = []
    for instruction, texts in asked:
        for text in texts:
            identifier = f"wordplay-{split}-{len(lines) + 1:04d}"
            example = _example(sources, instruction, text)
            line = {"id": identifier, **example, "params": dict(instruction.params)}
            lines.append(json.dumps(line, ensure_ascii=False))
    path = sources.directory / f"{split}.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def audit(train: Iterable[str], evaluation: Iterable[str], content: Path | None = None) -> AuditReport:
    """How much evaluation instructions share with training instructions (texts, in any order)."""
    return audit_instructions(train, evaluation, GenerationContent.load(content).lexicon)


def main(arguments: Sequence[str] | None = None) -> None:
    """Rebuild the split files in place and print the audit of each."""
    parser = argparse.ArgumentParser(prog="python -m gisteval.tasks.generators.wordplay.generate")
    parser.add_argument("--human", type=Path, help="JSON Lines of family, params, instruction")
    parser.add_argument("--content", type=Path, help="directory of the task's content")
    options = parser.parse_args(arguments)
    for split, count in build_splits(options.human, options.content).items():
        print(f"{split}: {count} examples")
    sources = GenerationContent.load(options.content)
    train = [item.text for item in islice(split_instructions(sources), TRAIN_INSTRUCTIONS)]
    for split in EVALUATION_SPLITS:
        path = sources.directory / f"{split}.jsonl"
        if path.exists():
            asked = [line["instruction"] for line in read_lines(path)]
            print(split, audit(train, asked, options.content))


if __name__ == "__main__":
    main()
