"""The answer at the top of the page says what the margins show, no more."""

from __future__ import annotations

from dataclasses import replace

from claim_rows import NEGATIVE, OPEN, POSITIVE, ROW, SHOWN

from gisteval.report.answer import answer
from gisteval.report.margins import margins

CONTROLS = [POSITIVE, NEGATIVE]
OTHER = [replace(row, split="seen") for row in CONTROLS]


def test_a_result_that_is_open_on_each_split_is_one_sentence() -> None:
    rows = [*CONTROLS, ROW, *OTHER, replace(ROW, split="seen", retention=91.4)]
    assert answer(rows) == (
        "LLaMA-gist-1 keeps 76 to 91% of the ROUGE-L that the prompt adds; it is neither shown to be as "
        "good as the whole prompt nor shown to be worse."
    )


def test_splits_that_differ_are_named() -> None:
    worse = replace(ROW, split="seen", p_worse=SHOWN / 100)
    good = replace(ROW, p_within=SHOWN / 100, p_worse=OPEN)
    said = answer([*CONTROLS, good, *OTHER, worse])
    assert "it is as good as the whole prompt to within 5 points on human" in said
    assert "worse than the whole prompt on seen" in said


def test_the_most_compressed_gist_answers_for_its_control() -> None:
    rows = [*CONTROLS, replace(ROW, system="LLaMA-gist-10", k=10, retention=99.0), ROW]
    assert answer(rows).startswith("LLaMA-gist-1 keeps 76% of")


def test_compressors_are_counted_and_the_best_is_not_praised() -> None:
    sizes = [replace(POSITIVE, metric="bytes", value=1000.0)]
    systems = []
    for place, name in enumerate(("keydiff", "random", "knorm")):
        p_worse = SHOWN / 100 if name == "random" else OPEN
        row = replace(ROW, system=name, compressor=name, retention=50.0 + place, p_worse=p_worse)
        systems.append(row)
        sizes.append(replace(row, metric="bytes", value=200.0, retention=None))
    said = answer([*CONTROLS, *systems, *sizes])
    assert said.startswith(
        "Of 3 compressed systems, none is shown to lose less than 5 points against the whole prompt, "
        "1 to be worse, 2 neither; knorm keeps most, 52% of the ROUGE-L that the prompt adds in 20% of its "
        "bytes"
    )
    assert said.endswith("(the best of 3, so partly by luck).")
    shown = [margin.worse for margin in margins([*CONTROLS, *systems, *sizes])[1]]
    assert shown == [False, True, False], "the sentence counts what the margins show"


def test_without_a_scale_there_is_no_answer() -> None:
    rows = [POSITIVE, replace(NEGATIVE, p_worse=0.9), replace(ROW, p_controls=0.9)]
    assert answer(rows) == "The data give no answer: the controls do not differ significantly."
