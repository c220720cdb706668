"""Outputs made elsewhere become a run folder: who is compared with whom, and what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.imports.records import (
    all_examples,
    claim_folder,
    contents_of,
    failures_of,
    marks,
    write_generations,
)
from gisteval.records.schema import Example, Verdict

EXAMPLES = tuple(Example(f"e{n}", "t", "test", f"say {n}", "", f"yes {n}") for n in range(3))
IDS = [example.content_id for example in EXAMPLES]
GIST = SystemLabel("gist", "llama", "gist", 4)


def outputs(system: SystemLabel, asked: int, *answered: int) -> ImportedOutputs:
    """A system that was asked the first examples, and answered some of them."""
    texts = {IDS[number]: f"yes {number}" for number in answered}
    return ImportedOutputs(system, "test", EXAMPLES[:asked], texts, "file.jsonl")


def test_a_system_is_compared_with_the_control_of_its_family_and_k(tmp_path: Path) -> None:
    systems = [
        GIST,
        SystemLabel("gist-2", "llama", "gist", 2),
        SystemLabel("pos-10", "llama", "pos_control", 10),
        SystemLabel("pos-4", "llama", "pos_control", 4),
        SystemLabel("pos-1", "llama", "pos_control", 1),
        SystemLabel("t5-pos-4", "t5", "pos_control", 4),
        SystemLabel("neg-1", "llama", "neg_control", 1),
        SystemLabel("t5-gist", "t5", "gist", 1),
    ]
    contents = {system.name: system.name for system in systems}
    folder = claim_folder(tmp_path / "run", "t", {"test": EXAMPLES}, systems, contents, ["import"])
    found = {system.name: (system.reference, system.negative) for system in folder.systems}
    assert found == {
        "gist": ("pos-4", "neg-1"),  # the same k
        "gist-2": ("pos-1", "neg-1"),  # else the smallest
        "pos-10": ("pos-10", "neg-1"),
        "pos-4": ("pos-4", "neg-1"),
        "pos-1": ("pos-1", "neg-1"),
        "t5-pos-4": ("t5-pos-4", None),
        "neg-1": ("pos-1", "neg-1"),
        "t5-gist": ("t5-pos-4", None),
    }


def test_what_was_not_asked_is_no_failure_and_what_was_not_answered_is_one() -> None:
    other = SystemLabel("other", "llama", None, 0)
    parts = [outputs(GIST, 3, 0, 1, 2), replace(outputs(other, 2, 0), references={IDS[0]: "yes  0"})]
    found = marks({"test": EXAMPLES}, parts)
    assert found["not_asked"] == {"other": {"test": (IDS[2],)}}
    assert found["own_references"] == ("other",)
    ((key, failures),) = failures_of(parts).items()
    assert key == ("other", "test")
    assert [(item.example.id, item.reason) for item in failures] == [("e1", "file.jsonl has no output")]


def test_what_is_there_is_not_written_again(tmp_path: Path) -> None:
    folder = claim_folder(tmp_path / "run", "t", {"test": EXAMPLES}, [GIST], {"gist": "a"}, ["import"])
    write_generations(folder, [outputs(GIST, 3, 0)])
    before = folder.generations("gist").read_text(encoding="utf-8")
    write_generations(folder, [outputs(GIST, 3, 0, 2)])
    after = folder.generations("gist").read_text(encoding="utf-8")
    assert after.startswith(before) and len(after.splitlines()) == 2


def test_an_import_is_another_one_if_a_text_or_a_verdict_changes() -> None:
    known = contents_of([outputs(GIST, 3, 0, 1)], [])
    assert contents_of([outputs(GIST, 3, 0, 1)], []) == known
    verdict = Verdict("key", IDS[0], "t", "test", "gist", "pos", "human:ann", "main", "ab", "a", None)
    changed = [
        contents_of([replace(outputs(GIST, 3, 0, 1), outputs={IDS[0]: "no", IDS[1]: "yes 1"})], []),
        contents_of([outputs(GIST, 3, 0)], []),
        contents_of([outputs(GIST, 3, 0, 1)], [verdict]),
    ]
    assert known not in changed


def test_an_example_of_two_files_stands_once() -> None:
    again = replace(EXAMPLES[0], id="another id")
    elsewhere = replace(EXAMPLES[1], split="seen")
    found = all_examples([EXAMPLES[:2], [again, elsewhere, EXAMPLES[2]]])
    assert found == {"test": EXAMPLES, "seen": (elsewhere,)}
