"""What the lm-eval task files in tasks/*/ call: documents of our splits, and our scores.

They name these functions (`!function`), so they run under stock lm-eval with any of its models, from
any working directory, with the data found and checked as `gisteval run` does it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from gisteval.errors import MissingExtra
from gisteval.metrics.rouge import RougeLMetric
from gisteval.metrics.text import ExactMatch
from gisteval.tasks import load_task
from gisteval.tasks.generators.wordplay.choices import choice_questions


def documents(task: str, splits: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """lm-eval's `custom_dataset`: {its split: our split} -> {its split: documents}.

    A document has id, instruction, input and output. metadata: the task file's and the command line's.
    """
    loaded = load_task(task)
    return {
        name: _dataset(
            {"id": e.id, "instruction": e.instruction, "input": e.input, "output": e.output}
            for e in loaded.examples(split)
        )
        for name, split in splits.items()
    }


def choice_documents(splits: Mapping[str, str], **metadata: Any) -> dict[str, Any]:
    """The same of wordplay's multiple-choice questions; shots: examples of the question's instruction."""
    return {name: _dataset(map(asdict, choice_questions(split))) for name, split in splits.items()}


def _dataset(rows: Iterable[Mapping[str, Any]]) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtra("datasets", "lm-eval") from error
    return datasets.Dataset.from_list(list(rows))


def text_scores(document: Mapping[str, Any], answers: Sequence[str]) -> dict[str, float]:
    """lm-eval's `process_results`: ROUGE-L F1 and exact match of one answer, in percent."""
    metrics = (RougeLMetric(), ExactMatch())
    return {metric.name: metric.of_texts(answers[0], document["output"]) for metric in metrics}
