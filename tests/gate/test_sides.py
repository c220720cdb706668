"""Which system of a run is compared, and on which examples."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.sides import choose_side, shared_examples, shared_splits


@pytest.fixture
def run(make_run):
    return make_run("run", [1.0, 0.0])


def test_a_system_is_named_or_the_only_one(run) -> None:
    assert choose_side(run, "gist-1", "--system").system == "gist-1"
    assert choose_side(run, None, "--system", like="other").system == "gist-1"
    assert choose_side(run, "pos", "--system").is_positive
    with pytest.raises(GistevalError, match=r"no system 'gist-3' .did you mean 'gist-1'.*--system"):
        choose_side(run, "gist-3", "--system")


def test_splits_are_those_of_both_runs(run) -> None:
    side = choose_side(run, "gist-1", "--system")
    assert shared_splits(side, side, ()) == ("human",)
    assert shared_splits(side, side, ("human", "human")) == ("human",)
    with pytest.raises(GistevalError, match="has no split 'seen': choose from human"):
        shared_splits(side, side, ("seen",))


def test_other_examples_are_refused(run, make_run) -> None:
    other = make_run("other", [1.0, 0.0, 0.5])
    ours, theirs = (choose_side(path, "gist-1", "--system") for path in (run, other))
    assert [one.id for one in shared_examples(ours, ours, "human")] == ["human-0", "human-1"]
    with pytest.raises(InvalidRun, match=r"has 2 examples, .* 3, and 2 are the same"):
        shared_examples(ours, theirs, "human")
