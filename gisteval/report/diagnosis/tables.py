"""Tables of a diagnosis, from the content of diagnosis.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosis, DiagnosticRow
from gisteval.report.layout import Table, plain_text
from gisteval.report.tables import interval_text, rounded

SETTING_TITLES = {"own answer": "the full prompt's own answers", "reference": "the references"}

DIVERGENCE = (
    *("delta_nll@1", "delta_nll@8", "delta_nll@32", "delta_nll@128"),
    *("kl", "top1", "agreed", "same_answer"),
)

Tables = Callable[[Sequence[DiagnosticRow]], list[Table]]

STATE_TABLES = {
    "spread": "The collapse index, in percent of the values' squared size: 0 means that all instructions "
    "have the same gist. In the first layer a gist knows nothing but its own embedding.",
    "entropy": "Of the spectrum of all instructions' values about their mean (normalised squared singular "
    "values).",
    "effective_rank": "The exponential of that entropy: in how many directions gists differ. It can't "
    "exceed the number of instructions less one.",
}

NEAREST = (
    "By the cosine of the gists' values about their mean, and by effect: the KL of the distributions of "
    "an answer's first token behind both gists, on a few inputs. Where both name the same instruction, "
    "what is near in space acts alike."
)

TRAINING_TABLES = {
    "loss_gap": (
        "Training loss above the positive control's",
        "In nats a token, the mean over a tenth of the steps up to there. From one training no order of "
        "systems follows.",
    ),
    "gist_norm": (
        "Norm of gist states over the training",
        "Root of the mean square of the values of a few training prompts, as the mean over layers.",
    ),
    "gist_entropy": (
        "Entropy of gist states over the training",
        "Of the spectrum of the values of a few training prompts, as the mean over layers but the first. "
        "An entropy that falls says that gists become alike.",
    ),
}

MARKS = {"ok": "ok", "note": "note", "open": "open", "warning": "warning", "fault": "FAULT"}


def diagnosis_tables(content: Diagnosis) -> list[Table]:
    """All tables, in the order of the page."""
    found = [table for name in content.measures for table in _TABLES[name](content.of(name))]
    return [table for table in (findings_table(content), *found) if table.rows]


def diagnosis_text(content: Diagnosis) -> str:
    """All tables with aligned columns, for a terminal."""
    return "\n".join(map(plain_text, diagnosis_tables(content)))


def findings_table(content: Diagnosis) -> Table:
    """What was found, a sentence each; the worst first."""
    order = ["fault", "warning", "note", "open", "ok"]
    found = sorted(content.findings, key=lambda finding: order.index(finding.state))
    rows = tuple((MARKS[f.state], f.measure, f.system, f.split or "-", f.text) for f in found)
    return Table("diagnosis-findings", "Findings", ("", "measure", "system", "split", "finding"), rows)


def _divergence_tables(rows: Sequence[DiagnosticRow]) -> list[Table]:
    tables = []
    for split in dict.fromkeys(row.split for row in rows):
        for setting in reversed(dict.fromkeys(row.setting for row in rows)):
            mine = [row for row in rows if (row.split, row.setting) == (split, setting)]
            tables.append(
                Table(
                    f"divergence-{split}-{setting.replace(' ', '-')}",
                    f"Divergence from the full prompt on {SETTING_TITLES[setting]}, {split}",
                    ("system", *(DIAGNOSTIC_METRICS[name].title for name in DIVERGENCE), "of neg. control"),
                    tuple(_divergence_row(system, of) for system, of in by_system(mine).items()),
                    "ΔNLL@H and KL in nats a token. Of neg. control: ΔNLL@32 as a share of the negative "
                    "control's, in percent. Below 0: the system predicts the texts better.",
                )
            )
        tables.append(
            _parts_table(split, [r for r in rows if r.split == split and r.setting == "own answer"])
        )
    return tables


def _divergence_row(system: str, rows: Sequence[DiagnosticRow]) -> tuple[str, ...]:
    by_metric = {row.metric: row for row in rows if not row.where}
    share = by_metric["delta_nll@32"]
    shown = (
        "-"
        if share.share is None
        else interval_text(share.share, share.share_ci_low, share.share_ci_high, 0)
    )
    return (system, *(shown_value(by_metric.get(name)) for name in DIVERGENCE), shown)


def _parts_table(split: str, rows: Sequence[DiagnosticRow]) -> Table:
    parts = [row for row in rows if row.where]
    systems = list(by_system(parts))
    by_place = {(row.where, row.system): row for row in parts}
    lines = tuple(
        (where, *(shown_value(by_place.get((where, system))) for system in systems))
        for where in dict.fromkeys(row.where for row in parts)
    )
    return Table(
        f"divergence-{split}-where",
        f"ΔNLL by the part of the full prompt's own answers, {split}",
        ("part", *systems),
        lines,
        "Distance and surprisal are those of a token of the prompt that the answer repeats: tokens from "
        "there to the prompt's end, and its loss there. Parts of few examples have wide intervals.",
    )


def by_system(rows: Sequence[DiagnosticRow]) -> Mapping[str, list[DiagnosticRow]]:
    """The rows of each system, in their order."""
    found: dict[str, list[DiagnosticRow]] = {}
    for row in rows:
        found.setdefault(row.system, []).append(row)
    return found


def shown_value(row: DiagnosticRow | None, with_interval: bool = True) -> str:
    """A value with its interval."""
    if row is None:
        return "-"
    if not with_interval:
        return rounded(row.value, DIAGNOSTIC_METRICS[row.metric].digits)
    return interval_text(row.value, row.ci_low, row.ci_high, DIAGNOSTIC_METRICS[row.metric].digits)


def _states_tables(rows: Sequence[DiagnosticRow]) -> list[Table]:
    tables = []
    for split in dict.fromkeys(row.split for row in rows):
        mine = [row for row in rows if row.split == split]
        by_layer = [row for row in mine if row.where.startswith("layer")]
        for metric, note in STATE_TABLES.items():
            tables.append(
                _places_table(
                    f"states-{split}-{metric.replace('_', '-')}",
                    f"Gist states: {DIAGNOSTIC_METRICS[metric].title}, {split}",
                    [row for row in by_layer if row.metric == metric],
                    note,
                    with_interval=metric == "spread",
                )
            )
        nearest = [row for row in mine if row not in by_layer]
        tables.append(
            _systems_table(f"states-{split}-nearest", f"The nearest instruction, {split}", nearest, NEAREST)
        )
    return tables


def _places_table(
    name: str, title: str, rows: Sequence[DiagnosticRow], note: str, with_interval: bool = False
) -> Table:
    """A row for each system, a column for each place."""
    places = list(dict.fromkeys(row.where for row in rows))
    lines = []
    for system, of in by_system(rows).items():
        by_place = {row.where: row for row in of}
        lines.append((system, *(shown_value(by_place.get(place), with_interval) for place in places)))
    return Table(name, title, ("system", *places), tuple(lines), note)


def _systems_table(name: str, title: str, rows: Sequence[DiagnosticRow], note: str) -> Table:
    """A row for each system, a column for each metric."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    lines = []
    for system, of in by_system(rows).items():
        by_metric = {row.metric: row for row in of}
        lines.append((system, *(shown_value(by_metric.get(metric)) for metric in metrics)))
    columns = ("system", *(DIAGNOSTIC_METRICS[metric].title for metric in metrics))
    return Table(name, title, columns, tuple(lines), note)


def _reconstruction_tables(rows: Sequence[DiagnosticRow]) -> list[Table]:
    return [
        _systems_table(
            f"reconstruction-{split}",
            f"Asked to repeat the prompt, {split}",
            [row for row in rows if row.split == split],
            "ROUGE-L of the answer against the instruction, and their Levenshtein distance in percent of "
            "the longer text. Only a model whose full prompt is repeated can be asked.",
        )
        for split in dict.fromkeys(row.split for row in rows)
    ]


def _training_tables(rows: Sequence[DiagnosticRow]) -> list[Table]:
    return [
        _places_table(
            f"training-{metric.replace('_', '-')}",
            title,
            [row for row in rows if row.metric == metric],
            note,
        )
        for metric, (title, note) in TRAINING_TABLES.items()
    ]


def _settings_tables(title: str, note: str) -> Tables:
    """Tables of a measure that varies a setting: a row for each system and setting."""

    def tables(rows: Sequence[DiagnosticRow]) -> list[Table]:
        made = []
        metrics = list(dict.fromkeys(row.metric for row in rows))
        for split in dict.fromkeys(row.split for row in rows):
            groups: dict[tuple[str, str], dict[str, DiagnosticRow]] = {}
            for row in rows:
                if row.split == split:
                    groups.setdefault((row.system, row.setting), {})[row.metric] = row
            lines = tuple(
                (*place, *(shown_value(of.get(m)) for m in metrics)) for place, of in groups.items()
            )
            columns = ("system", "setting", *(DIAGNOSTIC_METRICS[metric].title for metric in metrics))
            made.append(Table(f"{rows[0].measure}-{split}", f"{title}, {split}", columns, lines, note))
        return made

    return tables


_TABLES: Mapping[str, Tables] = {
    "divergence": _divergence_tables,
    "states": _states_tables,
    "leakage": _settings_tables(
        "Behind other prompts",
        "Loss on the references in nats a token, and the share of references that greedy decoding gives. "
        "Behind another instruction's prompt a system must know no more than the negative control; behind "
        "a paraphrase's it must know as much as behind its own.",
    ),
    "reconstruction": _reconstruction_tables,
    "drift": _settings_tables(
        "Behind gists that another model stored",
        "The reader behind the stored gists less the reader behind its own, in nats a token; cosine of "
        "both gists' values, where they have as many slots.",
    ),
    "work": _settings_tables(
        "Slots attended to while the references are written",
        "Dep: summed over all tokens of an answer (LightThinker). Peak, mean: at a time. What compressing "
        "a prompt takes is not counted.",
    ),
    "training": _training_tables,
    "choice": _settings_tables(
        "Instructions that need more gists",
        "The share of instructions whose loss falls by more than 0.1 nats a token with the larger k.",
    ),
    "strictness": _settings_tables(
        "Strictness of the mask",
        "Leak: tokens before the gists that stay visible. Open, strict: the gist mask is off, on. "
        "ΔNLL is the paired change from leak 0, in nats a token.",
    ),
}
