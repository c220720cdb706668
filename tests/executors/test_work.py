"""Jobs, what is done of them already, and the records that outcomes become."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest
import torch

from gisteval.errors import InvalidRun
from gisteval.executors.work import Job, SystemWork, pass_key, self_check
from gisteval.generation.outcomes import Answer, Failed, NotFinite, TooLong
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.records.budget import Budget
from gisteval.records.schema import Example, Generation
from gisteval.suite import System

EXAMPLES = [Example(f"e{n}", "t", "s", f"say {n}", "cats", "yes") for n in range(4)]


def job_of(folder: Path, compressor: str = "gist", budget: Budget | None = None) -> Job:
    checkpoint = inspect_checkpoint(folder)
    return Job(
        System(f"name of {compressor}", checkpoint, "candidate", "gist", None, compressor, budget), "p"
    )


def test_outcomes_become_records_or_stay_without(tiny_suite: Path) -> None:
    job = job_of(tiny_suite / "gist-3")
    answer = Answer(
        example=EXAMPLES[0], output="cats", output_tokens=2, finished=True, source_tokens=9,
        template_tokens=4, kept=3, bytes=64, nll=0.12345678, target_tokens=1, kept_template=0, asked=3,
        raw="hm cats", choice=None,
    )  # fmt: skip
    lost = [TooLong(EXAMPLES[1], 9, 8), NotFinite(EXAMPLES[2]), Failed(EXAMPLES[3], "no")]
    portion = job.portion("s", [answer, *lost])
    (record,) = portion.records
    assert (record["key"], record["content"]) == (job.key(EXAMPLES[0]), EXAMPLES[0].content_id)
    assert (record["nll"], record["k"], record["raw"]) == (0.123457, 3, "hm cats")
    assert set(record) == {field.name for field in fields(Generation)} - {"choice", "sample"}
    assert portion.without == lost and portion.not_finite == [EXAMPLES[2]]
    with pytest.raises(InvalidRun, match="name of gist on e2: the logits are not finite"):
        portion.check_finite()
    job.portion("s", [answer, lost[0]]).check_finite()


def test_what_has_a_record_is_done_and_a_key_is_of_content_and_prefix(tiny_suite: Path) -> None:
    job = job_of(tiny_suite / "gist-1")
    renamed = Example("other", "t2", "s", "say 2", "cats", "yes")
    assert job.key(renamed) == job.key(EXAMPLES[2]) != Job(job.system, "q").key(renamed)
    work = SystemWork(job, {"s": EXAMPLES, "u": EXAMPLES}, {"s": {job.key(renamed), "gone"}, "u": set()})
    assert (work.done("s"), work.done("u")) == ({2}, set())


def test_only_plain_evictors_of_the_same_weights_share_a_pass(tiny_suite: Path) -> None:
    def key(name: str, compressor: str) -> object:
        job = job_of(tiny_suite / name, compressor, Budget(slots=2))
        return pass_key(SystemWork(job, {}, {}))

    assert key("gist-1", "knorm") == key("gist-1", "snapkv:window=2") != key("pos_control", "knorm")
    for alone in ("full", "snapkv@query", "random_words", "tova+pyramid"):
        assert key("gist-1", alone) is None


def test_a_self_check_says_if_nothing_fits(tiny_suite: Path) -> None:
    job = job_of(tiny_suite / "gist-1")
    model = load_model(job.system.checkpoint, torch.device("cpu"), torch.float32)
    check = self_check(job, model, {"s": EXAMPLES})
    assert check is not None and check.loss_difference < 1e-4
    long = Example("long", "t", "s", "say the first word " * 200, "", "yes")
    assert self_check(job, model, {"s": [long]}) is None
