"""Questions from files in the form of SQuAD and HotpotQA: small ones, made here."""

from __future__ import annotations

import json
import re

import pytest
from task_examples import examples

from gisteval.errors import GistevalError
from gisteval.tasks.generators.long_prompts.lengths import size


def test_paragraphs_of_a_file_hide_the_one_that_answers(tmp_path) -> None:
    squad = {
        "data": [
            {
                "paragraphs": [
                    {
                        "context": f"Town {n} was founded in {1500 + n} by settlers from the north.",
                        "qas": [
                            {
                                "question": f"When was town {n} founded?",
                                "answers": [{"text": f"{1500 + n}"}],
                            }
                        ],
                    }
                    for n in range(40)
                ]
            }
        ]
    }
    (tmp_path / "squad.json").write_text(json.dumps(squad))
    for example in examples(f"questions:file={tmp_path}/squad.json,length=256", count=5):
        assert size(example.instruction) <= 256
        number = re.search(r"town (\d+)", example.input)[1]
        assert f"Town {number} was founded in {example.output} " in example.instruction
        assert example.facts > 3
    hotpot = [
        {
            "question": "Which is older?",
            "answer": "A",
            "supporting_facts": [["A", 0]],
            "context": [["A", ["A is old. ", "Very."]], ["B", ["B is new."]]],
        }
    ]
    (tmp_path / "hotpot.json").write_text(json.dumps(hotpot))
    (example,) = examples(f"questions:file={tmp_path}/hotpot.json,length=256")
    assert "A\nA is old. Very." in example.instruction
    (tmp_path / "bad.json").write_text("[1]")
    with pytest.raises(GistevalError, match="no file in the form of SQuAD or HotpotQA"):
        examples(f"questions:file={tmp_path}/bad.json")
    with pytest.raises(GistevalError, match="name it, --task questions:file=PATH"):
        examples("questions")
