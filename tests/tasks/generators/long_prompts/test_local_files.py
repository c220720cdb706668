"""Long prompts from files in the forms of others: small ones, made here."""

from __future__ import annotations

import json

import pytest

from gisteval.errors import GistevalError
from gisteval.tasks import load_task

COUNTERFACT = [
    {
        "case_id": n,
        "requested_rewrite": {
            "prompt": "The mother tongue of {} is",
            "subject": f"Person {n}",
            "target_new": {"str": "English"},
            "target_true": {"str": "French"},
        },
        "paraphrase_prompts": [f"Person {n} was born to speak"],
        "neighborhood_prompts": ["The language of Leon is"],
    }
    for n in range(4)
]
ZSRE = {
    "subject": "Watts", "src": "Which team does Watts play for?", "alt": "Foxes", "answers": ["Bears"],
    "rephrase": "What is the team of Watts?", "loc": "nq question: who sang it", "loc_ans": "Anna",
}  # fmt: skip


def read(task: str, folder, rows, **settings):
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = ",".join([f"file={file}", *(f"{name}={value}" for name, value in settings.items())])
    return list(load_task(f"{task}:{text}").examples("test"))


def test_longbench(tmp_path) -> None:
    row = {"input": "Who?", "context": "Long text.", "answers": ["Ann", "Ann\nLee"], "length": 2}
    first, second = read(
        "longbench", tmp_path, [{**row, "dataset": "qasper", "all_classes": None},
                                {**row, "dataset": "trec", "answers": ["B"], "all_classes": ["A", "B"]}]
    )  # fmt: skip
    assert (first.instruction, first.input, first.output) == ("Long text.", "Who?", "Ann\nAnn Lee")
    assert (first.part, first.length, first.choices) == ("qasper", 2, None)
    assert (second.part, second.output, second.choices) == ("trec", "B", "A\nB")


def test_scbench_turns_share_a_prefix_and_see_the_earlier_ones(tmp_path) -> None:
    turns = [{"input": "First?", "answer": "1"}, {"input": "Second?", "answer": ["2", "two"]}]
    first, second = read("scbench", tmp_path, [{"id": 0, "context": "Long.", "multi_turns": turns}])
    assert first.instruction == second.instruction == "Long."
    assert (first.input, first.output, first.part) == ("First?", "1", "turn 1")
    assert (second.input, second.output, second.part) == ("First?\n1\nSecond?", "2\ntwo", "turn 2")


def test_edits_stand_among_others(tmp_path) -> None:
    found = read("edits", tmp_path, COUNTERFACT, facts="1/3")
    assert [e.facts for e in found] == ([1] * 3 + [3] * 3) * 4  # a limit holds both numbers
    assert [e.part for e in found[:3]] == ["rewrite", "paraphrase", "neighbourhood"]
    assert found[0].instruction == "The mother tongue of Person 0 is English."
    assert [e.output for e in found[:3]] == ["English", "English", "French"]
    assert {e.choices for e in found} == {"English\nFrench"}
    for example in [e for e in found if e.facts == 3]:
        lines = example.instruction.split("\n")
        assert len(set(lines)) == 3
    with pytest.raises(GistevalError, match="holds 4 edits, not 9"):
        read("edits", tmp_path, COUNTERFACT, facts=9)


def test_zsre(tmp_path) -> None:
    found = read("edits", tmp_path, [ZSRE])
    assert [(e.input, e.output) for e in found] == [
        ("Which team does Watts play for?", "Foxes"),
        ("What is the team of Watts?", "Foxes"),
        ("who sang it", "Anna"),
    ]
    assert found[0].instruction == "Which team does Watts play for? Foxes"


def test_code_retrieval(tmp_path) -> None:
    row = {
        "context": [{"path": "a.py", "snippet": "A = 1"}, {"path": "b.py", "snippet": "def b(): ..."}],
        "import_statement": "from b import b", "cropped_code": "x = (", "next_line": "    b()",
        "gold_snippet_index": 1,
    }  # fmt: skip
    (example,) = read("code_retrieval", tmp_path, [row])
    assert example.instruction == "# a.py\nA = 1\n\n# b.py\ndef b(): ..."
    assert (example.input, example.output) == ("from b import b\nx = (", "    b()")
    assert (example.facts, example.depth) == (2, 100.0)


@pytest.mark.parametrize("task", ["longbench", "scbench", "edits", "code_retrieval"])
def test_another_form_is_refused_by_name(task: str, tmp_path) -> None:
    with pytest.raises(GistevalError, match="no field"):
        read(task, tmp_path, [{"text": "x"}])
    with pytest.raises(GistevalError, match=f"--task {task}:file=PATH"):
        list(load_task(task).examples("test"))
