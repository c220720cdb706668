"""Stored replies are read again, and nothing is asked."""

from __future__ import annotations

import json

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.reparse import reparse_run
from gisteval.records.run_folder import RunFolder

OUTPUTS = {"pos": [f"ref {n}" for n in range(20)], "bad": [f"nothing {n}" for n in range(20)]}


def prefers_the_reference(number: int, body: dict) -> str:
    """A judge that likes the answer that begins as the reference does, and finds two of them equal."""
    text = body["messages"][1]["content"]
    first, second = ("ref" in text.split(f"<answer-{n}")[1].split(f"</answer-{n}")[0] for n in "AB")
    return json.dumps({"reason": "", "choice": "tie" if first == second else "A" if first else "B"})


def test_stored_replies_are_read_again(gisteval, make_run, chat_server, judging_cache) -> None:
    run = make_run(OUTPUTS)
    chat_server.answer = prefers_the_reference
    command = ("judge", run, "--judge", "openai", "--base-url", chat_server.url)
    gisteval(*command)
    before, asked = RunFolder.open(run).results(), len(chat_server.requests)
    file = RunFolder(run).verdicts("openai", "bad")
    text = file.read_text()
    file.write_text(text.replace('"choice":"b"', '"choice":"invalid"'))
    outcome = gisteval(*command, "--reparse")
    assert outcome.code == 0, outcome.err
    assert "replies are read differently now" in outcome.err and not outcome.err.startswith("0 of")
    assert RunFolder.open(run).results() == before and len(chat_server.requests) == asked
    found = reparse_run(run, JudgeOptions("openai", base_url=chat_server.url))
    verdicts = [v for system in OUTPUTS for v in RunFolder(run).file_verdicts("openai", system)]
    assert (found.read, found.changed) == (sum(v.reply is not None for v in verdicts), 0)
    assert len(chat_server.requests) == asked


def test_a_run_without_verdicts_of_the_judge_has_nothing_to_read(make_run) -> None:
    run = make_run(OUTPUTS)
    with pytest.raises(GistevalError, match="has no verdicts of judge openai: judge it first"):
        reparse_run(run, JudgeOptions("openai", base_url="http://127.0.0.1:9/v1"))
