"""Documents and scores for the lm-eval task files in tasks/*/lm_eval.

The task files name these functions (`!function`), so they run under stock lm-eval with any of its models
and from any working directory. Data is found and checked as in `gisteval run`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gisteval.errors import MissingExtra
from gisteval.metrics.checks import InstructionFollowed, SecretKept
from gisteval.metrics.matching import AnswerMatch, StringMatchAll, StringMatchPart
from gisteval.metrics.rouge import RougeLMetric
from gisteval.metrics.text import ExactMatch
from gisteval.tasks import load_task
from gisteval.tasks.generators.wordplay.choices import choice_questions

MATCHES = (
    StringMatchAll(),
    StringMatchPart(),
    AnswerMatch(),
    ExactMatch(),
    InstructionFollowed(),
    SecretKept(),
)


def documents(task: str, splits: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """Return documents for lm-eval's `custom_dataset`.

    Args:
        task: Name of a gisteval task.
        splits: The gisteval split of each of lm-eval's splits.
        **metadata: Metadata of the task file and the command line. What the task knows as a setting is
            set: `--metadata '{"length": 4096}'`.

    Returns:
        A dataset for each of lm-eval's splits. A document has an id, instruction, input and output.
    """
    loaded = load_task(task)
    settings = [f"{name}={metadata[name]}" for name in loaded.definition.settings if name in metadata]
    if settings:
        loaded = load_task(f"{task}:{','.join(settings)}")
    return {
        name: _dataset(
            {"id": e.id, "instruction": e.instruction, "input": e.input, "output": e.output}
            for e in loaded.examples(split)
        )
        for name, split in splits.items()
    }


def choice_documents(splits: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """Return wordplay's multiple-choice questions for lm-eval's `custom_dataset`.

    Args:
        splits: The gisteval split of each of lm-eval's splits.
        **metadata: Metadata of the task file and the command line, which is not used.

    Returns:
        A dataset for each of lm-eval's splits. The shots of a document are examples of its instruction.
    """
    return {name: _dataset(map(asdict, choice_questions(split))) for name, split in splits.items()}


def _dataset(rows: Iterable[Mapping[str, Any]]) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("datasets", "lm-eval") from error
    return datasets.Dataset.from_list(list(rows))


def text_scores(document: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    """Score one answer for lm-eval's `process_results`: ROUGE-L F1 and exact match, in percent."""
    metrics = (RougeLMetric(), ExactMatch())
    return {metric.name: metric.of_texts(answers[0], document["output"]) for metric in metrics}


def match_scores(document: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    """Score one answer for lm-eval's `process_results` by all matches; a task file names what it wants."""
    return {metric.name: metric.of_texts(answers[0], document["output"]) for metric in MATCHES}
