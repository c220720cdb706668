"""report.html: summary, tables, figures, failure gallery and sample browser in one file.

The page makes no network requests, and its Content-Security-Policy forbids them. The policy allows only the
built-in script and style, by their digests, so no text of a model can act as either.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from gisteval.content import find_content
from gisteval.files.names import readable_name
from gisteval.metrics import metric as find_metric
from gisteval.records.store import write_atomic
from gisteval.report.answer import QUESTION, answer
from gisteval.report.claim_groups import claim_groups
from gisteval.report.claims import Findings
from gisteval.report.data import ReportData
from gisteval.report.figures import RunFigure
from gisteval.report.gallery import GROUPS, Group, count_groups
from gisteval.report.glance import glance
from gisteval.report.layout import Table
from gisteval.report.margins import margins
from gisteval.report.page_data import samples_json
from gisteval.report.samples import Output, Sample, Samples, SystemInfo

SCRIPTS = ("diff", "list", "detail", "browser", "wide")
"""The parts of the script, reports/page-*.js, in the order in which they are joined."""


@dataclass(frozen=True, slots=True)
class GalleryRow:
    """A failure group of the gallery.

    Attributes:
        group: The group.
        counts: The number of outputs of each system in it; None if unknown.
        sample: The clearest example, if there is one.
        system: The system of that example.
    """

    group: Group
    counts: tuple[int | None, ...]
    sample: Sample | None
    system: SystemInfo | None


@dataclass(frozen=True, slots=True)
class PageContent:
    """All that a page shows.

    Attributes:
        data: The results of the runs.
        findings: The sentence and the claims.
        tables: The tables.
        figures: The figures.
        samples: The samples of the browser in the page.
        figures_note: Why there are no figures; empty if there are.
    """

    data: ReportData
    findings: Findings
    tables: Sequence[Table]
    figures: Sequence[RunFigure]
    samples: Samples
    figures_note: str = ""

    @property
    def opening(self) -> list[RunFigure]:
        """What the page opens on: score against stored bytes, where compressors are compared."""
        frontiers = [figure for figure in self.figures if figure.name.startswith("frontier-")]
        leading = f"frontier-{readable_name(self.data.leading.name)}-"
        return [figure for figure in frontiers if figure.name.startswith(leading)] or frontiers[:1]


def write_page(content: PageContent, path: Path) -> Path:
    """Write the page and return its path."""
    write_atomic(path, page_html(content))
    return path


@cache
def page_environment(folder: Path) -> Environment:
    """Return the environment that reads the page's template in a folder and escapes every text."""
    templates = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=True,
    )
    templates.filters.update(cell=cell, word_columns=word_columns, data_url=_data_url)
    return templates


def page_html(content: PageContent) -> str:
    """Return the page as HTML."""
    folder = find_content("reports")
    style = (folder / "page.css").read_text(encoding="utf-8")
    script = joined_script(folder)
    shown, leading = content.data, content.data.leading
    measure, all_margins = margins(shown.rows, shown.doubts, leading.name)
    return (
        page_environment(folder)
        .get_template("page.html.j2")
        .render(
            content=content,
            style=Markup(style),
            script=Markup(script),
            policy=policy(style, script),
            data=Markup(samples_json(content.samples)),
            measure=measure,
            question=QUESTION,
            answer=answer(shown.rows, shown.doubts, leading.name),
            claim_groups=claim_groups(content.findings),
            glance=glance(shown.rows, all_margins, leading.name),
            leading=leading.title,
            gallery=gallery_rows(content.samples),
        )
    )


def joined_script(folder: Path) -> str:
    """Join the page's scripts into one, in a scope of its own."""
    parts = [(folder / f"page-{name}.js").read_text(encoding="utf-8") for name in SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"


def page_policy() -> str:
    """Return the policy of the pages that this installation writes."""
    folder = find_content("reports")
    return policy((folder / "page.css").read_text(encoding="utf-8"), joined_script(folder))


def policy(style: str, script: str) -> str:
    """Return the page's Content-Security-Policy: this style and script by digest, and inline images."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _data_url(svg: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(svg.encode()).decode()


def cell(text: str) -> Markup:
    """Format a table's cell. The interval after a number is shown less prominently."""
    value, bracket, interval = text.partition(" [")
    if not bracket:
        return escape(text)
    return Markup('{} <span class="interval">[{}</span>').format(value, interval)


def word_columns(table: Table) -> set[int]:
    """Return the columns of words: those in which every cell begins with a letter."""
    return {
        place
        for place in range(len(table.columns))
        if table.rows and all(row[place][:1].isalpha() for row in table.rows)
    }


def gallery_rows(samples: Samples) -> list[GalleryRow]:
    """Count outputs by group and system. The example is the candidate's output that lost most."""
    counted = {
        system.name: count_groups(
            sample.outputs[system.name].groups
            for sample in samples.samples
            if system.name in sample.outputs
        )
        for system in samples.systems
    }
    unknown = {name for name in counted if not _tells_ends(samples, name)}
    rows = []
    for group in GROUPS:
        counts = tuple(
            None
            if group.name == "truncated" and system.name in unknown
            else counted[system.name][group.name]
            for system in samples.systems
        )
        worst_failure = max(_failed(samples, group), key=lambda failure: failure[0], default=None)
        rows.append(
            GalleryRow(
                group, counts, worst_failure and worst_failure[1], worst_failure and worst_failure[2]
            )
        )
    return rows


def _tells_ends(samples: Samples, system: str) -> bool:
    """Say whether any output of a system records what ended it. Imported outputs don't."""
    outputs = (sample.outputs.get(system) for sample in samples.samples)
    return any(output is not None and output.finished is not None for output in outputs)


def _lost(sign: float, output: Output, reference: Output | None) -> float:
    """Return how much better the positive control's output is; 0 if unknown."""
    if reference is None or reference.score is None or output.score is None:
        return 0.0
    return sign * (reference.score - output.score)


def _failed(samples: Samples, group: Group) -> Iterable[tuple[float, Sample, SystemInfo]]:
    """Yield a group's outputs of candidates, each with how much better the positive control's output is."""
    for sample in samples.samples:
        for system in samples.of_role("candidate"):
            output = sample.outputs.get(system.name)
            if output is not None and group.name in output.groups:
                reference: Output | None = sample.outputs.get(system.reference or "")
                lost = _lost(find_metric(samples.leading).sign, output, reference)
                yield lost, sample, system
