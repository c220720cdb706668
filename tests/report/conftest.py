"""Small runs with records of every kind, made without a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import pytest
from run_folders import claim_run, make_generation, make_system

from gisteval.pipeline.judge.results import update_judging
from gisteval.records.manifest import JudgeFacts
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Choice, Example, Generation, Order, Verdict, digest
from gisteval.report.build import build_report
from gisteval.scores.rows import run_rows

POSITIVE, GIST, NEGATIVE = "tiny-pos_control-1", "tiny-gist-1", "tiny-neg_control-1"
LOSS = ((10, 2.5), (20, 1.5), (30, 1.25))
SYSTEMS = {
    POSITIVE: make_system(POSITIVE, "positive", loss=LOSS),
    GIST: make_system(GIST, loss=LOSS),
    "tiny-gist-4": make_system("tiny-gist-4", k=4, loss=LOSS),
    NEGATIVE: make_system(NEGATIVE, "negative", loss=LOSS),
}

WORDS = "amber birch cedar delta ember fjord grove heron inlet jetty kelp larch".split()  # noqa: SIM905


def example(number: int, split: str = "seen", **changes: str) -> Example:
    """An example with an instruction, an input and a reference of its own."""
    texts = {
        "instruction": f"Name tree {number} of {' '.join(WORDS[: 1 + number % 8])}",
        "input": f"{WORDS[number % 12]} and {WORDS[(number + 5) % 12]}",
        "output": f"the {WORDS[number % 12]} tree stands near house {number}",
    }
    return Example(f"{split}-{number:04}", "tiny", split, **{**texts, **changes})


def answer(example: Example, number: int, system: str) -> str:
    """Right for the positive control, wrong for the negative one, some of both for the candidates."""
    if system == POSITIVE or (system in (GIST, "tiny-gist-4") and number % 3):
        return example.output
    return f"the {WORDS[(number + 3) % 12]} stone" if system == NEGATIVE or number % 2 else ""


def write_run(
    folder: Path,
    examples: Mapping[str, Sequence[Example]],
    answers: Callable[[Example, int, str], str] = answer,
    judge: str | None = "reference",
    orders: Sequence[Order] = ("ab", "ba"),
) -> RunFolder:
    """A finished run of two gists and two controls, judged in both orders, or the ones given."""
    systems = list(SYSTEMS.values())
    run = claim_run(folder, examples, systems, "tiny", notes=("a <b>note</b>",))
    made = {name: _generations(name, examples, answers) for name in SYSTEMS}
    for name, generations in made.items():
        _write(run.generations(name), generations)
    for name in SYSTEMS:
        if judge is None or name == POSITIVE:
            continue
        verdicts = [
            verdict
            for split, found in examples.items()
            for number, item in enumerate(found)
            for verdict in _verdicts(judge, name, item, number, answers, orders)
        ]
        _write(run.verdicts(judge, name), verdicts)
    run.note_notes(["a <b>note</b>"])
    run.write_results(list(run_rows(run)), "signature")
    if judge is not None:
        run.note_judge(judge, JudgeFacts(kind="chat", identity="0"))
        update_judging(run)
    return run


def _generations(name: str, examples: Mapping[str, Sequence[Example]], answers) -> list[Generation]:
    system = SYSTEMS[name]
    return [
        make_generation(
            system,
            item,
            answers(item, number, name),
            key=digest([name, item.id]),
            output_tokens=4,
            finished=number != 1,
            source_tokens=12 + number % 5,
            template_tokens=4,
            kept={"gist": system.k, "none": 12, "nothing": 0}[system.compressor],
            bytes=512,
            nll=None,
            target_tokens=4,
        )
        for found in examples.values()
        for number, item in enumerate(found)
    ]


def _verdicts(judge: str, name: str, item: Example, number: int, answers, orders) -> list[Verdict]:
    """Equal outputs tie; else the control wins, but every fourth time the orders disagree."""
    equal = answers(item, number, name) == answers(item, number, POSITIVE)
    found = []
    for order in orders:
        choice: Choice = "tie" if equal else "a" if number % 4 == 0 and order == "ab" else "b"
        reply = None if equal else f"<i>because</i> {number}"
        found.append(
            Verdict(digest([name, item.id, order]), item.content_id, item.task, item.split, name, POSITIVE,
                    judge, "main", order, choice, reply)
        )  # fmt: skip
    return found


def _write(path: Path, records) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = (json.dumps(asdict(record)) + "\n" for record in records)
    path.write_text("".join(lines), encoding="utf-8", errors="surrogatepass")


@pytest.fixture(scope="session")
def small_run(tmp_path_factory) -> RunFolder:
    """24 examples a split, judged. Don't change it."""
    splits = {split: [example(number, split) for number in range(24)] for split in ("seen", "human")}
    return write_run(tmp_path_factory.mktemp("small") / "demo", splits)


@pytest.fixture(scope="session")
def write_small_run() -> Callable[..., RunFolder]:
    """write_small_run(folder, {split: examples}, answers, judge) -> a finished run."""
    return write_run


@pytest.fixture(scope="session")
def make_example() -> Callable[..., Example]:
    """make_example(number, split, instruction=..., input=..., output=...) -> an example."""
    return example


@pytest.fixture(scope="session")
def small_page(small_run) -> Path:
    """The whole report of the small run, figures and all."""
    pytest.importorskip("matplotlib")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gisteval.report.build.can_draw", lambda: True)
        return build_report([small_run], small_run.path / "report")


CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")  # playwright keeps an event loop running, which other modules must not find
def chromium():
    """A running Chromium; tests that need it are skipped where there is none."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no chromium is installed (Debian's package is called chromium)")
    playwright = pytest.importorskip("playwright.sync_api").sync_playwright().start()
    browser = playwright.chromium.launch(executable_path=path, args=CHROMIUM_FLAGS)
    yield browser
    browser.close()
    playwright.stop()


@pytest.fixture
def open_page(chromium):
    """Opens a report: open_page(path, "#sample=...") -> page. In the end nothing may have gone wrong in it.

    That is: no message on the console (a refused script would be one), no error, no dialog, and no
    request but the page itself and what it holds.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    context.set_default_timeout(120_000)  # a machine may be busy with other things
    problems: list[str] = []

    def start(path: Path | str, address: str = ""):
        page = context.new_page()
        url = path if isinstance(path, str) else path.as_uri()
        page.on("console", lambda message: problems.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: problems.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))

        def note(request) -> None:
            if request.url.partition("#")[0] != url and not request.url.startswith("data:"):
                problems.append(f"request: {request.url}")

        page.on("request", note)
        page.goto(url + address)
        page.wait_for_selector("html[data-ready]")
        return page

    yield start
    context.close()
    assert not problems
