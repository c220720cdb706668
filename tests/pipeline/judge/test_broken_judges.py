"""Five broken judges and a good one behind a real server: judged, reported and gated by command."""

from __future__ import annotations

import html
import json
import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gisteval.importer.predictions import Columns
from gisteval.metrics import rouge_l
from gisteval.pipeline.imports.predictions import PredictionOptions, import_predictions
from gisteval.records.judge_figures import pair_entries
from gisteval.records.run_folder import RunFolder

N = 64
WORDS = "amber birch cedar delta ember fjord grove heron inlet jetty kelp larch moss north".split()  # noqa: SIM905


def reference(number: int) -> str:
    """What is right for an example; of 2 to 9 words."""
    words = random.Random(number).choices(WORDS, k=2 + number % 8)
    return " ".join([*words, str(number)])


def rubbish(number: int) -> str:
    """What is wrong, as often longer as shorter."""
    return " ".join(random.Random(-number - 1).choices(["stone", "nothing"], k=1 + number % 11))


def gist(number: int, turn: int) -> str:
    """As good as the positive control's: a quarter is the same in other words, longer or shorter."""
    text = reference(number)
    if number % 4 != turn:
        return text
    first, *others = text.split()
    return f"{first.upper()} {' '.join(others)}!" if number % 8 < 4 else f"{first},{','.join(others)}"


def answers(body: dict) -> tuple[str, str]:
    """Both answers in the order shown."""
    text = body["messages"][1]["content"]
    first, second = (re.search(rf"<answer-{name} \w+>\n(.*?)\n</", text, re.DOTALL)[1] for name in "AB")
    return first, second


def the_better(number: int, body: dict) -> str:
    right = reference(int(re.search(r"say (\d+)", body["messages"][1]["content"])[1]))
    first, second = (rouge_l(answer, right).f1 for answer in answers(body))
    return chosen("tie" if first == second else "A" if first > second else "B")


def the_longer(number: int, body: dict) -> str:
    first, second = map(len, answers(body))
    return chosen("tie" if first == second else "A" if first > second else "B")


def chosen(choice: str) -> str:
    return json.dumps({"reason": "", "choice": choice})


Answer = Callable[[int, dict], str]

BROKEN: dict[str, tuple[Answer, str]] = {
    "first": (lambda number, body: chosen("A"), "it decides for the same output in 0% [0, "),
    "tie": (lambda number, body: chosen("tie"), "it says tie in 192 of 192 comparisons"),
    "longer": (the_longer, "where its output is longer"),
    "random": (
        lambda number, body: chosen(random.Random(str(body)).choice("AB")),
        "that it saw in both orders",
    ),
    "unreadable": (lambda number, body: "Both have merit.", "no answer to"),
}


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two candidates that are as good as their positive control, and a negative one, imported."""
    tmp_path = tmp_path_factory.mktemp("imported")

    def file(name: str, output: Callable[[int], str]) -> Path:
        rows = [
            {"instruction": f"say {n}", "input": "", "y_pred": output(n), "y_true": reference(n)}
            for n in range(N)
        ]
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    options = PredictionOptions(
        candidates=(file("one", lambda n: gist(n, 1)), file("two", lambda n: gist(n, 3))),
        pos_control=file("full", reference),
        neg_control=file("none", rubbish),
        columns=Columns("instruction", "input", "y_pred", "y_true"),
        task="imported",
        split="all",
        k=None,
        compressor="",
    )
    return import_predictions(options, tmp_path / "run").path


@pytest.fixture
def imported(template: Path, tmp_path: Path) -> Path:
    """A copy of the import, to be judged."""
    return shutil.copytree(template, tmp_path / "run")


def page_says(gisteval, run: Path) -> str:
    """report.md and the page's text, after a report of its own."""
    assert gisteval("report", run).code == 0
    folder = run / "report"
    return (folder / "report.md").read_text() + html.unescape((folder / "report.html").read_text())


@pytest.mark.parametrize("name", BROKEN)
def test_no_conclusion_rests_on_a_broken_judge(
    name: str, gisteval, refused, imported: Path, chat_server, judging_cache
) -> None:
    chat_server.answer, seen = BROKEN[name]
    line = refused("judge", imported, "--judge", "openai", "--base-url", chat_server.url, code=4)
    assert seen in line
    said = page_says(gisteval, imported)
    first = next(line for line in said.splitlines() if line.startswith("No conclusion."))
    assert seen in first
    assert "is within 5 points" not in said and "worse than its positive control" not in said
    assert said.count("No conclusion. The judge openai can't be relied on, since it is under veto: ") == 2
    assert "points: within" not in said and "points: below" not in said
    assert "Win rates, judge openai †" in said  # the numbers are there
    file = imported / "results.json"
    results = json.loads(file.read_text())
    for entry in results["judging"]:
        entry.pop("checks", None)
    file.write_text(json.dumps(results))  # as an older version left it
    assert page_says(gisteval, imported) == said
    sides = ("gate", imported, "--baseline", imported, "--baseline-system", "two")
    for candidate in ("one", "none"):
        line = refused(*sides, "--system", candidate, "--inconclusive", "pass", code=4)
        assert "judge openai of" in line and "is under veto: " in line
    compared = gisteval("compare", imported, imported, "--system", "one", "--baseline-system", "none")
    assert compared.code == 4 and "is under veto: " in compared.err
    assert "rougeL" in compared.out and ("win_rate (openai) †" in compared.out) == (name != "unreadable")
    stated = pair_entries(RunFolder.open(imported).judging())
    assert len(stated) == 3 and all(entry.veto for entry in stated)


def test_a_good_judge_is_trusted(gisteval, imported: Path, chat_server, judging_cache) -> None:
    chat_server.answer = the_better
    judged = gisteval("judge", imported, "--judge", "openai", "--base-url", chat_server.url)
    assert judged.code == 0, judged.err
    assert "†" not in judged.out
    said = page_says(gisteval, imported)
    assert "- one on all is within 5 points of its positive control: the win rate (judge openai)" in said
    assert "†" not in said and "can't be relied on" not in said
    sides = ("gate", imported, "--baseline", imported, "--baseline-system", "two", "--system")
    passed = gisteval(*sides, "one")
    assert (passed.code, passed.out.splitlines()[-1]) == (0, "PASS")
    assert gisteval(*sides, "none").code == 1
    stated = pair_entries(RunFolder.open(imported).judging())[0]
    assert (stated.veto, stated.doubt) == (None, "")
    held = {check.rule for check in stated.checks if check.state == "holds"}
    assert held == {"other order", "itself", "same text", "negative control"}
