"""What a worker's shell makes of the ways in which its work can end."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError, InvalidRun, MissingExtra
from gisteval.executors.ray_actor import Actor


def work(error: BaseException) -> object:
    raise error


@pytest.mark.parametrize("error", [GistevalError("a"), InvalidRun("b"), MissingExtra("c", "d")])
def test_an_expected_error_keeps_its_exit_code(error: GistevalError) -> None:
    reply = Actor(lambda: work).do(error)
    assert reply.refusal is not None
    assert (str(reply.refusal), reply.refusal.exit_code) == (str(error), error.exit_code)


@pytest.mark.parametrize("error", [SystemExit(0), SystemExit(3), ValueError("no"), RecursionError()])
def test_any_other_is_raised_as_an_error(error: BaseException) -> None:
    with pytest.raises(Exception):  # noqa: B017 - never a SystemExit, which would look like a death
        Actor(lambda: work).do(error)


@pytest.mark.parametrize("error", [GistevalError("a"), InvalidRun("b"), MissingExtra("c", "d")])
def test_an_expected_error_of_the_setup_is_the_answer(error: GistevalError) -> None:
    answer = Actor(lambda: work(error)).ready()
    assert isinstance(answer, GistevalError)
    assert (str(answer), answer.exit_code) == (str(error), error.exit_code)


@pytest.mark.parametrize("error", [SystemExit(0), ValueError("no"), RecursionError()])
def test_any_other_of_the_setup_is_raised_once_the_worker_is_asked(error: BaseException) -> None:
    actor = Actor(lambda: work(error))
    with pytest.raises(Exception):  # noqa: B017 - never a SystemExit, which would look like a death
        actor.ready()
