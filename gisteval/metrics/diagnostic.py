"""What diagnostics measure. docs/diagnostics.md has the formulas and their sources."""

from __future__ import annotations

from gisteval.metrics.base import Metric

NATS = "nats a token"


class Diagnostic(Metric):
    """A number of a pass of its own, without an upper end. It grades no answer, and has no control."""

    direction = "lower"
    high = None
    graded = False
    paired = False

    def __init__(self, name: str, title: str, unit: str, **changes: object) -> None:
        """Build the metric. changes: attributes that are not those of the class."""
        vars(self).update(name=name, title=title, unit=unit, **changes)


def _share(name: str, title: str, direction: str = "higher") -> Metric:
    return Diagnostic(name, title, "percent", direction=direction, high=100.0)


def _loss(name: str, title: str, low: float | None = None) -> Metric:
    return Diagnostic(name, title, NATS, low=low, digits=3)


DIAGNOSTIC_METRICS = {
    metric.name: metric
    for metric in (
        _loss("nll", "loss", low=0.0),
        _loss("delta_nll", "ΔNLL"),
        *(_loss(f"delta_nll@{horizon}", f"ΔNLL@{horizon}") for horizon in (1, 8, 32, 128)),
        _loss("kl", "KL", low=0.0),
        _share("top1", "same top token"),
        Diagnostic("agreed", "tokens until they part", "tokens", direction="higher"),
        _share("same_answer", "never part"),
        _share("greedy_exact", "reference found"),
        _share("spread", "differs between instructions"),
        Diagnostic("entropy", "entropy of the spectrum", "nats", direction="higher", digits=2),
        Diagnostic("effective_rank", "effective rank", "directions", direction="higher"),
        Diagnostic("cosine", "cosine", "cosine", direction="higher", low=-1.0, high=1.0, digits=3),
        Diagnostic("effect", "KL to the nearest", "nats", direction="higher", digits=3),
        _share("same_nearest", "nearest alike by both"),
        _share("repeated", "ROUGE-L"),
        _share("edits", "edit distance", direction="lower"),
        Diagnostic("dep", "Dep", "slots", digits=0),
        Diagnostic("peak_slots", "peak", "slots"),
        Diagnostic("mean_slots", "mean", "slots"),
        _loss("loss_gap", "loss above the control's"),
        Diagnostic("gist_norm", "norm of gist states", "a number", direction="higher", digits=2),
        Diagnostic("gist_entropy", "entropy of gist states", "nats", direction="higher", digits=2),
        _share("needs_more", "instructions that need more", direction="lower"),
    )
}
"""By name. They are measured by passes of their own, so no task can name them."""
