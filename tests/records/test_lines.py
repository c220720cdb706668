"""Lines of records: what is written can be read back, and what could not be is never written."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.records.lines import from_json, to_json, with_current_names
from gisteval.records.schema import Verdict
from gisteval.records.store import RecordWriter, read_records

SOUND = Verdict("k", "p", "t", "s", "x", "y", "j", "main", "ab", "a", "reply")
NUMBERS = st.integers() | st.floats() | st.booleans() | st.none() | st.text() | st.lists(st.integers())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt_tokens", True),
        ("prompt_tokens", 1.0),
        ("cost", math.inf),
        ("cost", math.nan),
        ("cost", "1"),
        ("choice", "c"),
        ("reply", b"x"),
        ("judge", None),
    ],
)
def test_no_record_is_written_that_its_reader_refuses(field: str, value: Any) -> None:
    with pytest.raises(TypeError, match=field):
        to_json(replace(SOUND, **{field: value}))


def test_numbers_of_numpy_are_numbers() -> None:
    record = json.loads(json.dumps(to_json(replace(SOUND, cost=np.float64(0.5)))))
    assert from_json(Verdict, record).cost == 0.5


def test_whatever_is_written_comes_back(tmp_path_factory: pytest.TempPathFactory) -> None:
    file: Path = tmp_path_factory.mktemp("records") / "verdicts.jsonl"

    @given(
        st.dictionaries(st.sampled_from(["prompt_tokens", "cost", "reply", "error"]), NUMBERS),
        st.text(st.characters(), max_size=5),
    )
    def check(values: dict[str, Any], text: str) -> None:
        file.unlink(missing_ok=True)
        verdict = replace(SOUND, **{"reply": text, **values})
        try:
            record = to_json(verdict)
        except TypeError:
            return
        with RecordWriter(file) as writer:
            writer.write([record])
        (found,) = read_records(file)
        assert from_json(Verdict, found) == verdict

    check()


NAMES = [("none", "full"), ("nothing", "empty"), ("gist", "gist"), (None, None)]


@pytest.mark.parametrize(("old", "now"), NAMES)
def test_compressors_of_older_folders_bear_their_present_names(old, now) -> None:
    values = {"system": "none", "compressor": old}
    assert with_current_names(values) == {"system": "none", "compressor": now}
    assert values["compressor"] == old
