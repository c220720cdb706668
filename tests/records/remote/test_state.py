from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.records.remote.state import STATE, FileState, JournalState, State, mark_of


def test_a_state_comes_back_as_it_was(tmp_path) -> None:
    state = State(
        {"generations/a.jsonl": JournalState(1, 5, "d", ["p"])},
        {"b": FileState([1, 2], "v")},
        {"c": [3, 4]},
    )
    state.write(tmp_path)
    assert State.read(tmp_path) == state
    assert State.read(tmp_path / "new") == State()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"journals": {"a": 1}, "files": {}, "marks": {}}'])
def test_a_damaged_state_is_one_line(tmp_path, text: str) -> None:
    (tmp_path / STATE).write_text(text)
    with pytest.raises(GistevalError, match="is damaged: delete that file"):
        State.read(tmp_path)


def test_a_mark_changes_when_a_file_grows(tmp_path) -> None:
    file = tmp_path / "a"
    file.write_text("one")
    before = mark_of(file)
    file.write_text("longer")
    assert mark_of(file) != before
