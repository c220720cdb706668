"""The options of a diagnosis: which measures are taken, and what a run of the same model would be."""

from __future__ import annotations

import pytest

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.pipeline.diagnose.options import MEASURES, DiagnoseOptions


def test_measures_come_in_the_order_of_the_page_and_drift_needs_a_reader() -> None:
    plain = DiagnoseOptions(models=("m",))
    assert plain.measures == tuple(name for name in MEASURES if name != "drift")
    assert DiagnoseOptions(models=("m",), reader="later").measures == MEASURES
    some = DiagnoseOptions(models=("m",), only=("work", "divergence", "work"))
    assert some.measures == ("divergence", "work")


def test_a_run_of_the_same_model_has_all_that_both_have_but_the_folder() -> None:
    options = DiagnoseOptions(
        models=("m",), task="t", splits=("seen",), limit=3, compressors=("truncate",), budgets=("4",),
        max_new_tokens=7, output="here", dtype="bfloat16",
    )  # fmt: skip
    assert options.config() == RunConfig(
        models=("m",), task="t", splits=("seen",), limit=3, compressors=("truncate",), budgets=("4",),
        max_new_tokens=7, dtype="bfloat16", judge="none",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"models": ("m",), "run": "r"}, "give the folder of a finished run, or --model"),
        ({"run": "r", "limit": 3, "task": "t"}, "leave --task, --limit out beside a run"),
        ({"models": ("m",), "limit": 0}, "--limit must be at least 1"),
    ],
)
def test_options_that_do_not_fit_are_one_line(given: dict, said: str) -> None:
    with pytest.raises(GistevalError) as error:
        DiagnoseOptions(**given)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_what_a_run_does_not_decide_may_stand_beside_it() -> None:
    assert DiagnoseOptions(run="r", reader="m", device="cpu", dtype="float32", only=("drift",)).measures
