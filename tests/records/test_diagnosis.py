"""What a diagnosis writes is read as it was written, or refused in one line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.records.diagnosis import (
    Diagnosed,
    Diagnosis,
    DiagnosticRow,
    Observation,
    observations_file,
    read_diagnosis,
    read_observations,
)

ROW = DiagnosticRow(
    measure="leakage", split="seen", system="gist-1", setting="leak 4", metric="nll", unit="nats",
    value=0.5, ci_low=None, ci_high=1.5, n=4, clusters=2, control=2.0, share=25.0,
)  # fmt: skip
OBSERVATION = Observation(
    key="k", measure="leakage", system="gist-1", split="seen", setting="leak 4", example="1", content="c",
    cluster="say", values={"nll": 0.5}, series={"nll": (0.25, 0.75)}, marks={"copied": (1.0, None)},
    texts={"nearest": "tell"},
)  # fmt: skip


def diagnosis() -> Diagnosis:
    other = DiagnosticRow.from_json({**ROW.to_json(), "measure": "drift"})
    finding = Diagnosed(measure="leakage", system="gist-1", state="warning", text="it leaks")
    return Diagnosis(signature="s", measures=("leakage", "drift"), rows=(ROW, other), findings=(finding,))


def test_a_diagnosis_is_read_as_it_was_written_and_the_last_one_counts(tmp_path: Path) -> None:
    assert read_diagnosis(tmp_path) is None
    whole = diagnosis()
    file = whole.write(tmp_path)
    assert read_diagnosis(tmp_path) == whole
    assert whole.of("leakage") == (ROW,) and whole.of("states") == ()
    written = json.loads(file.read_text())["rows"][0]
    assert "share_ci_low" not in written and written["ci_low"] is None  # unknown is not unbounded
    empty = Diagnosis(signature="s", measures=(), rows=())
    empty.write(tmp_path)
    assert read_diagnosis(tmp_path) == empty


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"signature": ', "diagnosis.json is damaged ("),
        ("[]", "diagnosis.json is damaged ("),
        ('{"signature": "s", "measures": []}', "(rows is missing)"),
        ('{"signature": "s", "measures": [], "rows": [3]}', "(rows[0] is 3, not a mapping)"),
    ],
)
def test_a_damaged_diagnosis_is_one_line(tmp_path: Path, content: str, says: str) -> None:
    diagnosis().write(tmp_path).write_text(content)
    with pytest.raises(GistevalError) as refused:
        read_diagnosis(tmp_path)
    assert says in str(refused.value) and "run gisteval diagnose again" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_observations_are_read_back_and_a_damaged_line_is_named(tmp_path: Path) -> None:
    file = observations_file(tmp_path, "leakage", "gist-1")
    file.parent.mkdir(parents=True)
    line = json.dumps(OBSERVATION.to_json())
    file.write_text(f"{line}\n{line}\n")
    assert list(read_observations(file)) == [OBSERVATION] * 2
    wrong = json.dumps({**OBSERVATION.to_json(), "series": {"nll": ["x"]}})
    file.write_text(f"{line}\n{wrong}\n")
    with pytest.raises(GistevalError, match=r"gist-1.*jsonl, line 2: series.*: delete this"):
        list(read_observations(file))
    assert observations_file(tmp_path, "leakage", "gist/1").parent == file.parent
    assert observations_file(tmp_path, "leakage", "gist/1") != observations_file(
        tmp_path, "leakage", "gist-1"
    )
