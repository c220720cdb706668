"""Questions about a paragraph that stands among others, from a local file in the form of SQuAD or HotpotQA.

The form is RULER's `qa_1` and `qa_2` (arXiv 2404.06654, section 3): the paragraphs that the answer is in,
and others of the same file as distractors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from gisteval.errors import GistevalError, one_line
from gisteval.tasks.generators.long_prompts.lengths import grid, size

FRAME = (
    "Answer questions by the documents below. An answer is a few words of them, and nothing else.\n\n{text}"
)


@dataclass(frozen=True)
class Asked:
    """A question, its answers, and the paragraphs that hold them."""

    question: str
    answers: tuple[str, ...]
    paragraphs: tuple[str, ...]


def questions(
    *, file: str, length: tuple[int, ...], examples: int, seed: int
) -> Iterator[Mapping[str, object]]:
    """Yield the questions of a file behind as many paragraphs as fit.

    Args:
        file: A JSON file in the form of SQuAD ("data", "paragraphs", "qas") or HotpotQA (a list with
            "context", "supporting_facts").
        length: Pieces of each instruction (`lengths.size`); examples take them in turn.
        examples: How many at most.
        seed: Which distractors stand where depends on it.

    Raises:
        GistevalError: The file is not given, can't be read, or has another form.
    """
    found = read_questions(file)
    known = list(dict.fromkeys(text for asked in found for text in asked.paragraphs))
    for number, (pieces, _) in enumerate(grid(length, [0.0], min(examples, len(found)))):
        asked, draw = found[number], Random(f"questions {seed} {pieces} {number}")
        others = [text for text in known if text not in asked.paragraphs]
        draw.shuffle(others)
        room = pieces - size(FRAME.format(text="")) - sum(4 + size(text) for text in asked.paragraphs)
        chosen = list(asked.paragraphs)
        for text in others:
            room -= 4 + size(text)
            if room < 0:
                break
            chosen.append(text)
        draw.shuffle(chosen)
        text = "\n\n".join(f"Document {place}:\n{one}" for place, one in enumerate(chosen, 1))
        places = [chosen.index(one) for one in asked.paragraphs]
        yield {
            "instruction": FRAME.format(text=text),
            "input": asked.question,
            "output": "\n".join(" ".join(answer.split()) for answer in asked.answers),
            "depth": round(100 * sum(places) / len(places) / max(1, len(chosen) - 1), 1),
            "length": pieces,
            "facts": len(chosen),
        }


def read_questions(file: str) -> list[Asked]:
    """The questions of a file that have an answer. Raises GistevalError as `questions` does."""
    if not file:
        raise GistevalError("this task reads a local file: name it, --task questions:file=PATH")
    try:
        content = json.loads(Path(file).read_text(encoding="utf-8"))
        found = list(_squad(content) if isinstance(content, dict) else _hotpot(content))
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise GistevalError(
            f"{file} is no file in the form of SQuAD or HotpotQA ({type(error).__name__}: "
            f"{one_line(error)}): give the released JSON"
        ) from error
    if not found:
        raise GistevalError(f"{file} holds no question with an answer: give the released JSON")
    return found


def _squad(content: Mapping[str, Any]) -> Iterator[Asked]:
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            for asked in paragraph["qas"]:
                answers = tuple(dict.fromkeys(str(answer["text"]) for answer in asked["answers"]))
                if answers:
                    yield Asked(asked["question"], answers, (paragraph["context"],))


def _hotpot(content: list[Mapping[str, Any]]) -> Iterator[Asked]:
    for item in content:
        titles = {title for title, _ in item["supporting_facts"]}
        texts = tuple(f"{title}\n{''.join(lines)}" for title, lines in item["context"] if title in titles)
        yield Asked(item["question"], (str(item["answer"]),), texts)
