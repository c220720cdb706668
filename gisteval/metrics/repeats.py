"""Metrics of an example that is answered several times: how often one of k answers, or each, is right.

Source: M. Chen et al., "Evaluating Large Language Models Trained on Code", arXiv 2107.03374, 2021, for
pass@k; S. Yao et al., "tau-bench", arXiv 2406.12045, 2024, for pass^k.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from math import comb

from gisteval.errors import GistevalError
from gisteval.metrics.base import ExampleMetric, Metric, OutputMetric, Unread
from gisteval.records.schema import Example

ANY = "pass@"
ALL = "pass^"

_NAME = re.compile(r"(?P<base>.+)\.(?P<kind>pass[@^])(?P<k>[1-9][0-9]{0,3})")


class RepeatMetric(ExampleMetric):
    """The chance that one of k answers is right (pass@k), or that all of them are (pass^k), in percent."""

    compared = False

    def __init__(self, base: OutputMetric, kind: str, k: int) -> None:
        """Build the metric.

        Args:
            base: The metric that says whether an answer is right.
            kind: `ANY` or `ALL`.
            k: The number of answers.
        """
        self.base, self.kind, self.k = base, kind, k
        self.name = f"{base.name}.{kind}{k}"  # type: ignore[misc]
        self.title = f"{base.title}, {kind}{k}"  # type: ignore[misc]

    def applies_to(self, example: Example) -> bool:
        """Say whether an answer to the example can be right or wrong."""
        return self.base.applies_to(example)

    def unread(self, references: Sequence[str]) -> Unread:
        """Count the references against which no answer can be right."""
        return self.base.unread(references)

    def estimate(self, values: Sequence[float]) -> float | None:
        """Return the unbiased estimate of an example in percent; None with fewer than k answers.

        Of the sets of k of the answers, it is the share with one right answer, or with right ones alone.

        Args:
            values: 100 for each right answer, 0 for each wrong or missing one.
        """
        right, n = sum(value > 50.0 for value in values), len(values)
        if n < self.k:
            return None
        alike = right if self.kind == ALL else n - right
        share = 100.0 * comb(alike, self.k) / comb(n, self.k)
        return share if self.kind == ALL else 100.0 - share


def repeat_metric(name: str, base: Metric) -> RepeatMetric:
    """Return the metric of a name as `split_name` takes it apart.

    Raises:
        GistevalError: The base does not say of single outputs whether they are right.
    """
    _, kind, k = split_name(name) or ("", "", 0)
    if not (isinstance(base, OutputMetric) and base.checks):
        raise GistevalError(f"metric {name!r}: {base.name} doesn't say whether an output is right")
    return RepeatMetric(base, kind, k)


def split_name(name: str) -> tuple[str, str, int] | None:
    """Take a name such as exact_match.pass@5 apart: base, kind and k; None for another name."""
    found = _NAME.fullmatch(name)
    return (found["base"], found["kind"], int(found["k"])) if found else None


def repeat_metrics(metrics: Iterable[Metric], samples: int | None) -> Iterator[RepeatMetric]:
    """Yield the metrics of repeated answers for each metric that checks them.

    k doubles from 2 on and ends with the number of answers.

    Args:
        metrics: The metrics of single outputs.
        samples: How often each example is answered; None for greedy answers.
    """
    ks = sorted({*(2**power for power in range(1, 10) if 2**power < (samples or 0)), samples or 0})
    for base in metrics:
        if isinstance(base, OutputMetric) and base.checks:
            for kind in (ANY, ALL):
                yield from (RepeatMetric(base, kind, k) for k in ks if k > 1)
