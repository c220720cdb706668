"""Judges as folders: the bundled ones, and faults in one's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.definition import ChatDefinition, Price, list_judges, load_judge

GOOD = (
    "name: mine\nversion: 1\nkind: chat\ndescription: d\nmodel: m\nsystem: system.txt\nprompt: prompt.txt\n"
    "parameters: {temperature: 0}\n"
)


def write(folder: Path, text: str = GOOD, prompt: str = "$request $first $second") -> Path:
    (folder / "system.txt").write_text("compare")
    (folder / "prompt.txt").write_text(prompt)
    (folder / "judge.yaml").write_text(text)
    return folder


def test_the_bundled_judges() -> None:
    assert list(list_judges()) == ["chatgpt-2023", "local", "openai", "reference"]
    orders = {name: load_judge(name).orders for name in list_judges()}
    assert orders == {"chatgpt-2023": "seeded", "local": "both", "openai": "both", "reference": "one"}
    for name in ("openai", "chatgpt-2023"):
        definition = load_judge(name).definition
        assert isinstance(definition, ChatDefinition)
        assert definition.model in definition.prices.models
    assert load_judge("openai").reply_schema


def test_a_judge_is_a_folder(tmp_path: Path) -> None:
    judge = load_judge(str(write(tmp_path)))
    assert (judge.name, judge.system, judge.orders) == ("mine", "compare", "both")
    assert load_judge(str(tmp_path / "judge.yaml")) == judge


def test_what_changes_an_answer_changes_the_digest(tmp_path: Path) -> None:
    judge = load_judge(str(write(tmp_path)))
    changed = [
        replace(judge, system="other"),
        replace(judge, prompt="$first $second $request"),
        replace(judge, reply_schema="{}"),
        *(
            replace(judge, definition=judge.definition.model_copy(update=update))
            for update in (
                {"parameters": {"temperature": 1}},
                {"version": 2},
                {"orders": "seeded"},
                {"max_characters": 500},
                {"name": "other"},
            )
        ),
    ]
    digests = {judge.prompt_digest(), *(other.prompt_digest() for other in changed)}
    assert len(digests) == len(changed) + 1
    same = {"description": "e", "note": "n", "again": 0.5}
    assert replace(judge, definition=judge.definition.model_copy(update=same)).prompt_digest() in digests


@pytest.mark.parametrize(
    ("text", "prompt", "message"),
    [
        ("[", "", "can't be read"),
        *(
            (GOOD.replace("{temperature: 0}", f"{{{parameter}}}"), "", message)
            for parameter, message in (
                ("temperature: .inf", "temperature holds a value that JSON can't express"),
                ("temperature: [1, {a: .nan}]", "temperature holds a value that JSON can't express"),
                ("seed: 2026-01-01", "seed holds a value that JSON can't express"),
                ("user: !!binary aGk=", "user holds a value that JSON can't express"),
                ("extra: {1: 2}", "extra holds a value that JSON can't express"),
                ("model: dearer", "model is not a parameter"),
                ("n: 100", "n is not a parameter"),
                ("max_tokens: -100000000", "max_tokens must be a whole number from 1"),
                ("max_completion_tokens: 0", "max_completion_tokens must be a whole number from 1"),
                ("max_completion_tokens: true", "max_completion_tokens must be a whole number from 1"),
                (
                    "max_completion_tokens: 1000000000000",
                    "max_completion_tokens must be a whole number from 1",
                ),
            )
        ),
        (GOOD + "model_parameters: {m: {model: dearer}}\n", "", "model is not a parameter"),
        (GOOD + "again: .nan\n", "", "again"),
        (
            GOOD + "prices: {as_of: d, source: s, models: {m: {input: .inf, output: 1}}}\n",
            "",
            "prices.models.m.input",
        ),
        ("- 1\n", "", "must be a YAML mapping"),
        ("kind: oracle\n", "", "kind: choose from reference, chat, local"),
        (GOOD + "colour: red\n", "", "colour: Extra inputs"),
        (GOOD.replace("version: 1\n", ""), "", "version: Field required"),
        (GOOD.replace("prompt.txt", "absent.txt"), "", "can't be read: .*absent.txt"),
        (GOOD, "$request $first", r"must hold the placeholders \$first, \$request, \$second and no others"),
        (GOOD, "$request $first $second $third", "and no others"),
        (GOOD, "$request $first $second costs 3$", "and no others"),
        (GOOD + "reply_schema: system.txt\n", "$request $first $second", "can't be read"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, text: str, prompt: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        load_judge(str(write(tmp_path, text, prompt)))


def test_an_unknown_judge_is_a_choice() -> None:
    with pytest.raises(GistevalError, match=r"did you mean 'openai'.*choose from chatgpt-2023, local"):
        load_judge("openia")


def test_prices_are_dollars_a_million_tokens() -> None:
    assert Price(input=0.5, output=1.5).cost(1_000_000, 2_000_000) == 3.5
