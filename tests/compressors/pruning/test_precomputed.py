"""Texts made elsewhere: read, counted, refused where they are missing or say two things."""

from __future__ import annotations

import json

import pytest
from exchanged_prompts import exchanged_prompts
from random_models import random_examples, random_model

from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.records.budget import Budget

TEXT, OTHER = "say the first word twice", "repeat yes or no"


@pytest.fixture
def precomputed(tmp_path):
    def make(*rows: dict):
        path = tmp_path / "texts.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return build_compressor(f"precomputed:file={path}")

    from gisteval.compressors.pruning.precomputed import read_texts

    read_texts.cache_clear()
    return make


def row(instruction: str, text: str, **more) -> dict:
    return {"instruction": instruction, "text": text, **more}


def test_the_text_stands_in_the_template(precomputed, tiny_model):
    model = tiny_model("gpt2", 2)
    compressor = precomputed(row(TEXT, "first word 2x"), row(OTHER, "yes/no"))
    found = compressor.compress(model, [OTHER, TEXT], None)
    expected = model.tokens.prompts(["yes/no", "first word 2x"])
    assert [list(prompt.token_ids) for prompt in found] == expected
    template = sum(model.tokens.template_ends(expected[0]))
    for prompt, ids in zip(found, model.tokens.prompts([OTHER, TEXT]), strict=True):
        account = prompt.accounting
        assert (account.source_tokens, account.kept_template, account.asked) == (len(ids), template, None)
        assert account.kept == len(prompt.token_ids)


def test_a_budget_chooses_among_rates(precomputed, tiny_model):
    model = tiny_model("gpt2", 0)
    compressor = precomputed(
        row(TEXT, "first word twice", budget="50%"),
        row(TEXT, "twice", budget=3),
        row(TEXT, "say first word twice"),
    )
    for budget, text in (
        (Budget(share=0.5), "first word twice"),
        (Budget(3), "twice"),
        (None, "say first word twice"),
    ):
        (found,) = compressor.compress(model, [TEXT], budget)
        assert list(found.token_ids) == model.tokens.prompts([text])[0]


@pytest.fixture
def halved(precomputed):
    """Every other word of some instructions, and the examples that they are of."""
    examples = random_examples(count=6)
    texts = (" ".join(example.instruction.split()[::2]) for example in examples)
    rows = [row(example.instruction, text) for example, text in zip(examples, texts, strict=True)]
    return precomputed(*rows), examples


@pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2", "t5"])
def test_the_self_check_passes_and_refuses_exchanged_prompts(halved, family):
    compressor, examples = halved
    model = random_model(family, gain=3.0)
    check = check_cached_path(model, compressor, None, examples)
    assert max(check.loss_difference, check.decoded_difference) < 1e-4
    with exchanged_prompts(compressor), pytest.raises(InvalidRun):
        check_cached_path(model, compressor, None, examples)


def test_missing_instructions_are_named_and_counted(precomputed):
    compressor = precomputed(row(TEXT, "twice", budget="50%"))
    compressor.check_instructions([TEXT, TEXT], Budget(share=0.5))
    with pytest.raises(
        GistevalError, match=r"lacks texts for budget 50% of 2 instructions \(of 3\), such as"
    ):
        compressor.check_instructions([OTHER, TEXT, "no"], Budget(share=0.5))
    with pytest.raises(GistevalError, match=r"'say the first word twice'; it has texts for 50%: add rows"):
        compressor.check_instructions([TEXT], None)
    with pytest.raises(GistevalError, match=r"for budget 25% of 1 instruction .*and budget '25%'"):
        compressor.check_instructions([TEXT], Budget(share=0.25))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row(TEXT, "a"), row(TEXT, "b")], r"row 2: row 1 has a text for the same instruction \('say"),
        (
            [row(TEXT, "a", budget="50%"), row(TEXT, "a", budget="50.0 %")],
            "row 2: .* instruction and budget",
        ),
        ([row(TEXT, " ")], "row 1: 'text' must be a text that is not empty"),
        ([row(OTHER, "a"), row(TEXT, None)], "row 2: 'text' must be a text"),
        ([{"text": "a"}], "row 1: 'instruction' must be a text"),
        ([row(TEXT, "a", budget="most")], "row 1: budget 'most' is neither"),
        ([row(TEXT, "a", budget="0%")], "row 1: budget must be a share above 0%"),
    ],
)
def test_a_file_that_says_two_things_or_nothing_is_refused(precomputed, rows, message):
    with pytest.raises(GistevalError, match=message):
        precomputed(*rows).helper_digests()


def test_without_a_file_it_says_what_to_give():
    with pytest.raises(GistevalError, match="write precomputed:file=FILE"):
        build_compressor("precomputed").check_instructions([TEXT], None)


def test_the_texts_are_a_part_of_the_identity_and_their_order_is_not(tmp_path):
    digests = []
    for name, rows in {
        "one": [row(TEXT, "a"), row(OTHER, "b")],
        "turned": [row(OTHER, "b"), row(TEXT, "a")],
        "changed": [row(TEXT, "a"), row(OTHER, "c")],
    }.items():
        path = tmp_path / f"{name}.jsonl"
        path.write_text("\n".join(map(json.dumps, rows)))
        digests.append(build_compressor(f"precomputed:file={path}").helper_digests())
    assert digests[0] == digests[1] != digests[2]
