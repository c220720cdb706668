"""Judges that think before they answer, behind a real HTTP server: what is read, counted and kept."""

from __future__ import annotations

import json
from pathlib import Path

from gisteval.judging.cache import ReplyCache
from gisteval.judging.replies import Reply
from gisteval.records.run_folder import RunFolder

N = 12
OUTPUTS = {"pos": [f"ref {n}" for n in range(N)], "bad": [f"nothing {n}" for n in range(N)]}
B = '{"reason": "x", "choice": "B"}'
CUT = f"<think>\nBoth are similar. If I had to choose: {B} maybe, but"


def choice(body: dict, others: bool = False) -> str:
    """The answer that begins as the references do, in the reply's format; others: the worse one."""
    text = body["messages"][1]["content"]
    first, second = (text.split(f"<answer-{name}")[1].split(f"</answer-{name}")[0] for name in "AB")
    good, bad = "ref" in first, "ref" in second
    return json.dumps({"reason": "", "choice": "tie" if good == bad else "AB"[good == others]})


def thoughtful(number: int, body: dict) -> dict:
    """Thinks that the worse one wins, and says that the better one does."""
    thought = f"Perhaps {choice(body, others=True)}?"
    return {"reply": f"<think>\n{thought}\n</think>\n\n{choice(body)}", "finish": "stop"}


def lines(run: Path) -> list[dict]:
    file = RunFolder(run).verdicts("openai", "bad")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_reply_cut_inside_its_thought_is_no_verdict(
    gisteval, refused, make_run, chat_server, judging_cache
) -> None:
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: {"reply": CUT, "finish": "length"}
    command = ("judge", run, "--judge", "openai", "--base-url", chat_server.url)
    line = refused(*command, code=4)
    assert f"no answer to {2 * N} of {2 * N} comparisons (0 failed, {2 * N} cut at the token limit" in line
    kept = {(v["choice"], v["error"], v["finish_reason"], v["reply"]) for v in lines(run)}
    assert kept == {("invalid", "cut at the token limit inside its thought", "length", CUT)}
    assert f"{2 * N} cut at the token limit, 0 unreadable" in (run / "report" / "report.md").read_text()
    with ReplyCache(judging_cache) as cache:
        assert cache.get([v["key"] for v in lines(run)]) == {}
    # With room to finish, every comparison is made again, under keys of its own.
    again = make_run(OUTPUTS, "again")
    chat_server.answer = thoughtful
    outcome = gisteval("judge", again, *command[2:], "--judge-param", "max_completion_tokens=4000")
    assert outcome.code == 0, outcome.err
    assert {v["key"] for v in lines(again)}.isdisjoint({v["key"] for v in lines(run)})
    assert {(v["choice"], v["finish_reason"]) for v in lines(again)} == {("b", "stop")}


def test_an_empty_reply_at_the_limit_says_so(refused, make_run, chat_server, judging_cache) -> None:
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: {"reply": "", "finish": "length"}
    line = refused("judge", run, "--judge", "openai", "--base-url", chat_server.url, code=4)
    assert f"{2 * N} cut at the token limit, 0 unreadable" in line
    assert "--judge-param max_completion_tokens=N" in line
    assert {v["error"] for v in lines(run)} == {"cut at the token limit, with no text so far"}


def test_stored_replies_of_earlier_versions_are_read_behind_the_thought(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    """Their lines have no finish_reason, and the choice in the thought was taken for the answer."""
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: choice(body)
    command = ("judge", run, "--judge", "openai", "--base-url", chat_server.url)
    assert gisteval(*command).code == 0
    old = lines(run)
    for number, verdict in enumerate(old):
        del verdict["finish_reason"]
        verdict["reply"] = CUT if number == 0 else f"<think>Or {B}?</think>{verdict['reply']}"
        verdict["choice"] = "b" if verdict["order"] == "ab" else "a"  # the B of the thought
    file = RunFolder(run).verdicts("openai", "bad")
    file.write_text("".join(json.dumps(verdict) + "\n" for verdict in old))
    asked = len(chat_server.requests)
    assert gisteval(*command).code == 4  # choices that hang on the place: a judge under veto
    assert len(chat_server.requests) == asked  # nothing is asked: the keys are the same
    outcome = gisteval(*command, "--reparse")
    changed = 1 + sum(verdict["order"] == "ba" for verdict in old[1:])
    # The cut reply alone is more than 2% of the comparisons.
    assert outcome.code == 4 and outcome.err.startswith(f"{changed} of")
    first, *others = lines(run)
    assert (first["choice"], first["error"]) == ("invalid", "ended inside its thought")
    assert {v["choice"] for v in others} == {"b"}
    assert gisteval(*command, "--reparse").err.startswith("0 of")


def test_a_cached_reply_that_is_no_answer_is_asked_again(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    first, second = make_run(OUTPUTS), make_run(OUTPUTS, "second")
    chat_server.answer = lambda number, body: choice(body)
    command = ("--judge", "openai", "--base-url", chat_server.url)
    assert gisteval("judge", first, *command).code == 0
    key = lines(first)[0]["key"]
    with ReplyCache(judging_cache) as cache:
        cache.put([(key, Reply(CUT, 1, 1))])  # as an earlier version kept it
    asked = len(chat_server.requests)
    assert gisteval("judge", second, *command).code == 0
    assert len(chat_server.requests) == asked + 1
    assert {v["choice"] for v in lines(second)} == {"b"}


def test_what_a_thought_is_stands_in_judge_yaml(
    gisteval, make_run, chat_server, judging_cache, tmp_path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for file in (Path(__file__).parents[3] / "judges" / "openai").iterdir():
        (folder / file.name).write_text(file.read_text())
    with (folder / "judge.yaml").open("a") as stream:
        stream.write('thoughts: [["[R]", "[/R]"]]\n')
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: f"[R]{choice(body, others=True)}[/R]{choice(body)}"
    command = ("judge", run, "--judge", folder, "--base-url", chat_server.url)
    assert gisteval(*command).code == 0
    assert {v["choice"] for v in lines(run)} == {"b"}
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["judges"]["openai"]["thoughts"] == [["[R]", "[/R]"]]
    # The reply does not rest on how it is read: the bundled judge reads the same verdicts in its own way.
    outcome = gisteval("judge", run, "--judge", "openai", *command[4:], "--reparse")
    assert outcome.code == 4 and {v["choice"] for v in lines(run)} == {"invalid"}  # two that disagree
