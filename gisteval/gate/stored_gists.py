"""May stored gists be kept after a model was updated? The gate's rule on the answers behind them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from gisteval.gate.decision import difference_check
from gisteval.records.diagnosis import Diagnosed, Observation, State
from gisteval.stats import MARGIN

_STATES: dict[str, State] = {"PASS": "ok", "FAIL": "fault", "INCONCLUSIVE": "open"}

_MEANING = {
    "PASS": "the stored gists may be kept",
    "FAIL": "compress the prompts again",
    "INCONCLUSIVE": "too few examples to say; compress the prompts again to be safe",
}


def stored_gists_verdicts(groups: Iterable[Sequence[Observation]]) -> tuple[Diagnosed, ...]:
    """A verdict for each writer and split, from its observations on the references.

    It is PASS if the share of references found is shown to fall by less than the margin, FAIL if it is
    shown to fall and not within the margin.
    """
    return tuple(_verdict(group) for group in groups if group and group[0].setting == "reference")


def _verdict(group: Sequence[Observation]) -> Diagnosed:
    first = group[0]
    stored, own = (
        np.array([observation.values[name] for observation in group])
        for name in ("greedy_exact", "full_greedy_exact")
    )
    check = difference_check(stored, own, [observation.cluster for observation in group], MARGIN)
    estimate = check.estimate
    text = (
        f"{check.outcome}: behind the stored gists of {first.system}, {first.reference} finds "
        f"{estimate.value:+.1f} [{estimate.ci_low:+.1f}, {estimate.ci_high:+.1f}] points of the references "
        f"(90% interval, margin {MARGIN:g}): {_MEANING[check.outcome]}"
    )
    return Diagnosed(
        measure=first.measure,
        system=first.system,
        split=first.split,
        state=_STATES[check.outcome],
        text=text,
        brief=check.outcome,
    )
