"""Records to sample rows: what lines up with what."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from gisteval.records.schema import Verdict
from gisteval.report.data import read_runs
from gisteval.report.samples import collect_samples

POSITIVE, GIST, NEGATIVE = "tiny-pos_control-1", "tiny-gist-1", "tiny-neg_control-1"


def test_every_output_stands_beside_its_example(small_run) -> None:
    found = collect_samples(read_runs([small_run]))
    assert found.splits == ("seen", "human")
    assert found.judges == ("reference",)
    assert [system.role for system in found.systems] == ["positive", "candidate", "candidate", "negative"]
    assert [system.reference for system in found.systems] == [None, POSITIVE, POSITIVE, POSITIVE]
    assert len(found.samples) == 48
    assert len({sample.slug for sample in found.samples}) == 48
    for sample in found.samples:
        assert set(sample.outputs) == {system.name for system in found.systems}
        right = sample.outputs[POSITIVE]
        assert (right.text, right.score, right.exact) == (sample.example.output, 100, True)
    wrong = found.samples[0].outputs[GIST]
    assert (wrong.text, wrong.score, wrong.exact, wrong.groups) == ("", 0, False, ("empty",))
    assert "truncated" in found.samples[1].outputs[GIST].groups


def test_a_judgement_is_the_mean_of_both_orders(small_run) -> None:
    found = collect_samples(read_runs([small_run]))
    values = [sample.outputs[GIST].judgements["reference"].value for sample in found.samples[:6]]
    assert values == [
        0.5,
        0.5,
        0.5,
        0.0,
        0.5,
        0.5,
    ]  # the orders disagree on 0, equal outputs tie, 3 is lost
    first = found.samples[0].outputs[GIST].judgements["reference"]
    assert [verdict.order for verdict in first.verdicts] == [
        "ab",
        "ba",
    ]
    assert found.samples[0].outputs[POSITIVE].judgements == {}


def test_only_verdicts_of_the_win_rate_count_and_the_last_look_wins(
    write_small_run, make_example, tmp_path
) -> None:
    run = write_small_run(tmp_path / "run", {"seen": [make_example(3)]})
    path = run.verdicts("reference", NEGATIVE)
    last = Verdict(**json.loads(path.read_text().splitlines()[-1]))
    assert last.choice == "b"
    with path.open("a") as stream:
        for changes in (
            {"purpose": "aa", "choice": "invalid"},
            {"choice": "error", "reply": None, "error": "no"},
        ):
            stream.write(json.dumps(asdict(replace(last, **changes))) + "\n")
    (sample,) = collect_samples(read_runs([run])).samples
    judgement = sample.outputs[NEGATIVE].judgements["reference"]
    assert judgement.value is None
    assert [verdict.choice for verdict in judgement.verdicts] == ["a", "error"]


def test_the_same_example_twice_is_two_samples(write_small_run, make_example, tmp_path) -> None:
    one = make_example(1)
    run = write_small_run(tmp_path / "run", {"seen": [one, replace(one, id="again")]}, judge=None)
    first, second = collect_samples(read_runs([run])).samples
    assert second.slug == f"{first.slug}-2"
    assert first.outputs.keys() == second.outputs.keys()


def test_runs_share_samples_and_their_systems_are_told_apart(
    write_small_run, make_example, tmp_path
) -> None:
    examples = {"seen": [make_example(number) for number in range(3)]}
    runs = [write_small_run(tmp_path / name, examples, judge=None) for name in ("one", "two")]
    found = collect_samples(read_runs(runs))
    assert len(found.samples) == 3
    assert len(found.systems) == 8
    assert {system.name for system in found.systems} == set(found.samples[0].outputs)
    assert found.systems[5].name == f"two/{GIST}"
    assert found.systems[5].reference == f"two/{POSITIVE}"


def test_damaged_verdicts_are_named(write_small_run, make_example, tmp_path) -> None:
    run = write_small_run(tmp_path / "run", {"seen": [make_example(3)]})
    run.verdicts("reference", NEGATIVE).write_text('{"no": "verdict"}\n')
    with pytest.raises(Exception, match=r"reference--tiny-neg_control-1\.jsonl, line 1"):
        collect_samples(read_runs([run]))
