"""Imported outputs as records."""

from __future__ import annotations

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.records.schema import Example

EXAMPLES = tuple(Example(f"e{n}", "t", "human", f"instruction {n}", "", f"answer {n}") for n in range(3))
FIRST, SECOND, THIRD = (example.content_id for example in EXAMPLES)


def outputs(texts: dict[str, str], references: dict[str, str] | None = None) -> ImportedOutputs:
    label = SystemLabel("X-gist-2", "X", "gist", 2)
    return ImportedOutputs(label, "human", EXAMPLES, texts, "file.csv", references or {})


def test_examples_without_an_output_are_missing_and_have_no_record() -> None:
    part = outputs({FIRST: "a", THIRD: ""})
    assert part.missing == {SECOND}
    assert [(record.example, record.output) for record in part.records()] == [("e0", "a"), ("e2", "")]


def test_a_reference_of_its_own_changes_the_key_and_nothing_else_of_the_others() -> None:
    plain = list(outputs({FIRST: "a", SECOND: "b"}).records())
    other = list(outputs({FIRST: "a", SECOND: "b"}, {SECOND: "another"}).records())
    assert plain[0] == other[0]
    assert plain[1].key != other[1].key
    assert other[1].own_reference == "another"


def test_what_nobody_measured_is_unknown() -> None:
    (record,) = outputs({FIRST: "a"}).records()
    assert (record.output_tokens, record.bytes, record.nll, record.kept) == (None, None, None, 2)
    assert SystemLabel("Y", "", None, 0, "other").kept is None
