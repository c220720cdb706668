"""A paraphrase has the parameters of its instruction, in other words."""

from __future__ import annotations

import json

from gisteval.content import find_content
from gisteval.tasks import load_task
from gisteval.tasks.generators.wordplay.inputs import CONTENT_KEYS
from gisteval.tasks.generators.wordplay.overlap import normalise
from gisteval.tasks.generators.wordplay.paraphrase import paraphrases

LINES = [
    json.loads(line)
    for line in (find_content("tasks") / "wordplay" / "human.jsonl")
    .read_text(encoding="utf-8")
    .splitlines()
]


def test_each_instruction_has_one_that_keeps_its_content_words() -> None:
    found = load_task("wordplay").paraphrases("human")
    assert set(found) == {line["instruction"] for line in LINES}
    for line in LINES:
        other = found[line["instruction"]]
        assert normalise(other) != normalise(line["instruction"])
        for key in set(CONTENT_KEYS) & line["params"].keys():
            assert str(line["params"][key]) in other


def test_they_depend_on_the_instruction_alone() -> None:
    by_text = {item["instruction"]: item["paraphrase"] for item in paraphrases(reversed(LINES))}
    assert by_text == {item["instruction"]: item["paraphrase"] for item in paraphrases(LINES)}


def test_items_without_parameters_have_none() -> None:
    assert list(paraphrases([{"instruction": "say cat", "family": "constant"}])) == []
