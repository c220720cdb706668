"""Verdicts are on disk before a batch ends, and nothing is written before the first reply."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.judging.parameters import ParameterRefused
from gisteval.judging.protocol import Comparison, comparisons
from gisteval.judging.replies import Failure, Reply
from gisteval.judging.study import matchups
from gisteval.pipeline.judge import verdict_log
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import PreparedJudge, prepare_judge
from gisteval.pipeline.judge.verdict_log import BATCH, VerdictLog
from gisteval.records.run_folder import RunFolder

GOOD = '{"choice": "A"}'
OUTPUTS = {"pos": [f"ref {n}" for n in range(2 * BATCH)], "gist": [f"out {n}" for n in range(2 * BATCH)]}


@pytest.fixture
def prepared() -> PreparedJudge:
    return prepare_judge(JudgeOptions("openai", base_url="http://127.0.0.1:9/v1"))


@pytest.fixture
def folder(make_run, monkeypatch) -> RunFolder:
    monkeypatch.setattr(verdict_log, "FLUSH_SECONDS", 1e9)
    path: Path = make_run(OUTPUTS)
    return RunFolder.open(path)


def asked(folder: RunFolder, prepared: PreparedJudge) -> list[Comparison]:
    matchup = next(m for m in matchups(folder) if m.system == "gist")
    return list(comparisons(matchup, prepared.identity, "both", 0.0))


def written(folder: RunFolder, prepared: PreparedJudge) -> int:
    return len(list(folder.read_verdicts(prepared.label, "gist", "test")))


def test_whole_batches_are_written_at_once_and_the_rest_at_the_end(folder, prepared) -> None:
    with VerdictLog(folder, prepared) as log:
        for number, comparison in enumerate(asked(folder, prepared)[: BATCH + 5], 1):
            log.answered(comparison, Reply(GOOD, 1, 1))
            assert written(folder, prepared) == (BATCH if number >= BATCH else 0)
    assert written(folder, prepared) == BATCH + 5


def test_nothing_is_written_before_the_first_reply(folder, prepared) -> None:
    todo = asked(folder, prepared)
    with pytest.raises(ParameterRefused), VerdictLog(folder, prepared) as log:
        for comparison in todo:
            log.answered(comparison, Failure("status 400"))
        raise ParameterRefused("temperature", "status 400")
    assert written(folder, prepared) == 0
    with pytest.raises(ParameterRefused), VerdictLog(folder, prepared) as log:
        for comparison in todo[:3]:
            log.answered(comparison, Failure("status 500"))
        log.answered(todo[3], Reply(GOOD, 1, 1))
        raise ParameterRefused("temperature", "status 400")
    assert written(folder, prepared) == 4


def test_a_cached_reply_that_makes_no_choice_is_asked_again(folder, prepared) -> None:
    first, second = asked(folder, prepared)[:2]
    with VerdictLog(folder, prepared) as log:
        assert not log.remembered(first, Reply("hm", 1, 1))
        assert log.remembered(second, Reply(GOOD, 1, 1))
    assert written(folder, prepared) == 1
