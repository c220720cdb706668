"""The correction of claims for their number."""

from __future__ import annotations

import numpy as np
import pytest

from gisteval.report.budget import corrected_margins
from gisteval.stats import holm


@pytest.mark.parametrize("seed", range(5))
def test_the_correction_lies_between_holm_and_bonferroni(seed: int) -> None:
    tests = np.random.default_rng(seed).beta(0.2, 1.0, size=(6, 2))
    corrected = np.array(corrected_margins([(within, worse) for within, worse in tests.tolist()]))
    assert (corrected <= np.minimum(np.maximum(6.0 * tests / 0.6, tests / 0.5), 1.0) + 1e-12).all()
    for side in (0, 1):
        stepped = np.array(holm(tests[:, side].tolist()))
        assert (corrected[:, side] >= np.minimum(stepped / 0.6, 1.0) - 1e-12).all()
    assert (corrected >= np.minimum(tests / 0.5, 1.0) - 1e-12).all()
    order = np.argsort(tests.reshape(-1))
    assert (np.diff(corrected.reshape(-1)[order]) >= 0.0).all()
