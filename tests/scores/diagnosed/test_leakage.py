"""Findings of the leakage test, from losses made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval.scores.diagnosed.leakage import OTHER, OWN, PARAPHRASE, summarise_leakage
from gisteval.scores.diagnosed.rows import Observed


@pytest.mark.parametrize(
    ("rise", "control", "state"),
    [(2.0, 3.0, "ok"), (2.0, 9.0, "warning"), (0.0, 3.0, "fault"), (2.0, None, "ok")],
)
def test_gists_are_used_if_others_serve_worse(rise: float, control: float | None, state: str) -> None:
    """But behind another's prompt a system must know no more than the negative control."""
    noise = 0.1 * np.random.default_rng(4).standard_normal((3, 60))
    own, other, none = 1.0 + noise[0], 1.0 + rise + noise[1], (control or 0.0) + noise[2]
    systems = {"gist-1": observations("gist-1", own, OWN) + observations("gist-1", other, OTHER)}
    if control is not None:
        systems["neg"] = observations("neg", none, OWN)
    (finding,) = summarise_leakage(Observed(systems, {"gist-1": "neg", "neg": "neg"}), {}).findings
    assert finding.state == state
    assert f"rises by {np.mean(other - own):.3f} [" in finding.text
    few = {name: [one for one in found if int(one.content) < 4] for name, found in systems.items()}
    assert summarise_leakage(Observed(few, {"gist-1": "neg"}), {}).findings[0].state == "open"


@pytest.mark.parametrize(
    ("cost", "count", "state", "ending"),
    [
        (0.1, 60, "ok", "gists hold the meaning more than the wording"),
        (3.8, 60, "warning", "gists hold the wording more than the meaning"),
        (2.0, 60, "open", "of the rise behind another instruction's"),
        (0.1, 6, "open", "too few instructions to say more"),
    ],
)
def test_a_paraphrase_must_cost_little_of_what_another_instruction_costs(
    cost: float, count: int, state: str, ending: str
) -> None:
    noise = 0.1 * np.random.default_rng(5).standard_normal((5, count))
    own = 1.0 + noise[0]
    gist = [(OWN, own), (OTHER, own + 4.0 + noise[1]), (PARAPHRASE, own + cost + noise[2])]
    full = [(OWN, own + noise[3]), (PARAPHRASE, own + 0.25 + noise[3])]
    systems = {
        name: [one for setting, losses in found for one in observations(name, losses, setting)]
        for name, found in (("gist-1", gist), ("pos", full))
    }
    finding = summarise_leakage(Observed(systems, {}), {"gist-1": "pos"}).findings[1]
    assert (finding.state, finding.system) == (state, "gist-1")
    assert finding.text.endswith(ending) and "with the full prompt by 0.250" in finding.text
