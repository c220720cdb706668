"""Multiple-choice questions of wordplay: one right answer, examples of the same instruction."""

from __future__ import annotations

import json

from gisteval.tasks.generators.wordplay.choices import CHOICES, SHOTS, choice_questions
from gisteval.tasks.generators.wordplay.families import answer
from gisteval.tasks.generators.wordplay.lexicon import content_directory, load_lexicon


def test_the_right_answer_and_the_shots_follow_the_instruction():
    lines = (content_directory() / "seen.jsonl").read_text(encoding="utf-8").splitlines()
    items = {(item["instruction"], item["input"]): item for item in map(json.loads, lines)}
    questions = list(choice_questions("seen"))
    assert len({question.instruction for question in questions}) == len(questions) > 400
    for question in questions:
        item = items[question.instruction, question.input]
        assert question.choices[question.answer] == item["output"]
        assert len(set(question.choices)) == CHOICES
        assert len({text for text, _ in question.shots} - {question.input, ""}) == SHOTS
        for text, output in question.shots:
            assert output == answer(load_lexicon(), item["family"], item["params"], text)


def test_the_right_answer_stands_anywhere():
    places = [question.answer for question in choice_questions("seen")]
    for place in range(CHOICES):
        assert places.count(place) > 0.18 * len(places)


def test_questions_are_the_same_every_time():
    assert list(choice_questions("human")) == list(choice_questions("human"))
