"""Texts of others, made of one thing over and over: the time to read them grows as their length does."""

from __future__ import annotations

import gc
import math
import re
import time
from collections.abc import Callable, Iterator

import pytest

from gisteval.files.cells import inert_cell
from gisteval.importer.prompt_text import prompt_of_output_row, prompt_of_verdict
from gisteval.judging.definition import load_judge
from gisteval.judging.parsing import chosen_label, read_reply
from gisteval.records.schema import Example
from gisteval.report.gallery import failure_groups, shape
from gisteval.report.layout import Table
from gisteval.thinking import PAIRS, spoken

UNITS = [
    *" \n\t\r\x0b-'\u2019aA1.,;:!?<>`{}[](\"*_#=/\\é~\u3000\u0301",
    *("<a", "<a\n", "<a ", "1.", "1,", "A-", "A'", "a ", "A ", "\n ", " \n", "\n\n-", "- ", "```", "```\n"),
    *("{}", '{"a":', "[1,", "[1, 2", "<GIST>", "<GIST> ", "\nInput", "def", "<think>", "</think>"),
]
ENDS = [("", ""), ("x", "x"), ("A", "!"), ("```\n", "```"), ("<GIST>", "<GIST"), ("1", " [")]
LENGTH = 8_000
QUICK = 0.02
"""Seconds in which no quadratic way through LENGTH would end."""

LIMIT = 16
"""Eight times the text takes 8 times as long in proportion, 64 times if time grows with the square."""

READINGS = 6

CHAT = load_judge("openai").definition


def as_output(text: str) -> None:
    failure_groups(Example("1", "t", "s", "greet Anna 3 times", "", "Anna 3"), text, True)


def as_reference(text: str) -> None:
    failure_groups(Example("1", "t", "s", text, text, text), "x", True)


READERS: dict[str, Callable[[str], object]] = {
    "output": as_output,
    "reference": as_reference,
    "shape": shape,
    "reply": lambda text: read_reply(CHAT, text, "ab"),
    "label": chosen_label,
    "thought": lambda text: spoken(text, PAIRS),
    "released output": lambda text: prompt_of_output_row(text, "Anna"),
    "released verdict": prompt_of_verdict,
    "cell": inert_cell,
    "table": lambda text: Table("t", "t", ("a",), ((text,),)).csv_text(),
    "bare values": lambda text: Table("t", "t", ("a",), ((text,),)).without_intervals(),
}


def slow(read: Callable[[str], object]) -> Iterator[tuple[str, str, str]]:
    """Yield texts, as start, unit and end, that take over LIMIT times as long as an eighth of the units.

    The best of several readings counts, since other work on the machine disturbs some. No text is read
    twice, since a reader may remember what it read.
    """

    def seconds(text: str) -> float:
        begin = time.process_time()
        read(text)
        return time.process_time() - begin

    def grows(start: str, unit: str, end: str) -> bool:
        units = LENGTH // len(unit)
        long = short = math.inf
        for reading in range(READINGS):
            long = min(long, seconds(start + unit * (units + reading) + end))
            if long < QUICK:
                return False
            for more in range(4 * reading, 4 * reading + 4):
                short = min(short, seconds(start + unit * (units // 8 + more) + end))
            if long <= LIMIT * short:
                return False
        return True

    gc.disable()
    try:
        yield from ((start, unit, end) for unit in UNITS for start, end in ENDS if grows(start, unit, end))
    finally:
        gc.enable()


@pytest.mark.parametrize("name", READERS)
def test_readers_take_time_in_proportion(name: str) -> None:
    assert list(slow(READERS[name])) == []


def test_a_quadratic_pattern_is_found() -> None:
    assert any(slow(lambda text: re.findall(r"\s*\n", text)))
