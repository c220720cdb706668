"""Servers that do not take all of a judge's parameters: dropped once, recorded, and the same next time."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gisteval.records.run_folder import RunFolder

N = 12
OUTPUTS = {
    "pos": [f"ref {n}" for n in range(N)],
    "same": [f"ref {n} " for n in range(N)],
    "bad": [f"nothing {n}" for n in range(N)],
}


def good(body: dict) -> str:
    """A judge that prefers what begins as the references do."""
    text = body["messages"][1]["content"]
    first, second = (text.split(f"<answer-{name}")[1].split(f"</answer-{name}")[0] for name in "AB")
    choice = "tie" if ("ref" in first) == ("ref" in second) else "A" if "ref" in first else "B"
    return json.dumps({"reason": "", "choice": choice})


def refusing(*names: str, status: int = 400) -> Callable[[int, dict], str | dict]:
    """A server that takes no request with one of these fields, and names the first."""

    def answer(number: int, body: dict) -> str | dict:
        for name in names:
            if name in body:
                error = {
                    "message": f"Unsupported parameter: '{name}'",
                    "param": name,
                    "code": "unsupported",
                }
                return {"status": status, "body": json.dumps({"error": error}).encode()}
        return good(body)

    return answer


def verdicts(run: Path, label: str = "openai") -> list[dict]:
    file = RunFolder(run).verdicts(label, "bad")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def judge(run: Path, server, *more: object) -> tuple[object, ...]:
    return ("judge", run, "--judge", "openai", "--base-url", server.url, *more)


@pytest.mark.parametrize("status", [400, 422])
def test_refused_parameters_are_dropped_and_recorded(
    gisteval, make_run, chat_server, judging_cache, caplog, status: int
) -> None:
    chat_server.answer = refusing("reasoning_effort", "temperature", status=status)
    run = make_run(OUTPUTS)
    outcome = gisteval(*judge(run, chat_server))
    assert outcome.code == 0, outcome.err
    assert "reasoning_effort" in caplog.text and "temperature" in caplog.text
    facts = json.loads((run / "manifest.json").read_text())["judges"]["openai"]
    assert facts["parameters"] == {"max_completion_tokens": 400}
    assert set(facts["dropped"]) == {"reasoning_effort", "temperature"}
    assert (
        "refuses the parameter temperature, so it was left out"
        in (run / "report" / "report.md").read_text()
    )
    # The keys are those of what was sent: who leaves both out by flag has the same, paid for already.
    asked = len(chat_server.requests)
    other = make_run(OUTPUTS, "other")
    flags = ("--judge-param", "temperature=", "--judge-param", "reasoning_effort=")
    assert gisteval(*judge(other, chat_server, *flags)).code == 0
    assert {v["key"] for v in verdicts(other)} == {v["key"] for v in verdicts(run)}
    assert len(chat_server.requests) == asked


def test_a_judging_with_a_dropped_parameter_goes_on(
    gisteval, refused, make_run, chat_server, judging_cache
) -> None:
    chat_server.answer = refusing("reasoning_effort")
    run = make_run(OUTPUTS)
    assert gisteval(*judge(run, chat_server, "--limit", 4)).code == 0
    before = sum("reasoning_effort" in body for body in chat_server.requests)
    assert gisteval(*judge(run, chat_server)).code == 0
    assert sum("reasoning_effort" in body for body in chat_server.requests) == before
    assert {v["choice"] for v in verdicts(run)} == {"b"} and len(verdicts(run)) == 2 * N + 20
    assert gisteval(*judge(run, chat_server, "--reparse")).err.startswith("0 of")
    facts = json.loads((run / "manifest.json").read_text())["judges"]["openai"]
    assert {name: parameter["value"] for name, parameter in facts["dropped"].items()} == {
        "reasoning_effort": "none"
    }
    # Another value was never refused: it is not dropped in silence, but makes another judge.
    line = refused(*judge(run, chat_server, "--judge-param", "reasoning_effort=low"))
    assert "(its prompt or parameters differ)" in line


def test_a_limit_is_sent_under_its_other_name(gisteval, make_run, chat_server, judging_cache) -> None:
    chat_server.answer = refusing("max_completion_tokens")
    run = make_run(OUTPUTS)
    assert gisteval(*judge(run, chat_server)).code == 0
    assert chat_server.requests[-1]["max_tokens"] == 400
    assert (
        "max_completion_tokens, so it was sent as max_tokens" in (run / "report" / "report.md").read_text()
    )


def test_a_server_that_takes_neither_limit_is_refused(
    refused, make_run, chat_server, judging_cache, caplog
) -> None:
    chat_server.answer = refusing("max_completion_tokens", "max_tokens")
    line = refused(*judge(make_run(OUTPUTS), chat_server))
    assert "refuses the judge's parameter max_tokens" in line
    assert "--judge-param max_tokens=" in line


def test_a_schema_that_is_refused_is_left_out(gisteval, make_run, chat_server, judging_cache) -> None:
    chat_server.answer = refusing("response_format")
    run = make_run(OUTPUTS)
    assert gisteval(*judge(run, chat_server)).code == 0
    assert "response_format" not in chat_server.requests[-1]


def test_a_parameter_refused_after_a_reply_is_not_dropped(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    """A server that accepted it does support it: those comparisons failed, and are asked again."""
    refuse = refusing("temperature")
    chat_server.answer = lambda number, body: good(body) if number < 10 else refuse(number, body)
    run = make_run(OUTPUTS)
    assert gisteval(*judge(run, chat_server, "--concurrency", 1)).code == 4
    facts = json.loads((run / "manifest.json").read_text())["judges"]["openai"]
    assert facts["dropped"] == {} and facts["parameters"]["temperature"] == 0


@pytest.mark.parametrize(
    ("model", "missing", "sent"),
    [
        ("gpt-4o-mini", {"reasoning_effort"}, {"temperature": 0}),
        ("gpt-4.1-mini", {"reasoning_effort"}, {"temperature": 0}),
        ("gpt-5-mini", {"temperature"}, {"reasoning_effort": "minimal"}),
        ("gpt-5.4-mini", set(), {"temperature": 0, "reasoning_effort": "none"}),
    ],
)
def test_listed_models_are_asked_as_they_can_be(
    gisteval, make_run, chat_server, judging_cache, model: str, missing: set[str], sent: dict
) -> None:
    run = make_run(OUTPUTS)
    assert gisteval(*judge(run, chat_server, "--model", model, "--limit", 1)).code == 0
    for body in chat_server.requests:
        assert not missing & body.keys() and sent.items() <= body.items()


def test_a_flag_sets_a_parameter(gisteval, refused, make_run, chat_server, judging_cache) -> None:
    chat_server.answer = lambda number, body: good(body)
    run = make_run(OUTPUTS)
    flags = ("--judge-param", "reasoning_effort=low", "--judge-param", "seed=7")
    assert gisteval(*judge(run, chat_server, *flags)).code == 0
    assert {(body["reasoning_effort"], body["seed"]) for body in chat_server.requests} == {("low", 7)}
    assert "(its prompt or parameters differ)" in refused(*judge(run, chat_server))
    line = refused(*judge(run, chat_server, "--judge-param", "max_completion_tokens=many", "--max-cost", 1))
    assert "max_completion_tokens must be a whole number from 1" in line
    assert "must be name=value" in refused(*judge(run, chat_server, "--judge-param", "seed"))
    line = refused("judge", run, "--judge-param", "seed=7")
    assert "judge reference asks no model: leave out --judge-param" in line


def test_a_run_hands_parameters_to_its_judge(
    gisteval, tiny_suite, tiny_task, tmp_path, chat_server, judging_cache
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in (Path(__file__).parents[3] / "judges" / "openai").iterdir():
        text = file.read_text().replace("https://api.openai.com/v1", chat_server.url)
        (folder / file.name).write_text(text)
    outcome = gisteval(
        *("run", "--model", tiny_suite / "gist-1", "--task", tiny_task, "--output", tmp_path / "run"),
        *("--judge", folder, "--judge-param", "temperature=", "--judge-param", "top_p=0.5", "--limit", 3),
    )
    assert outcome.code in (0, 4), outcome.err  # what becomes of ties on random outputs is not asked here
    assert chat_server.requests and all("temperature" not in body for body in chat_server.requests)
    assert all(body["top_p"] == 0.5 for body in chat_server.requests)
