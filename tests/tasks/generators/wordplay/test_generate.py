"""The bundled task: right answers, clean splits, and training that shares nothing with them."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from gisteval.tasks import load_task
from gisteval.tasks.generators.wordplay.families import FAMILIES, answer
from gisteval.tasks.generators.wordplay.generate import (
    SPLIT_INSTRUCTIONS,
    GenerationContent,
    audit,
    build_splits,
    read_lines,
    train_examples,
)
from gisteval.tasks.generators.wordplay.inputs import POSITIONS, Params, items
from gisteval.tasks.generators.wordplay.lexicon import content_directory, load_lexicon
from gisteval.tasks.generators.wordplay.overlap import Contamination, normalise
from gisteval.tasks.generators.wordplay.template import parse

RECORD = "name: Ana; city: Rome; pet: dog"

ANSWERS: list[tuple[str, Params, str, str]] = [
    ("pick", {"pos": "second"}, "cat, shovel, red, hammer", "shovel"),
    ("pick", {"pos": "second_last"}, "cat, shovel, red, hammer", "red"),
    ("repeat", {"pos": "first", "times": 3}, "cat, shovel, red, hammer", "cat cat cat"),
    ("repeat", {"pos": "last", "times": 2}, "cat, shovel, red, hammer", "hammer hammer"),
    ("constant", {"A": "bus"}, "", "bus"),
    ("constant", {"A": "bus"}, "cat, shovel, red, hammer", "bus"),
    ("constant_pair", {"A": "bus", "B": "tea"}, "", "bus tea"),
    ("constant_pair", {"A": "tea", "B": "bus"}, "cat, shovel, red, hammer", "tea bus"),
    ("fill", {"A": "bus"}, "cat, red", "bus bus"),
    ("fill", {"A": "tea"}, "cat, red, axe, van", "tea tea tea tea"),
    ("say_then", {"A": "bus", "pos": "third"}, "cat, shovel, red, hammer", "bus red"),
    ("say_then", {"A": "tea", "pos": "last"}, "cat, shovel, red, hammer", "tea hammer"),
    ("then_say", {"pos": "third", "A": "bus"}, "cat, shovel, red, hammer", "red bus"),
    ("then_say", {"pos": "first", "A": "tea"}, "cat, shovel, red, hammer", "cat tea"),
    ("frame", {"A": "bus", "pos": "first", "B": "tea"}, "cat, shovel, red, axe", "bus cat tea"),
    ("frame", {"A": "tea", "pos": "second_last", "B": "bus"}, "cat, axe, red, van", "tea red bus"),
    ("if_count", {"n": 3, "A": "bus", "B": "tea"}, "cat, shovel, red, hammer", "bus"),
    ("if_count", {"n": 4, "A": "bus", "B": "tea"}, "cat, shovel, red, hammer", "tea"),
    ("count", {"A": "bus"}, "cat, red", "2 bus"),
    ("count", {"A": "tea"}, "cat, red, axe, van, sofa, golf", "6 tea"),
    ("category", {"pos": "second"}, "cat, shovel, red, sofa", "tool"),
    ("category", {"pos": "last"}, "cat, shovel, red, sofa", "furniture"),
    ("find", {"category": "colour"}, "cat, shovel, red, sofa", "red"),
    ("find", {"category": "animal"}, "cat, shovel, red, sofa", "cat"),
    ("label", {"category": "animal", "A": "bus", "B": "tea"}, "cat, shovel, red, sofa", "bus"),
    ("label", {"category": "tool", "A": "bus", "B": "tea"}, "cat, shovel, red, sofa", "tea"),
    ("field", {"field": "city"}, RECORD, "Rome"),
    ("field", {"field": "pet"}, RECORD, "dog"),
    ("field_say", {"field": "name", "A": "bus"}, RECORD, "Ana bus"),
    ("field_say", {"field": "pet", "A": "tea"}, RECORD, "dog tea"),
]


def options(split: str) -> dict[str, Any]:
    return load_task("wordplay").definition.splits[split].options


@pytest.fixture(scope="module")
def train() -> list[dict[str, str]]:
    return list(train_examples(**options("train")))


@pytest.fixture(scope="module")
def start() -> list[dict[str, str]]:
    """What the base is trained on."""
    return list(train_examples(**options("start")))


def stored(split: str) -> list[dict[str, Any]]:
    return read_lines(content_directory() / f"{split}.jsonl")


def assert_consistent(split: str) -> None:
    """Every stored answer follows from its own line, and its instruction holds A and B."""
    lexicon = load_lexicon()
    for index, line in enumerate(stored(split), start=1):
        assert line["id"] == f"wordplay-{split}-{index:04d}"
        assert answer(lexicon, line["family"], line["params"], line["input"]) == line["output"]
        assert set(line["params"]) == set(FAMILIES[line["family"]].keys)
        words = normalise(line["instruction"]).split()
        assert all(line["params"][key] in words for key in ("A", "B") if key in line["params"])


@pytest.mark.parametrize(("family", "params", "text", "expected"), ANSWERS)
def test_answer(family: str, params: Params, text: str, expected: str) -> None:
    assert answer(load_lexicon(), family, params, text) == expected


def test_every_family_has_two_literal_answers() -> None:
    names = [family for family, *_ in ANSWERS]
    assert {name: names.count(name) for name in FAMILIES} == dict.fromkeys(FAMILIES, 2)


@given(family=st.sampled_from(sorted(FAMILIES)), seed=st.integers(0, 10**6))
def test_sampled_inputs_have_an_answer(family: str, seed: int) -> None:
    random = Random(seed)
    lexicon = load_lexicon()
    params = FAMILIES[family].sample_params(lexicon, random)
    text = FAMILIES[family].sample_input(lexicon, params, random)
    assert answer(lexicon, family, params, text)
    contents = [params[key] for key in params if key in ("A", "B")]
    assert len(set(contents)) == len(contents)
    assert not set(contents) & set(normalise(text).split())


def test_lexicon_is_disjoint() -> None:
    lexicon = load_lexicon()
    assert len(lexicon.all_nouns) == len(set(lexicon.all_nouns))
    assert {len(words) >= 10 for words in lexicon.nouns.values()} == {True}


@pytest.mark.parametrize("split", ["seen", "unseen"])
def test_stored_split(split: str) -> None:
    lines = stored(split)
    assert len(lines) == 1000
    assert len({line["instruction"] for line in lines}) == SPLIT_INSTRUCTIONS
    assert len({(line["instruction"], line["input"]) for line in lines}) == 1000
    assert {line["family"] for line in lines} == set(FAMILIES)
    assert_consistent(split)


def test_stored_human_split() -> None:
    lines = stored("human")
    assert len(lines) == 252
    assert len({line["instruction"] for line in lines}) == 132
    assert_consistent("human")


def test_training_is_deterministic_and_stable_under_its_size(
    train: list[dict[str, str]],
) -> None:
    assert list(itertools.islice(train, 80)) == list(
        train_examples(**{**options("train"), "instructions": 20})
    )


def test_families_come_as_often_as_their_weight_says(train: list[dict[str, str]]) -> None:
    counts = Counter(example["family"] for example in train)
    weights = {name: options("train")["weights"].get(name, 1.0) for name in FAMILIES}
    for name, weight in weights.items():
        # Instructions that come twice are left out, and short families repeat themselves.
        assert counts[name] / len(train) == pytest.approx(weight / sum(weights.values()), rel=0.2)


def test_training_examples(train: list[dict[str, str]]) -> None:
    assert len(train) == 160_000
    groups = [key for key, _ in itertools.groupby(train, lambda example: example["instruction"])]
    assert len(groups) == len(set(map(normalise, groups))) == 40_000
    lengths = [len(instruction.split()) for instruction in groups]
    assert 8 <= sum(lengths) / len(lengths) <= 22
    constants = [example["input"] for example in train if example["family"] == "constant"]
    assert 0.4 < constants.count("") / len(constants) < 0.6


def test_seen_asks_training_instructions_about_new_inputs(train: list[dict[str, str]]) -> None:
    trained = {(example["instruction"], example["input"]) for example in train}
    instructions = {instruction for instruction, _ in trained}
    for line in stored("seen"):
        assert line["instruction"] in instructions
        assert (line["instruction"], line["input"]) not in trained


def assert_clean(train: list[dict[str, str]], split: str) -> None:
    asked = [line["instruction"] for line in stored(split)]
    report = audit([example["instruction"] for example in train], asked)
    assert (report.exact_matches, report.skeleton_matches) == (0, 0)
    assert report.longest_shared_ngram < 8


@pytest.mark.parametrize("split", ["unseen", "human"])
def test_training_shares_nothing_with(
    split: str, train: list[dict[str, str]], start: list[dict[str, str]]
) -> None:
    assert_clean(train, split)
    assert_clean(start, split)


@pytest.mark.parametrize("split", ["seen", "unseen"])
@pytest.mark.parametrize("guess", ["copy", "first", "last"])
def test_a_guess_from_the_input_alone_scores_low(split: str, guess: str) -> None:
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    take = {"copy": lambda text: text, "first": first_item, "last": last_item}[guess]
    lines = stored(split)
    scores = [scorer.score(line["output"], take(line["input"]))["rougeL"].fmeasure for line in lines]
    assert 100 * sum(scores) / len(scores) <= 25


def first_item(text: str) -> str:
    return items(text.replace(";", ","))[0] if text else ""


def last_item(text: str) -> str:
    return items(text.replace(";", ","))[-1] if text else ""


def test_splits_are_rebuilt_to_the_byte(tmp_path: Path) -> None:
    source = content_directory()
    for path in (*source.glob("*.yaml"), *source.glob("human.jsonl")):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    build_splits(content=tmp_path)
    for split in ("seen", "unseen"):
        assert (tmp_path / f"{split}.jsonl").read_bytes() == (source / f"{split}.jsonl").read_bytes()


def test_human_lines_become_a_split(tmp_path: Path) -> None:
    for path in content_directory().glob("*.yaml"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"family": "constant", "params": {"A": "bus"}, "instruction": "Go: bus!"}\n')
    assert build_splits(human=lines, content=tmp_path)["human"] == 2
    first, second = read_lines(tmp_path / "human.jsonl")
    assert first["output"] == second["output"] == "bus"
    assert first["input"] != second["input"]


@pytest.mark.parametrize(
    ("instruction", "is_too_close"),
    [
        ("say  the second word, PLEASE", True),
        ("Say the third item please.", False),
        ("Say the third word please.", True),
        ("so then one two if you see the cat over there say van", True),
        ("so then if you see the cat over here say van", False),
    ],
)
def test_contamination(instruction: str, is_too_close: bool) -> None:
    evaluation = ["Say the second word, please.", "if you see the cat over there say van or axe"]
    assert Contamination.of(evaluation, load_lexicon()).touches(instruction) is is_too_close


@pytest.mark.parametrize("text", ["(a|b", "a]", "a <b", "{a", "(a]"])
def test_unbalanced_template_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"missing|unexpected|not a template"):
        parse(text)


def test_instructions_name_no_noun_but_their_parameters() -> None:
    """A stray noun of the vocabulary would look like a parameter."""
    lexicon = GenerationContent.load().lexicon
    for line in stored("unseen") + stored("seen"):
        nouns = {word for word in normalise(line["instruction"]).split() if word in lexicon.category_of}
        assert nouns <= {str(value) for value in line["params"].values()}


def test_positions_are_those_of_the_phrasing() -> None:
    assert set(GenerationContent.load().grammar.slots["item"].values) == set(POSITIONS)
