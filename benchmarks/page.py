"""How long report.html takes to open with many samples, to filter and sort them, and how it scrolls.

    python benchmarks/page.py [--samples 5000]

Needs chromium and playwright. Beside the wall time stands the processor time of the page's main thread,
which other programs on the machine disturb less. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from gisteval.records.schema import Example, Verdict
from gisteval.report.claims import Findings
from gisteval.report.data import ReportData
from gisteval.report.page import PageContent, write_page
from gisteval.report.samples import Judgement, Output, Sample, Samples, SystemInfo

NAMES = ["pos_control-1", "gist-1", "gist-2", "gist-5", "gist-10", "neg_control-1"]
ROLES = ["positive", *["candidate"] * 4, "negative"]

CHOICES = [("verdict", "loss"), ("group", "some"), ("group", "any"), ("order", "gain")]

SCROLL = """async () => {
  const list = document.querySelector("#list"), gaps = [];
  let last = performance.now();
  for (let step = 0; step < 120; step++) {
    list.scrollTop += 700;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  return gaps.sort((one, other) => one - other);
}"""


def made_samples(count: int) -> Samples:
    """Samples of six systems with outputs of 20 to 120 words, judged in both orders with replies."""
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz", k=draw.randint(2, 9))) for _ in range(3000)]

    def text(low: int, high: int) -> str:
        return " ".join(draw.choices(words, k=draw.randint(low, high)))

    def output(example: Example, name: str) -> Output:
        verdicts = tuple(
            Verdict("k", "p", "t", "seen", name, NAMES[0], "judge", "main", order, "b", text(20, 40))
            for order in ("ab", "ba")
        )
        judged = {} if name == NAMES[0] else {"judge": Judgement(0.0, verdicts)}
        return Output(text(20, 120), True, draw.uniform(0, 100), False, judged, ())

    samples = []
    for number in range(count):
        example = Example(f"seen-{number:05}", "t", "seen", text(8, 40), text(0, 60), text(20, 120))
        outputs = {name: output(example, name) for name in NAMES}
        samples.append(Sample(f"{number:012x}", example, outputs))
    systems = tuple(
        SystemInfo(name, role, 1, None if role == "positive" else NAMES[0], "gist")
        for name, role in zip(NAMES, ROLES, strict=True)
    )
    return Samples(systems, ("seen",), ("judge",), tuple(samples))


CHOOSE = """async ([field, value]) => {
  const from = performance.now(), select = document.getElementById(field);
  select.value = value;
  select.dispatchEvent(new Event("change"));
  await new Promise(requestAnimationFrame);
  return performance.now() - from;
}"""


def opened(browser: Browser, path: Path) -> tuple[Page, float, float]:
    """A fresh page, the milliseconds until it was interactive, and those of its thread's processor time."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    metrics = session.send("Performance.getMetrics")["metrics"]
    busy = next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    return page, float(page.evaluate("performance.getEntriesByName('ready')[0].startTime")), 1000 * busy


def main() -> None:
    """Print the figures, in milliseconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=5000)
    count = parser.parse_args().samples
    browser_path = shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        said = Findings("A benchmark.", (), (), ())
        write_page(PageContent(ReportData(()), said, (), (), made_samples(count)), path)
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        runs = [opened(browser, path) for _ in range(5)]
        page = runs[-1][0]
        chosen = {value: page.evaluate(CHOOSE, [field, value]) for field, value in CHOICES}
        gaps = page.evaluate(SCROLL)
        found = {
            "samples": count,
            "megabytes": path.stat().st_size / 1e6,
            "interactive": statistics.median(wall for _, wall, _ in runs),
            "interactive_processor": statistics.median(busy for _, _, busy in runs),
            **{f"choose_{value}": taken for value, taken in chosen.items()},
            "frame_median": statistics.median(gaps),
            "frame_worst": gaps[-1],
            "rows_drawn": page.locator(".row").count(),
        }
        browser.close()
    print(json.dumps({name: round(value, 1) for name, value in found.items()}))


if __name__ == "__main__":
    main()
