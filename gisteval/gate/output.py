"""A gate's result as text, as JSON and as JUnit XML."""

from __future__ import annotations

import re
import textwrap
from dataclasses import asdict
from xml.etree import ElementTree

from gisteval.errors import counted
from gisteval.gate.decision import ALPHA, POWER, Check
from gisteval.gate.gate import GateResult, SplitResult
from gisteval.gate.measures import SideValues
from gisteval.gate.sides import Side
from gisteval.records.schema import Estimate, finite

WIDTH = 80

_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def gate_text(result: GateResult) -> str:
    """Write the verdict of each split with its evidence, then the overall verdict."""
    options = result.options
    judge = f", judge {result.judge}" if result.judge else ""
    prompt = f" (prompt {result.judge_digest[:12]})" if result.judge_digest else ""
    lines = [
        f"candidate {result.candidate}",
        f"baseline  {result.baseline}",
        f"{options.metric}{judge}{prompt}, margin {_margin(result)}, {_kind(result)}",
    ]
    for split in result.splits:
        lines += ["", *map(_wrapped, _split_lines(split, result))]
    warnings = (_wrapped(f"warning: {warning}") for warning in result.warnings)
    return "\n".join([*lines, "", *warnings, str(result.outcome)])


def _wrapped(line: str) -> str:
    """Break a line that is wider than a terminal; a name or a path stays whole."""
    inside = line[: len(line) - len(line.lstrip())] + "  "
    return textwrap.fill(
        line, WIDTH, subsequent_indent=inside, break_long_words=False, break_on_hyphens=False
    )


def _margin(result: GateResult) -> str:
    options = result.options
    return (
        f"{options.allowed.text} {options.unit}"
        if options.margin_kind == "points"
        else options.allowed.text
    )


def _kind(result: GateResult) -> str:
    return "90% confidence sequences" if result.options.sequential else "90% intervals"


def check_text(check: Check, unit: str = "points") -> str:
    """Write a check in one line: the estimate, its interval and the limit."""
    e, digits = check.estimate, "3g" if unit != "points" else "1f"
    sign = "" if check.name == "floor" else "+"
    ends = (
        f"[{e.ci_low:{sign}.{digits}}, {e.ci_high:{sign}.{digits}}]"
        if finite(e.ci_low) is not None
        else "(no interval)"
    )
    name = {"floor": "win rate", "gain": "loss against the candidate"}.get(check.name, "difference")
    return f"{name} {e.value:{sign}.{digits}} {ends}, must lie above {check.limit:{sign}.4g}"


def _split_lines(split: SplitResult, result: GateResult) -> list[str]:
    paired, first = split.paired, split.checks[0]
    tests = sum(len(other.checks) for other in result.splits)
    holm = f" (Holm over {tests})" if tests > 1 else ""
    lines = [
        f"{split.split}: {split.outcome}",
        *(f"  {check_text(check, split.unit)}" for check in split.checks),
    ]
    lines.append(
        f"  p of no difference {paired.p_value:.3g}, {paired.p_value_permutation:.3g} (sign flips); "
        f"of a loss of the margin {first.p_above:.3g}; of no loss {first.p_below_adjusted:.3g}{holm}"
    )
    lines.append(
        f"  candidate better / equal / worse {paired.wins} / {paired.ties} / {paired.losses}, "
        f"n {first.estimate.n}, instructions {first.estimate.clusters}, without a value {first.missing}"
    )
    shown = "yes" if split.equivalent <= ALPHA else "not shown"
    lines.append(
        f"  equivalent (within the margin both ways) {shown}, p {split.equivalent:.3g} (two tests)"
    )
    if split.looks:
        return [*lines, f"  {split.looks.text}", *_side_lines(split, result)]
    detectable = f"{split.power.detectable:{split.number}} {split.unit}"
    lines.append(f"  smallest difference it could detect {detectable} (80% power)")
    if split.outcome == "INCONCLUSIVE" and not split.doubt:
        lines.append(f"  {needed_text(split)}")
    return [*lines, *_side_lines(split, result)]


def _side_lines(split: SplitResult, result: GateResult) -> list[str]:
    sides = ((result.candidate, split.candidate), (result.baseline, split.baseline))
    return [_side_line(side, values, split.number) for side, values in sides]


def needed_text(split: SplitResult) -> str:
    """Say how many more examples would decide a difference like the present one."""
    needed = split.power.needed
    if needed is None:
        return "no number of examples can decide a difference that lies exactly on the limit"
    more = max(needed - split.examples, 1)
    return f"about {counted(more, 'more example')} (of {needed:,}) would decide a difference like this one"


def _side_line(side: Side, values: SideValues, number: str) -> str:
    parts = [f"  {side.system}: mean {values.mean:{number}}"]
    judged = values.judge
    if judged:
        parts += [
            f"W/T/L {judged.wins}/{judged.ties}/{judged.losses} against {judged.reference}",
            f"equal outputs {_percent(values.exact_matches)}",
            f"first shown wins {_percent(judged.first_shown)}",
            f"longer wins {_percent(judged.longer)}",
            f"flips {_percent(judged.flips)}",
            f"errors {judged.errors}",
            f"cost ${judged.cost:.2f}",
        ]
    if values.failed:
        parts.append(f"no output {values.failed}")
    return ", ".join(parts)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}%"


def gate_json(result: GateResult) -> dict[str, object]:
    """Return everything that the text says, in percent and points. Unbounded values are null."""
    options = result.options
    extra = {"margin_kind": options.margin_kind} if options.margin_kind != "points" else {}
    return {
        **extra,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "metric": options.metric,
        "margin": options.margin,
        "min_win_rate": options.min_win_rate,
        "alpha": ALPHA,
        "power": POWER,
        "judge": result.judge,
        "judge_digest": result.judge_digest,
        "judge_doubt": result.doubt,
        "candidate": _side_json(result.candidate),
        "baseline": _side_json(result.baseline),
        "splits": [_split_json(split) for split in result.splits],
        "warnings": list(result.warnings),
    }


def _side_json(side: Side) -> dict[str, str]:
    return {"run": str(side.run.path), "system": side.system}


def _split_json(split: SplitResult) -> dict[str, object]:
    paired, difference = split.paired, split.checks[0].estimate
    watched = {"looks": asdict(split.looks), "p_equivalent": split.equivalent} if split.looks else {}
    return {
        **watched,
        "split": split.split,
        "outcome": split.outcome,
        "n": difference.n,
        "clusters": difference.clusters,
        "examples": split.examples,
        "difference": difference.value,
        "ci_low": finite(difference.ci_low),
        "ci_high": finite(difference.ci_high),
        "method": difference.method,
        "p_value": paired.p_value,
        "p_value_permutation": paired.p_value_permutation,
        "better": paired.wins,
        "equal": paired.ties,
        "worse": paired.losses,
        "smallest_detectable": finite(split.power.detectable),
        "examples_needed": split.power.needed,
        "checks": [
            {
                **asdict(check),
                "estimate": _estimate_json(check.estimate),
                "outcome": check.outcome,
                "rests_on_missing": check.rests_on_missing,
            }
            for check in split.checks
        ],
        "candidate": _values_json(split.candidate),
        "baseline": _values_json(split.baseline),
    }


def _estimate_json(estimate: Estimate) -> dict[str, object]:
    return {**asdict(estimate), "ci_low": finite(estimate.ci_low), "ci_high": finite(estimate.ci_high)}


def _values_json(values: SideValues) -> dict[str, object]:
    judged = values.judge
    return {
        "mean": values.mean,
        "no_output": values.failed,
        "exact_match_pos": values.exact_matches,
        "judge": asdict(judged) if judged else None,
    }


def junit_xml(result: GateResult) -> str:
    """Write a JUnit test suite with a case for each split.

    An INCONCLUSIVE split is a failure; with `--inconclusive pass` it is skipped.
    """
    options = result.options
    cases = []
    for split in result.splits:
        case = ElementTree.Element(
            "testcase", classname=f"gisteval.gate.{options.metric}", name=_legal(split.split), time="0"
        )
        message = _legal("; ".join(check_text(check, split.unit) for check in split.checks))
        if split.outcome == "INCONCLUSIVE" and options.inconclusive == "pass" and not split.doubt:
            ElementTree.SubElement(case, "skipped", message=f"INCONCLUSIVE: {message}")
        elif split.outcome != "PASS":
            failure = ElementTree.SubElement(case, "failure", type=split.outcome, message=message)
            failure.text = _legal("\n".join(_split_lines(split, result)))
        ElementTree.SubElement(case, "system-out").text = message
        cases.append(case)
    suite = ElementTree.Element(
        "testsuite",
        name=_legal(f"gisteval gate: {result.candidate.system} against {result.baseline.system}"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        errors="0",
    )
    suite.extend(cases)
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _legal(text: str) -> str:
    """Replace the characters that XML can't hold."""
    return _NOT_XML.sub("\ufffd", text)
