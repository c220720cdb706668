"""BIG-Bench Hard: 27 tasks with few-shot prompts, which are the instruction; a question is the input.

Source: M. Suzgun et al., "Challenging BIG-Bench Tasks and Whether Chain-of-Thought Can Solve Them"
(arXiv 2210.09261), data of github.com/suzgunmirac/BIG-Bench-Hard (MIT). Two files hold them:
`examples.jsonl.gz` with the 6,511 questions, and `prompts.json` with each task's prompt as released ("cot")
and cut to its questions and answers ("direct"). They are made of that repository's files, which are
downloaded, or by `python -m gisteval.tasks.generators.bbh CHECKOUT FOLDER` of a checkout of it.
"""

from __future__ import annotations

import gzip
import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping
from itertools import chain, zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory

from gisteval.errors import GistevalError, one_line
from gisteval.files.tables import read_table
from gisteval.tasks.sources import download

log = logging.getLogger(__name__)

STEPS = " Let's think step by step."

TASKS = tuple(
    """boolean_expressions causal_judgement date_understanding disambiguation_qa dyck_languages
    formal_fallacies geometric_shapes hyperbaton logical_deduction_five_objects
    logical_deduction_seven_objects logical_deduction_three_objects movie_recommendation
    multistep_arithmetic_two navigate object_counting penguins_in_a_table
    reasoning_about_colored_objects ruin_names salient_translation_error_detection snarks
    sports_understanding temporal_sequences tracking_shuffled_objects_five_objects
    tracking_shuffled_objects_seven_objects tracking_shuffled_objects_three_objects web_of_lies
    word_sorting""".split()  # noqa: SIM905
)

WORDS = {
    "boolean_expressions": ("True", "False"),
    "sports_understanding": ("yes", "no"),
    "web_of_lies": ("Yes", "No"),
}
"""Answers to choose from, of the tasks whose questions don't list theirs."""


def questions(*, examples: Path, prompts: Path, form: str) -> Iterator[Mapping[str, object]]:
    """Yield the questions of all tasks in turn, so that the first hundred already hold every task.

    Args:
        examples: The file of questions.
        prompts: The file of prompts.
        form: "direct" or "cot".

    Raises:
        GistevalError: A task has no prompt.
    """
    texts = json.loads(prompts.read_text(encoding="utf-8"))
    by_task: dict[str, list[Mapping[str, object]]] = {}
    for row in read_table(examples):
        by_task.setdefault(str(row["task"]), []).append(row)
    if unknown := by_task.keys() - texts.keys():
        raise GistevalError(
            f"{prompts} has no prompt of {', '.join(sorted(unknown))}: make both files anew"
        )
    for row in filter(None, chain.from_iterable(zip_longest(*by_task.values()))):
        task, asked, answer = str(row["task"]), str(row["input"]), str(row["output"])
        yield {
            "id": row["id"],
            "instruction": texts[task][form],
            "input": f"Q: {asked}\nA:{STEPS if form == 'cot' else ''}",
            "output": answer,
            "part": task,
            "choices": "\n".join(choices(task, asked, answer)),
        }


def choices(task: str, question: str, answer: str) -> list[str]:
    """The answers that a question lists or that all questions of its task share; none for a free answer."""
    listed = re.findall(r"^\(\w\)", question, re.MULTILINE) or re.findall(
        r"^- (\w+)\s*$", question, re.MULTILINE
    )
    found = listed or list(WORDS.get(task, ()))
    return found if answer in found else []


def direct(prompt: str) -> str:
    """A prompt with chains of thought, without them: only what follows "the answer is" stays."""
    return re.sub(
        r"^A: Let's think step by step\..*?the answer is (.+?)\.?$",
        r"A: \1",
        prompt,
        flags=re.MULTILINE | re.DOTALL,
    )


def make(url: str, folder: Path) -> None:
    """Make both files of the released ones, each task's prompt and questions.

    Args:
        url: Where the released repository's files lie.
        folder: Where the two files go. The others are deleted.

    Raises:
        GistevalError: A file can't be downloaded, or is none of the release's.
    """
    log.info("downloading the %d files of BIG-Bench Hard", 2 * len(TASKS))
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as name:
        checkout = Path(name)
        for part, ending in (("cot-prompts", "txt"), ("bbh", "json")):
            for task in TASKS:
                download(f"{url}/{part}/{task}.{ending}", checkout / part / f"{task}.{ending}")
        try:
            build(checkout, folder)
        except (ValueError, KeyError, TypeError) as error:
            raise GistevalError(
                f"the files at {url} are not those of the release: {one_line(error)}"
            ) from error


def build(checkout: Path, folder: Path) -> tuple[int, int]:
    """Make both files of a checkout. Returns the numbers of tasks and questions."""
    texts, rows = {}, []
    for file in sorted((checkout / "cot-prompts").glob("*.txt")):
        # The lines up to the dashes are a warning not to train on the data.
        prompt = file.read_text(encoding="utf-8").partition("-----\n")[2].strip()
        texts[file.stem] = {"cot": prompt, "direct": direct(prompt)}
        content = json.loads((checkout / "bbh" / f"{file.stem}.json").read_text(encoding="utf-8"))
        for number, item in enumerate(content["examples"]):
            rows.append(
                {
                    "id": f"{file.stem}-{number}",
                    "task": file.stem,
                    "input": item["input"],
                    "output": item["target"],
                }
            )
    (folder / "prompts.json").write_text(json.dumps(texts, indent=1, ensure_ascii=False), encoding="utf-8")
    with gzip.GzipFile(folder / "examples.jsonl.gz", "wb", mtime=0) as stream:
        for row in rows:
            stream.write((json.dumps(row, ensure_ascii=False) + "\n").encode())
    return len(texts), len(rows)


if __name__ == "__main__":
    tasks, asked = build(Path(sys.argv[1]), Path(sys.argv[2]))
    print(f"{tasks} tasks, {asked:,} questions")
