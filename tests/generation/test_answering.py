"""Answers that depend on nothing but the example: not on batch, order, window, or what is known already."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.generation import answering as generation
from gisteval.generation import batching
from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.outcomes import Answer, TooLong
from gisteval.models.running.decoder import DecoderModel
from gisteval.records.schema import Example

WORDS = ["say", "the", "first", "word", "twice", "or", "maybe", "no"]
EXAMPLES = [
    Example(
        str(n),
        "tiny",
        "test",
        " ".join(WORDS[: 1 + n % 5]),
        "" if n % 4 == 0 else "cats and dogs " * (n % 7),
        f"yes {WORDS[n % 8]}" * (1 + n % 3),
    )
    for n in range(17)
]
COMPRESSORS = [Gist(), Full(), Empty(), Truncate()]


def batches(model, compressor=None, examples=EXAMPLES, batch_size=None, **options):
    decoding = Decoding(6, batch_size, **options)
    return list(answer_all(model, compressor or Gist(), None, examples, decoding))


def answers(*args, **options) -> dict[str, Answer]:
    found = [answer for batch in batches(*args, **options) for answer in batch]
    assert len({answer.example.id for answer in found}) == len(found)
    return {answer.example.id: answer for answer in found}


def assert_same(found: dict[str, Answer], expected: dict[str, Answer]) -> None:
    """Everything equal, losses up to rounding."""
    assert found.keys() == expected.keys()
    for key, answer in found.items():
        other = expected[key]
        assert answer.nll == pytest.approx(other.nll, abs=1e-5)
        for name in Answer.__slots__:
            if name != "nll":
                assert getattr(answer, name) == getattr(other, name), name


@pytest.fixture(scope="module")
def one_by_one(tiny_model):
    """Answers with one example a batch and one batch a call, for a model and a compressor."""

    def run(name: str, compressor) -> dict[str, Answer]:
        found: dict[str, Answer] = {}
        for example in EXAMPLES:
            found |= answers(tiny_model(name, 2), compressor, [example], 1)
        return found

    return run


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("compressor", COMPRESSORS, ids=lambda c: c.name)
def test_answers_do_not_depend_on_batch_size_or_order(tiny_model, one_by_one, name, compressor):
    model = tiny_model(name, 2)
    expected = one_by_one(name, compressor)
    assert len({answer.output for answer in expected.values()}) > 5
    shuffled = random.Random(1).sample(EXAMPLES, len(EXAMPLES))
    assert_same(answers(model, compressor, shuffled, 1), expected)
    assert_same(answers(model, compressor, EXAMPLES, 3), expected)
    assert_same(answers(model, compressor, shuffled, None), expected)


def test_answers_do_not_depend_on_the_room_for_caches_and_prompts(tiny_model, one_by_one, monkeypatch):
    model = tiny_model("llama", 2)
    expected = one_by_one("llama", Gist())
    room = model.row_bytes(300, 100)
    monkeypatch.setattr(batching, "BATCH_BYTES", room)
    assert 1 < max(len(batch) for batch in batches(model)) < len(EXAMPLES)
    assert_same(answers(model), expected)
    for batch in batches(model):
        used = [answer.source_tokens + 2 + answer.target_tokens + 6 for answer in batch]
        inputs = model.tokens.continuations([answer.example.input for answer in batch])
        longest = max((own + len(x) for own, x in zip(used, inputs, strict=True)), default=0)
        read = max(map(len, inputs), default=0)
        assert len(batch) * model.row_bytes(longest, read) <= room
    monkeypatch.setattr(batching, "BATCH_BYTES", 1)
    assert max(len(batch) for batch in batches(model)) == 1
    assert_same(answers(model), expected)
    monkeypatch.setattr(batching, "PREFIX_BYTES", 1)
    monkeypatch.setattr(generation, "WINDOW", 1)
    assert_same(answers(model), expected)
    assert_same(answers(model, batch_size=2), expected)


def test_an_answer_tells_what_the_model_says_it_is(tiny_model):
    model = tiny_model("gpt2", 2)
    example = EXAMPLES[5]
    (answer,) = answers(model, Gist(), [example]).values()
    prompt = model.tokens.prompts([example.instruction])[0]
    compressed = Gist().compress(model, [example.instruction], None)
    decoded = model.open(compressed, [example.input]).decode(6)[0]
    losses = model.score(compressed, [example.input], [example.output])[0]
    assert answer.output == model.tokens.decode(decoded.token_ids)
    assert (answer.output_tokens, answer.finished) == (len(decoded.token_ids), decoded.finished)
    assert answer.nll == pytest.approx(float(losses.mean()), abs=1e-6)
    assert answer.target_tokens == len(losses)
    assert answer.source_tokens == len(prompt)
    assert answer.template_tokens == sum(model.tokens.template_ends(prompt))
    assert (answer.kept, answer.bytes) == (2, 2 * model.slot_bytes)


def test_without_loss_the_answers_stay_and_the_losses_are_none(tiny_model, one_by_one):
    found = answers(tiny_model("llama", 2), with_loss=False)
    expected = one_by_one("llama", Gist())
    assert {key: a.output for key, a in found.items()} == {key: a.output for key, a in expected.items()}
    assert {answer.nll for answer in found.values()} == {None}


def test_each_instruction_of_a_window_is_compressed_once(tiny_model, monkeypatch):
    seen: list[str] = []
    compress = Gist.compress

    def counting(self, model, instructions, budget):
        seen.extend(instructions)
        return compress(self, model, instructions, budget)

    monkeypatch.setattr(Gist, "compress", counting)
    answers(tiny_model("llama", 2))
    assert Counter(seen) == dict.fromkeys({example.instruction for example in EXAMPLES}, 1)


def ids(found) -> list[list[str]]:
    return [[answer.example.id for answer in batch] for batch in found if batch]


@pytest.mark.parametrize("batch_size", [1, 3, None])
def test_known_answers_leave_the_plan_of_the_others_alone(tiny_model, monkeypatch, batch_size):
    """A resumed run computes in the very batches of an uninterrupted one, and only what is missing."""
    model = tiny_model("llama", 2)
    monkeypatch.setattr(generation, "WINDOW", 2)
    decoding = Decoding(6, batch_size)
    whole = batches(model, batch_size=batch_size)
    known = {"0", "5", "10", "15", "1", "6", "3"}
    done = {index for index, example in enumerate(EXAMPLES) if example.id in known}
    resumed = list(answer_all(model, Gist(), None, EXAMPLES, decoding, done))
    assert ids(resumed) == [batch for batch in ids(whole) if not set(batch) <= known]
    if batch_size == 1:
        assert not known & {key for batch in ids(resumed) for key in batch}
    expected = {answer.example.id: answer for batch in whole for answer in batch}
    for answer in (answer for batch in resumed for answer in batch):
        assert answer == expected[answer.example.id]


def test_nothing_is_computed_if_all_is_known(tiny_model, monkeypatch):
    monkeypatch.setattr(Gist, "compress", None)
    decoding = Decoding(6)
    found = list(answer_all(tiny_model("llama", 2), Gist(), None, EXAMPLES, decoding, set(range(17))))
    assert not any(found)


def test_no_examples_are_no_batches(tiny_model):
    assert batches(tiny_model("llama", 2), examples=[]) == []


def test_an_example_over_the_context_is_reported_and_the_others_are_answered(tiny_model, one_by_one):
    model = tiny_model("gpt2", 2)
    long = Example("long", "tiny", "test", "say", "yes no " * 200, "yes")
    found = [item for batch in batches(model, examples=[long, *EXAMPLES]) for item in batch]
    failed = [item for item in found if isinstance(item, TooLong)]
    needed = len(Gist().prompts(model, ["say"])[0]) + len(model.tokens.targets(["yes"])[0])
    needed += len(model.tokens.continuations([long.input])[0])
    assert failed == [TooLong(long, needed, 256)]
    rest = {item.example.id: item for item in found if isinstance(item, Answer)}
    assert_same(rest, one_by_one("gpt2", Gist()))


def test_an_example_that_fills_the_context_exactly_is_answered(tiny_model):
    plain, example = tiny_model("llama", 2), EXAMPLES[6]
    model = DecoderModel(plain.model, plain.tokens)
    (expected,) = answers(model, Gist(), [example]).values()
    model.context = 0
    ((too_long,),) = filter(None, batches(model, Gist(), [example]))
    model.context = too_long.needed
    (answer,) = answers(model, Gist(), [example]).values()
    assert answer.nll == expected.nll
    assert expected.output.startswith(answer.output)
    model.context -= 1
    assert list(filter(None, batches(model, Gist(), [example]))) == [
        [TooLong(example, model.context + 1, model.context)]
    ]


def test_an_order_of_work_that_only_the_examples_decide(tiny_model):
    """Batches hold rows of similar length; equal examples keep the order they came in."""
    model = tiny_model("llama", 2)
    same = [Example(str(n), "tiny", "test", "say", "cats", f"{n}") for n in range(5)]
    assert ids(batches(model, examples=same, batch_size=2)) == [["0", "1"], ["2", "3"], ["4"]]
    lengths = [
        [len(model.tokens.continuations([answer.example.input])[0]) for answer in batch]
        for batch in batches(model, batch_size=4)
        if batch
    ]
    flat = [length for batch in lengths for length in batch]
    assert flat == sorted(flat)
