"""The gate on run folders: verdicts, refusals and what it prints."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from gated_runs import EQUAL, SMALL, WORSE, gate
from run_folders import make_system

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.gate import GateResult
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import write_json

MakeRun = Callable[..., Path]


def test_equal_worse_and_small(make_run: MakeRun) -> None:
    equal, worse = make_run("equal", EQUAL), make_run("worse", WORSE, system="gist-2")
    result = gate(equal, make_run("baseline", EQUAL))
    assert (result.outcome, result.exit_code) == ("PASS", 0)
    split = result.splits[0]
    assert split.checks[0].estimate.value == 0.0
    assert (split.paired.wins, split.paired.ties, split.paired.losses) == (0, 150, 0)
    failed = gate(worse, equal)
    assert (failed.outcome, failed.exit_code) == ("FAIL", 1)
    assert failed.splits[0].checks[0].estimate.value == pytest.approx(-100 * 1.75 / 6)
    small = gate(make_run("small", SMALL), make_run("small-baseline", SMALL[::-1]))
    assert (small.outcome, small.exit_code) == ("INCONCLUSIVE", 3)
    assert "examples can't detect a difference below" in "".join(small.warnings)


@pytest.mark.parametrize(("counts_as", "code"), [("fail", 1), ("pass", 0), (None, 3)])
def test_what_inconclusive_counts_as(make_run: MakeRun, counts_as: str | None, code: int) -> None:
    result = gate(make_run("a", SMALL), make_run("b", SMALL[::-1]), inconclusive=counts_as)
    assert (result.outcome, result.exit_code) == ("INCONCLUSIVE", code)


def test_a_floor_under_the_win_rate(make_run: MakeRun) -> None:
    run = make_run("run", EQUAL)
    assert gate(run, run, min_win_rate=40.0).outcome == "PASS"
    assert gate(run, run, min_win_rate=60.0).outcome == "FAIL"
    assert gate(run, run, min_win_rate=49.0).outcome == "INCONCLUSIVE"


def test_several_splits(make_run: MakeRun) -> None:
    baseline = make_run("baseline", {"seen": EQUAL, "human": EQUAL})
    one = make_run("one", {"seen": EQUAL, "human": WORSE})
    result = gate(one, baseline)
    assert [split.outcome for split in result.splits] == ["PASS", "FAIL"]
    assert result.outcome == "FAIL"
    failed = result.splits[1].checks[0]
    assert failed.p_below_adjusted == pytest.approx(2 * failed.p_below)
    assert gate(one, baseline, splits=("seen",)).outcome == "PASS"
    more = gate(make_run("seen", {"seen": EQUAL}), baseline)
    assert [split.split for split in more.splits] == ["seen"]
    assert "left out, since only one run has it: human" in more.warnings


def test_errors_that_could_change_a_pass(make_run: MakeRun) -> None:
    values: list[float | None] = [0.5] * 120
    values[7] = values[60] = None
    result = gate(make_run("errors", values), make_run("baseline", [0.5] * 120), margin=2.8)
    assert result.outcome == "FAIL"
    assert "counting them as losses would change PASS" in result.warnings[-1]
    assert gate(make_run("more", values), make_run("b", [0.5] * 120), margin=20.0).outcome == "PASS"


def test_a_failed_output_counts_as_missing(make_run: MakeRun) -> None:
    result = gate(make_run("failed", [0.5] * 100, failed=[3, 4]), make_run("b", [0.5] * 100), margin=3.2)
    assert result.splits[0].checks[0].missing == 2
    assert result.splits[0].candidate.failed == 2
    assert result.outcome == "FAIL"


def test_the_negative_control_is_the_candidate_of_its_own_run(make_run: MakeRun) -> None:
    negative = make_run("neg", WORSE, system="neg_control-1", role="negative")
    result = gate(negative, make_run("gist", EQUAL))
    assert result.candidate.system == "neg_control-1"
    assert result.outcome == "FAIL"


def refusals() -> list[tuple[str, Callable[[MakeRun], GateResult], type[Exception], str]]:
    few: list[float | None] = [0.5] * 90 + [None] * 10

    def with_verdicts_gone(make: MakeRun) -> GateResult:
        run = make("torn", EQUAL)
        file = next((run / "verdicts").iterdir())
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-4]))
        return gate(run, make("whole", EQUAL))

    def with_outputs_gone(make: MakeRun) -> GateResult:
        run = make("unfinished", EQUAL)
        file = run / "generations" / "gist-1.jsonl"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-3]))
        return gate(run, make("whole", EQUAL), metric="rougeL")

    def with_a_foreign_file(make: MakeRun) -> GateResult:
        run = make("foreign", EQUAL)
        file = next((run / "verdicts").iterdir())
        file.write_text(file.read_text().replace('"judge":"reference"', '"judge":"openai"'))
        return gate(run, make("own", EQUAL))

    def with_examples_gone(make: MakeRun) -> GateResult:
        run = make("old", EQUAL)
        shutil.rmtree(run / "examples")
        return gate(run, run)

    return [
        ("other examples", lambda m: gate(m("a", EQUAL), m("b", EQUAL[:-1])), InvalidRun,
         r"split human: .*a has 150 examples, .*b 149, and 149 are the same"),
        ("no shared split", lambda m: gate(m("a", {"x": EQUAL}), m("b", {"y": EQUAL})), InvalidRun,
         "have no split in common"),
        ("other judge", lambda m: gate(m("a", EQUAL), m("b", EQUAL, judge="openai")), InvalidRun,
         r"verdicts of different judges \(reference and openai\)"),
        ("judge named", lambda m: gate(m("a", EQUAL), m("b", EQUAL, judge="openai"), judge="openai"),
         InvalidRun, r"a was not judged by openai, only by reference: gisteval judge .*a --judge openai"),
        ("not judged", lambda m: gate(m("a", EQUAL), m("b", EQUAL, judge=None)), InvalidRun,
         r"gist-1 of .*b was not judged: gisteval judge .*b"),
        ("other prompt", lambda m: gate(
            m("a", EQUAL, judges={"reference": JudgeFacts(identity="1", prompt="p", model="m")}),
            m("b", EQUAL, judges={"reference": JudgeFacts(identity="2", prompt="q", model="m")}),
        ), InvalidRun,
         r"judge reference of .*a differs from that of .*b in its prompt: judge both runs in the same"),
        ("other opponent", lambda m: gate(m("a", EQUAL), m("b", EQUAL, positive="no")), InvalidRun,
         "differ in 150 of 150 outputs"),
        ("many errors", lambda m: gate(m("a", few), m("b", [0.5] * 100)), InvalidRun,
         "gave no answer to 10 of 200 comparisons on human, more than 2%"),
        ("verdicts gone", with_verdicts_gone, InvalidRun, "2 pairs of human were never judged"),
        ("outputs gone", with_outputs_gone, InvalidRun, "no record of 3 examples of human .*finish"),
        ("examples gone", with_examples_gone, InvalidRun, "holds 0 examples, the run has 150"),
        ("foreign verdicts", with_a_foreign_file, InvalidRun,
         r"reference--gist-1\.jsonl holds verdicts of judge openai: move that file away"),
        ("no run", lambda m: gate(Path("nowhere"), m("b", EQUAL)), GistevalError, "holds no run"),
        ("unknown split", lambda m: gate(m("a", EQUAL), m("b", EQUAL), splits=("x",)), GistevalError,
         "has no split 'x': choose from human"),
        ("unknown system", lambda m: gate(m("a", EQUAL), m("b", EQUAL), system="gist1"), GistevalError,
         r"no system 'gist1' \(did you mean 'gist-1'\?\): choose from gist-1, pos with --system"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "kind", "message"), [r[1:] for r in refusals()], ids=[r[0] for r in refusals()]
)
def test_runs_that_support_no_answer_are_refused(
    make_run: MakeRun, ask: Callable[[MakeRun], GateResult], kind: type[GistevalError], message: str
) -> None:
    with pytest.raises(kind, match=message) as caught:
        ask(make_run)
    assert caught.value.exit_code == (4 if kind is InvalidRun else 2)


def test_a_run_of_several_systems_needs_a_name(make_run: MakeRun) -> None:
    run = make_run("suite", EQUAL)
    manifest = RunFolder.open(run).manifest()
    several = (*manifest.systems, make_system("gist-2", evaluated=True))
    write_json(run / "manifest.json", replace(manifest, systems=several).to_json())
    single = make_run("single", EQUAL)
    with pytest.raises(GistevalError, match="several systems: name one with --system: gist-1, gist-2"):
        gate(run, single)
    assert gate(run, single, system="gist-1").outcome == "PASS"
    assert gate(single, run).baseline.system == "gist-1"  # the candidate's name decides
    with pytest.raises(GistevalError, match="name one with --baseline-system: gist-1, gist-2"):
        gate(make_run("other", EQUAL, system="gist-5"), run)


def test_shared_instructions_widen_the_interval(make_run: MakeRun) -> None:
    def width(values: Sequence[float], shared: int) -> float:
        ours = make_run(f"a{shared}", values, shared=shared)
        estimate = (
            gate(ours, make_run(f"b{shared}", [0.5] * len(values), shared=shared)).splits[0].checks[0]
        )
        return estimate.estimate.ci_high - estimate.estimate.ci_low

    values = [1.0, 1.0, 1.0, 0.0, 0.0, 0.0] * 20
    assert width(values, 3) > 1.5 * width(values, 1)
