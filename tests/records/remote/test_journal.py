from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.files.object_store import ObjectStore
from gisteval.records.remote.journal import is_journal, parts_by_file, pull_journal, push_journal
from gisteval.records.remote.state import JournalState

NAME = "generations/a.jsonl"


class Machine:
    """One machine's copy of a journal."""

    def __init__(self, folder: Path) -> None:
        self.store = ObjectStore("memory://bucket/run")
        self.path, self.state = folder / NAME, JournalState()

    def append(self, text: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as stream:
            stream.write(text)

    def push(self) -> None:
        if self.path.exists():
            push_journal(self.store, NAME, self.path, self.state)

    def pull(self) -> None:
        pull_journal(self.store, self.path, self.state, parts_by_file(self.store.list()).get(NAME, {}))

    @property
    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


@pytest.fixture
def machine(tmp_path) -> Callable[[str], Machine]:
    """Machines by name, with one empty bucket."""
    fsspec.filesystem("memory").store.clear()
    return lambda name: Machine(tmp_path / name)


def test_which_files_are_journals() -> None:
    assert is_journal("generations/a.jsonl") and is_journal("entry/verdicts/j--a.jsonl")
    assert not is_journal("scores/a.jsonl") and not is_journal("generations/a.txt")
    assert not is_journal("generations.jsonl")


def test_two_machines_that_write_at_once_both_keep_everything(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    two.append("2\n")
    for each in (one, two):
        each.push()
    for each in (one, two):
        each.pull()
        assert sorted(each.lines) == ["1", "2"]


def test_a_half_written_line_waits_for_its_end(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\nha")
    one.push()
    two.pull()
    assert two.lines == ["1"]
    one.append("lf\n")
    one.push()
    two.pull()
    assert two.lines == ["1", "half"]


def test_what_was_not_pushed_stays_behind_what_others_wrote(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    one.push()
    two.append("2\n")
    two.pull()
    assert two.lines == ["1", "2"]
    two.push()
    one.pull()
    assert one.lines == ["1", "2"]
    assert len(one.store.list()) == 2  # what was pulled is not pushed again


def test_pushing_twice_writes_once(machine) -> None:
    one = machine("one")
    one.append("1\n")
    one.push()
    one.push()
    assert len(one.store.list()) == 1


def test_a_killed_push_is_made_up_for(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    one.push()
    one.state = JournalState()  # killed before it was kept
    one.push()
    two.pull()
    assert two.lines == ["1"]


def test_a_file_that_was_written_anew_replaces_its_former_parts(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    one.push()
    two.pull()
    one.path.write_text("one\n")
    one.push()
    two.append("2\n")
    two.pull()
    assert two.lines == ["one", "2"]
    two.push()
    one.pull()
    assert one.lines == ["one", "2"]


def test_former_parts_do_not_come_back_before_the_new_ones_are_pushed(machine) -> None:
    one = machine("one")
    one.append("1\n")
    one.push()
    one.path.write_text("one\n")
    one.pull()
    one.pull()
    assert one.lines == ["one"]


def test_deleted_objects_are_written_again(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    one.push()
    fsspec.filesystem("memory").store.clear()
    one.pull()
    one.push()
    two.pull()
    assert (one.lines, two.lines) == (["1"], ["1"])


def test_a_damaged_part_is_named(machine) -> None:
    one, two = machine("one"), machine("two")
    one.append("1\n")
    one.push()
    (part,) = one.store.list()
    one.store.write(part, b"2\n")
    with pytest.raises(GistevalError, match="is damaged: delete that object"):
        two.pull()
    assert two.lines == []


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["append", "push", "pull"])), max_size=25))
def test_in_any_order_of_work_nothing_is_lost_and_nothing_is_there_twice(tmp_path_factory, steps) -> None:
    fsspec.filesystem("memory").store.clear()
    folder = tmp_path_factory.mktemp("machines")
    machines = [Machine(folder / str(number)) for number in range(3)]
    written = []
    for number, (who, what) in enumerate(steps):
        if what == "append":
            machines[who].append(f"{number}\n")
            written.append(str(number))
        else:
            getattr(machines[who], what)()
    for each in machines:
        each.push()
    for each in machines:
        each.pull()
        assert sorted(each.lines) == sorted(written)
