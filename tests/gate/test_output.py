"""A gate's result as text, JSON and JUnit XML."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
from gated_runs import EQUAL, SMALL, WORSE, gate

from gisteval.gate.output import gate_json, gate_text, junit_xml
from gisteval.records.manifest import JudgeFacts

MakeRun = Callable[..., Path]


def test_text_and_json_say_what_the_verdict_rests_on(make_run: MakeRun) -> None:
    judges = {"reference": JudgeFacts(identity="1", prompt="0123456789abcdef")}
    worse, base = make_run("worse", WORSE, judges=judges), make_run("base", EQUAL, judges=judges)
    result = gate(worse, base)
    text = gate_text(result)
    for part in (
        "difference -29.2 [", "p of no difference", "smallest difference it could detect", "W/T/L 0/50/100",
        "equal outputs 0.0%", "first shown wins", "flips", "errors 0", "cost $3.00",
        "judge reference (prompt 0123456789ab)",
        "warning: the reference judge detects failed", "n 150, instructions 150",
    ):  # fmt: skip
        assert part in " ".join(text.split())
    assert text.splitlines()[-1] == "FAIL"
    content = json.loads(json.dumps(gate_json(result), allow_nan=False))
    assert (content["outcome"], content["exit_code"], content["judge_digest"][:4]) == ("FAIL", 1, "0123")
    assert content["splits"][0]["checks"][0]["outcome"] == "FAIL"


@pytest.mark.parametrize("inconclusive", [None, "pass"])
def test_junit_is_xml_with_a_case_for_each_split(make_run: MakeRun, inconclusive: str | None) -> None:
    values = {"seen": EQUAL, "human\x07": WORSE, "small": SMALL}
    base = {"seen": EQUAL, "human\x07": EQUAL, "small": SMALL[::-1]}
    result = gate(make_run("a", values), make_run("b", base), inconclusive=inconclusive)
    suite = ElementTree.fromstring(junit_xml(result)).find("testsuite")
    assert suite is not None
    passing = inconclusive == "pass"
    assert {name: suite.get(name) for name in ("tests", "failures", "skipped")} == {
        "tests": "3",
        "failures": "1" if passing else "2",
        "skipped": "1" if passing else "0",
    }
    failure = suite.find("testcase[2]/failure")
    assert failure is not None and failure.get("type") == "FAIL"
    assert suite.findall("testcase")[1].get("name") == "human\ufffd"


def test_text_fits_a_terminal_but_for_names_and_paths(make_run: MakeRun) -> None:
    run = make_run("a", SMALL)
    _, _, _, *lines = gate_text(gate(run, run)).splitlines()
    assert max(map(len, lines)) <= 80
    assert sum(line.startswith("    ") for line in lines) >= 3
