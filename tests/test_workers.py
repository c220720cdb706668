"""Who does the work: impossible options are refused, the rest is left as it is."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.workers import check_executor


def test_what_an_executor_has_is_taken() -> None:
    check_executor("local", None, None, None)
    for gpus in (0.0, 0.25, 1.0, 4.0):
        check_executor("ray", "192.0.2.1:1", 3, gpus)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("rya", None, None, None), "executor 'rya' is unknown"),
        (("local", None, 2, None), "--num-workers is an option of --executor ray"),
        (("ray", None, 0, None), "num-workers must be at least 1, not 0"),
        (("ray", None, None, 1.5), "gpus-per-worker must be a part of one GPU or a whole number, not 1.5"),
        (("ray", None, None, float("nan")), "gpus-per-worker must be a part of one GPU"),
    ],
)
def test_what_it_has_not_is_refused(given: tuple, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        check_executor(*given)
