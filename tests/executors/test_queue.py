"""A queue of items for a pool: batches, attempts, and what is left out."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.executors.queue import TRIES, Answers, Queue


def work(queue: Queue[int], fails) -> int:
    """Do all tasks of a queue; those with an item in `fails` fail. Returns the number of attempts."""
    attempts = 0
    while not queue.finished:
        task = queue.next(1)
        if task is None:
            continue
        attempts += 1
        if fails & set(task[1]):
            list(queue.failed(task, "no"))
        else:
            list(queue.done(task, Answers(lambda: lambda items: [item * item for item in items])(task)))
    return attempts


def make_queue(count: int, size: int):
    answers: dict[int, int] = {}
    failures: dict[int, str] = {}
    queue = Queue(iter(range(count)), size, lambda n: n, answers.__setitem__, failures.__setitem__)
    return queue, answers, failures


def test_one_bad_item_fails_alone():
    queue, answers, failures = make_queue(7, 3)
    attempts = work(queue, {4})
    assert answers == {n: n * n for n in range(7) if n != 4}
    assert failures == {4: "no"}
    assert attempts == 2 + TRIES + 2 + TRIES  # good batches, the bad one, its good items, the bad item


def test_a_batch_that_was_not_started_is_handed_out_once_more():
    queue, answers, _ = make_queue(2, 2)
    queue.returned(queue.next(1))
    assert not queue.finished
    assert work(queue, set()) == 1
    assert answers == {0: 0, 1: 1}


def test_an_expected_error_is_raised_and_a_bug_only_if_nothing_was_answered():
    queue, _, _ = make_queue(1, 1)
    task = queue.next(1)
    with pytest.raises(GistevalError, match="too large"):
        list(queue.failed(task, "x", refusal=GistevalError("too large")))
    bug = TypeError("no")
    for _ in range(TRIES - 1):
        list(queue.failed(task, "x", crash=bug))
        task = queue.next(1)
    with pytest.raises(TypeError):
        list(queue.failed(task, "x", crash=bug))
