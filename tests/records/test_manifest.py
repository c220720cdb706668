"""manifest.json: typed values whatever version wrote it, or one line that says what is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from run_folders import claim_run, make_manifest, make_system

from gisteval.errors import GistevalError
from gisteval.records.manifest import JudgeFacts, Manifest, SelfCheckFacts, System, read_manifest
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example

EXAMPLES = {"s": (Example("1", "t", "s", "say", "", "x"),)}
OLD: dict[str, Any] = {
    "identity": {"task": "t", "examples": {"s": "0"}, "systems": {"a": "1"}},
    "config": {"models": ["x"]},
    "command": ["gisteval", "run"],
    "versions": {"torch": "2.13.0"},
    "device": "cpu",
    "dtype": "float32",
    "notes": [],
    "systems": [
        {
            "name": name,
            "role": role,
            "condition": condition,
            "control": None,
            "compressor": "gist",
            "budget": None,
            "k": 1,
            "checkpoint": "a",
            "weights": "d",
        }
        for name, role, condition in (("a", "candidate", "gist"), ("p", "positive", "pos_control"))
    ],
    "splits": {"s": 1},
    "self_check": {"a": {"examples": 6, "tokens": 9, "max_nll_difference": 1e-5, "greedy_mismatches": 0}},
}
"""As the first version wrote it."""


def read(path: Path, content: object) -> Manifest:
    (path / "manifest.json").write_text(json.dumps(content))
    return read_manifest(path / "manifest.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"identity": 3, "self_check": {}}'])
def test_a_damaged_manifest_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(GistevalError, match=r"manifest\.json is damaged or no manifest"):
        claim_run(tmp_path, EXAMPLES, [make_system("a")])


def system(**changes: object) -> dict[str, object]:
    return {"systems": [{**OLD["systems"][0], **changes}]}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"splits": {"s": -1}}, r"splits\.s is -1, not a whole number from 1"),
        ({"splits": {}}, r"splits is \{\}, not what a run has"),
        ({"systems": []}, r"systems is \[\], not what a run has"),
        ({"systems": [OLD["systems"][0]] * 2}, r"systems\[1\]\.name is 'a', not a name of its own"),
        (system(role=3), r"systems\[0\]\.role is 3, not one of candidate"),
        (system(reference="b"), "reference is 'b', not a system"),
        (system(k=True), r"k is True, not a whole number"),
        (system(loss=[[1]]), r"loss\[0\] is \[1\], not a list of 2"),
        (system(budget=[]), r"budget is \[\], not a text"),
        ({"self_check": {"a": {"examples": 6}}}, r"self_check\.a\.tokens is missing"),
        ({"judges": {"j": {"notes": "x"}}}, r"judges\.j\.notes is 'x', not a list"),
        ({"versions": {"torch": None}}, r"versions\.torch is None, not a text"),
        ({"identity": {}}, r"identity\.task is missing"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, object], says: str) -> None:
    with pytest.raises(GistevalError, match=rf"manifest\.json is damaged or no manifest \(.*{says}"):
        read(tmp_path, {**OLD, **change})


@pytest.mark.parametrize("name", ["command", "versions", "device", "dtype", "systems", "splits"])
def test_what_every_run_states_is_needed(tmp_path: Path, name: str) -> None:
    with pytest.raises(GistevalError, match=rf"\({name} is missing\)"):
        read(tmp_path, {key: value for key, value in OLD.items() if key != name})


def test_a_manifest_of_the_first_version_is_read(tmp_path: Path) -> None:
    manifest = read(tmp_path, OLD)
    assert manifest.references == {"a": "p", "p": "p"}  # it named none, and has one positive control
    assert [system.is_evaluated for system in manifest.systems] == [True, False]
    assert manifest.self_check["a"].tolerance is None
    assert (manifest.judges, manifest.report_notes, manifest.executor) == ({}, (), None)
    written = manifest.to_json()
    assert {name: written[name] for name in OLD if name != "systems"} == {
        name: value for name, value in OLD.items() if name != "systems"
    }
    for before, after in zip(OLD["systems"], written["systems"], strict=True):  # type: ignore[call-overload]
        assert before.items() <= after.items()


def test_a_family_without_a_positive_control_gets_none_of_another() -> None:
    systems = [
        make_system("p", "positive", reference="p"),
        make_system("a", reference="p"),
        make_system("b"),
    ]
    assert make_manifest(EXAMPLES, systems).references == {"p": "p", "a": "p"}


def test_unknown_fields_survive_a_rewrite(tmp_path: Path) -> None:
    folder = claim_run(tmp_path, EXAMPLES, [make_system("a")])
    content = folder.manifest().to_json()
    content["later"] = {"x": [1, None]}
    content["systems"][0]["colour"] = "red"  # type: ignore[index]
    content["identity"]["prompt"] = "digest"  # type: ignore[index]
    content["judges"] = {"j": {"kind": "human", "mood": 3}}
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    run = RunFolder.open(tmp_path)
    run.note_judge("j", replace(run.judges["j"], notes=("n",)))
    after = json.loads((tmp_path / "manifest.json").read_text())
    assert after["later"] == {"x": [1, None]}
    assert after["systems"][0]["colour"] == "red"
    assert after["identity"]["prompt"] == "digest"
    assert (after["judges"]["j"]["mood"], after["judges"]["j"]["notes"]) == (3, ["n"])
    again = claim_run(tmp_path, EXAMPLES, [make_system("a")])  # a run that goes on
    assert again.manifest().extra == {"later": {"x": [1, None]}}


@pytest.mark.parametrize(("budget", "text"), [(None, ""), (16, "16"), ("25%", "25%")])
def test_a_budget_is_a_number_or_a_share(budget: int | str | None, text: str) -> None:
    found = System.from_json(make_system("a", budget=budget).to_json())
    assert (found.budget, found.budget_text) == (budget, text)


def test_fields_that_were_not_given_are_not_written() -> None:
    check = SelfCheckFacts(examples=6, tokens=9, max_nll_difference=1e-5, greedy_mismatches=0)
    assert check.to_json() == OLD["self_check"]["a"]
    assert "executor" not in make_manifest(EXAMPLES, [make_system("a")]).to_json()


def test_what_is_written_is_read() -> None:
    manifest = make_manifest(
        EXAMPLES,
        [make_system("a", loss=((10, 2.5), (20, 1.5)))],
        judges={"j": JudgeFacts(kind="openai", parameters={"seed": 1}, thoughts=(("a", "b"),))},
        not_asked={"a": {"s": ("0",)}},
        executor={"name": "ray", "workers": None},
        result_notes=("n",),
    )
    assert Manifest.from_json(json.loads(json.dumps(manifest.to_json()))) == manifest
