"""The systems of compressors that were asked for: whose weights each reads, and its name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.compressors.pruning.truncate import Truncate
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.records.budget import Budget
from gisteval.suite import SuiteOptions, build_suite
from gisteval.suite.requested import ReadableCheckpoints, parse_requested, requested_systems

GRID = (Budget(5), Budget(share=0.25))


def asked(path, *compressors, budgets=(), **options):
    """Name, checkpoint's folder, condition and budget of each system beside the controls."""
    suite = build_suite(path, SuiteOptions(compressors=compressors, budgets=budgets, **options))
    return [
        (s.name, s.checkpoint.path.name, s.condition, s.budget)
        for s in suite.systems
        if s.role == "candidate"
    ]


def test_a_compressor_without_training_reads_the_positive_control_of_a_suite_once(tiny_suite):
    assert asked(tiny_suite, "truncate", budgets=GRID) == [
        ("tiny-pos_control-1-truncate-5", "pos_control", None, Budget(5)),
        ("tiny-pos_control-1-truncate-25%", "pos_control", None, Budget(share=0.25)),
    ]


def test_a_compressor_without_training_reads_the_control_beside_a_gist_checkpoint(tiny_suite):
    systems = asked(tiny_suite / "gist-3", "truncate", budgets=(Budget(4),))
    assert systems == [("tiny-pos_control-1-truncate-4", "pos_control", None, Budget(4))]
    assert asked(tiny_suite / "pos_control", "truncate", budgets=(Budget(4),)) == systems


def test_a_compressor_that_reads_its_own_checkpoint_makes_a_system_of_each(tiny_suite):
    assert asked(tiny_suite, "empty", "full") == [
        ("tiny-gist-1-empty", "gist-1", "gist", None),
        ("tiny-gist-1-full", "gist-1", "gist", None),
        ("tiny-gist-3-empty", "gist-3", "gist", None),
        ("tiny-gist-3-full", "gist-3", "gist", None),
    ]


def test_gists_stay_as_trained_beside_compressors_that_follow_the_budgets(tiny_suite):
    assert asked(tiny_suite, "gist", "truncate", budgets=GRID) == [
        ("tiny-gist-1", "gist-1", "gist", None),
        ("tiny-gist-3", "gist-3", "gist", None),
        ("tiny-pos_control-1-truncate-5", "pos_control", None, Budget(5)),
        ("tiny-pos_control-1-truncate-25%", "pos_control", None, Budget(share=0.25)),
    ]
    options = SuiteOptions(compressors=("gist", "truncate"), budgets=GRID)
    notes = build_suite(tiny_suite, options).notes
    assert any("gists keep what they were trained to keep" in note for note in notes)


def test_gists_are_refused_on_a_control_that_has_none(tiny_suite):
    with pytest.raises(GistevalError, match=r"is a positive control, .*: compressor gist reads"):
        asked(tiny_suite / "pos_control", "gist")


def test_a_spec_is_canonical_whatever_it_was_written_like(tiny_suite):
    assert asked(tiny_suite / "gist-1", "empty", "nothing", " empty ") == [
        ("tiny-gist-1-empty", "gist-1", "gist", None)
    ]


def test_systems_asked_for_by_an_old_name_bear_it_so_that_their_runs_go_on(tiny_suite):
    suite = build_suite(tiny_suite / "gist-1", SuiteOptions(compressors=("none",)))
    assert [(s.name, s.compressor) for s in suite.systems][1] == ("tiny-gist-1-none", "full")


def test_what_an_architecture_cannot_serve_is_refused_before_anything_is_loaded(t5_suite, monkeypatch):
    monkeypatch.setattr(Truncate, "architectures", frozenset(("decoder-only",)))
    with pytest.raises(GistevalError, match=r"compressor truncate can.t serve .*, a model of the"):
        asked(t5_suite, "truncate")


def test_a_gist_budget_is_in_the_name_unless_it_is_what_was_trained(tiny_suite):
    plain = inspect_checkpoint(tiny_suite / "gist-1")
    windowed = replace(plain, record=replace(plain.record, leak_window=2))
    for budget, name in ((None, "tiny-gist-1"), (3, "tiny-gist-1"), (1, "tiny-gist-1-gist-1")):
        requested = parse_requested(("gist",), () if budget is None else (Budget(budget),))
        systems, notes = requested_systems(requested, ReadableCheckpoints((windowed,), None, None))
        assert ([system.name for system in systems], notes) == ([name], [])


def test_an_oracle_says_so_in_its_name_and_in_one_note(tiny_suite):
    checkpoints = ReadableCheckpoints((inspect_checkpoint(tiny_suite / "gist-3"),), None, None)
    requested = parse_requested(("snapkv@query", "knorm"), (Budget(4),))
    assert [item.method.reusable for item in requested] == [False, True]
    systems, notes = requested_systems(requested, checkpoints)
    assert [system.name.endswith("-oracle") for system in systems] == [True, False]
    assert sum("oracle" in note for note in notes) == 1


@pytest.mark.parametrize("budget", [Budget(2), Budget(share=0.9)])
def test_a_gist_budget_below_k_is_refused_before_anything_is_loaded(tiny_suite, budget):
    with pytest.raises(GistevalError, match="gist-3: compressor gist needs a budget of at least k = 3"):
        build_suite(tiny_suite / "gist-3", SuiteOptions(compressors=("gist",), budgets=(budget,)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (SuiteOptions(budgets=(Budget(4),)), "no compressor is given"),
        (SuiteOptions(budgets=(Budget(4),), compressors=("none", "empty")), "full, empty takes none"),
    ],
)
def test_a_budget_that_nothing_would_keep_is_refused(tiny_suite, options, said):
    with pytest.raises(GistevalError, match=rf"--budget 4 has nothing to work on, {said}: .* --compressor"):
        build_suite(tiny_suite, options)


def test_a_budget_is_only_of_the_compressors_that_take_one(tiny_suite):
    systems = asked(tiny_suite / "gist-1", "full", "truncate", budgets=(Budget(4),))
    assert [(name, budget) for name, _, _, budget in systems] == [
        ("tiny-gist-1-full", None),
        ("tiny-pos_control-1-truncate-4", Budget(4)),
    ]
