"""The tables of docs/cuda.md from the JSON lines of a run on a GPU, and of nothing else."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from cuda_lines import ROOT, Line, read
from page_tables import put_between

PAGE = ROOT / "docs" / "cuda.md"
START, END = "<!-- tables: made by benchmarks/cuda.py --docs -->", "<!-- end of tables -->"


class NotFromAGpu(Exception):
    """What the lines hold is no figure of a GPU."""


def write_page(file: Path, page: Path = PAGE) -> int:
    """Put the tables into the page. Returns 2, and changes nothing, for lines that are not a GPU's."""
    try:
        text = tables(read(file))
    except (OSError, NotFromAGpu) as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 2
    put_between(page, START, END, text)
    print(f"wrote {page}")
    return 0


def tables(lines: Sequence[Line]) -> str:
    """All tables as Markdown.

    Raises:
        NotFromAGpu: A line is a CPU's, a tiny one, or another card's.
    """
    if not lines:
        raise NotFromAGpu("holds no lines")
    for line in lines:
        if line.get("cuda") is not True or line.get("tiny") is not False:
            size = "a tiny run" if line.get("tiny") else "a run"
            raise NotFromAGpu(
                f"figures of {size} on {line.get('device')!r} are never written into docs/cuda.md: "
                "only those of a whole run on a GPU are"
            )
    devices = sorted({line["device"] for line in lines})
    if len(devices) > 1:
        raise NotFromAGpu(f"lines of several cards ({', '.join(devices)}): give one run")
    blocks = [heading(lines)]
    blocks += [make([line for line in lines if line["part"] == part]) for part, make in MAKERS.items()]
    return "\n".join(filter(None, blocks)).rstrip("\n")


def heading(lines: Sequence[Line]) -> str:
    found = next((line for line in lines if line["part"] == "machine"), {})
    versions = f"torch {found.get('torch')} with CUDA {found.get('cuda_version')}"
    text = f"Measured on one {lines[0]['device']}, {versions}, transformers {found.get('transformers')}.\n"
    for line in lines:
        if line.get("event") in ("stopped", "failed", "left out"):
            reason = line.get("reason") or f"after {line.get('seconds')} s"
            text += f"\nPart *{line['part']}* was not finished: {line['event']} ({reason}).\n"
        if "error" in line:
            text += f"\nPart *{line['part']}* broke: {line['error']}\n"
    return text


def table(columns: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    body = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n{body}" if body else ""


def equality(lines: Sequence[Line]) -> str:
    checks = [line for line in lines if "ok" in line]
    groups = Counter((line["kind"], line["dtype"]) for line in checks)

    def rows() -> Iterator[Sequence[str]]:
        for kind, dtype in groups:
            own = [line for line in checks if (line["kind"], line["dtype"]) == (kind, dtype)]
            shares = [line["nats"] / line["tolerance"] for line in own if line.get("tolerance")]
            largest = f"{max(shares):.2f}" if shares else "-"
            yield kind, dtype, f"{sum(line['ok'] for line in own)} of {len(own)}", largest

    text = table(("checks", "dtype", "hold", "largest difference, of its tolerance"), rows())
    for line in lines:
        if line.get("kind") == "records":
            equal = f"{line['equal_texts']} of {line['texts']} texts"
            apart = f"{line['largest_loss_difference']:.1e} nats"
            text += (
                f"\nRecords in {line['dtype']}: {equal} are those of a CPU's float32; losses differ by at "
            )
            text += f"most {apart}.\n"
        elif line.get("ok") is False:
            text += f"\n**{line['check']}, {line['dtype']}: does not hold** ({line.get('reason', '-')}).\n"
    return f"### Equality\n\n{text}" if text else ""


def table3(lines: Sequence[Line]) -> str:
    last = {(line["shape"], line["mode"]): line for line in lines if "shape" in line}

    def rows() -> Iterator[Sequence[str]]:
        for (shape, mode), line in last.items():
            saved = line["saved_milliseconds"]
            cell = "-" if saved is None else f"{saved[0]:.2f}"
            if saved and len(saved) == 3:
                cell += f" [{saved[1]:.2f}, {saved[2]:.2f}]"
            yield (
                shape,
                mode,
                f"{line['milliseconds']:.2f}",
                cell,
                f"{line['gflops']:.1f}",
                str(line["rounds"]),
            )

    columns = ("shape", "mode", "ms", "saved, ms (median, 95%)", "GFLOPs", "rounds")
    text = table(columns, rows())
    if not text:
        return ""
    one = next(iter(last.values()))
    note = (
        f"\nLengths: {one['lengths']}. {one['prompts']} prompts, {one['dtype']}, clock: {one['clock']}.\n"
    )
    return f"### The paper's table 3\n\n{text}{note}"


def batches(lines: Sequence[Line]) -> str:
    roof = next((line for line in lines if line.get("roofline")), None)
    if roof is None:
        return ""

    def rows() -> Iterator[Sequence[str]]:
        for line in lines:
            if "mode" not in line:
                continue
            start = (f"{line['prompt']:,}", str(line["batch"]), line["mode"])
            if "left_out" in line:
                yield *start, *["-"] * 4, f"{line['bound_seconds']:.3f}", line["left_out"]
                continue
            seconds = (line["prefill_seconds"], line["decode_seconds"], line["seconds"])
            cells = [f"{value:.3f}" for value in seconds]
            gigabytes = f"{line['cache_bytes'] / 1e9:.1f}"
            yield *start, *cells, gigabytes, f"{line['bound_seconds']:.3f}", f"{line['roofline_share']:.0%}"

    columns = (
        "prompt",
        "batch",
        "mode",
        "prefill, s",
        "decoding, s",
        "both, s",
        "cache, GB",
        "roofline, s",
    )
    text = table((*columns, "share"), rows())
    peaks = f"{roof['flops_per_second'] / 1e12:.0f} TFLOP/s, {roof['bytes_per_second'] / 1e12:.2f} TB/s"
    return f"### Batches, long prompts and decoding\n\nMeasured roofs: {peaks} ({roof['dtype']}).\n\n{text}"


def throughput(lines: Sequence[Line]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for line in lines:
            if "peer" not in line:
                continue
            start = (line["model"], line["dtype"], line["peer"], str(line["examples"]))
            if "left_out" in line:
                yield *start, "-", "-", line["left_out"]
            else:
                speed = f"{line['examples_a_second']:.1f}"
                yield (
                    *start,
                    speed,
                    f"{line['ratio']:.2f}",
                    f"{line['equal_outputs']} of {line['examples']}",
                )

    columns = (
        "model",
        "dtype",
        "peer",
        "examples",
        "ours, examples a second",
        "ours over peer",
        "equal outputs",
    )
    text = table(columns, rows())
    for line in lines:
        if "share_outside_model" in line:
            share = f"{line['share_outside_model']:.0%}"
            text += f"\nOutside the model's calls, {line['model']}: {share} of a run.\n"
    return f"### Throughput\n\n{text}" if text else ""


def memory(lines: Sequence[Line]) -> str:
    def rows() -> Iterator[Sequence[str]]:
        for line in lines:
            if "said_bytes" in line:
                said, found = (f"{line[name] / 1e9:.2f}" for name in ("said_bytes", "found_bytes"))
                within = "yes" if line["within_10_percent"] else "no"
                yield line["model"], line["dtype"], said, found, f"{line['apart']:+.1%}", within

    text = table(("model", "dtype", "--dry-run, GB", "peak, GB", "apart", "within 10%"), rows())
    return f"### Peak memory\n\n{text}" if text else ""


def training(lines: Sequence[Line]) -> str:
    def trained() -> Iterator[Sequence[str]]:
        for line in lines:
            if "condition" in line:
                loss = "-" if line["last_loss"] is None else f"{line['last_loss']:.2f}"
                yield (
                    line["condition"],
                    str(line["steps"]),
                    f"{line['seconds']:.0f}",
                    line["precision"],
                    loss,
                )

    def evaluated() -> Iterator[Sequence[str]]:
        for line in lines:
            if "metric" in line:
                low, high = line["ci"]
                value = f"{line['value']:.2f}" + ("" if low is None else f" [{low:.2f}, {high:.2f}]")
                yield line["split"], line["system"], line["metric"], value, str(line["n"])

    steps = table(("condition", "steps", "seconds", "precision", "last loss"), trained())
    scores = table(("split", "system", "metric", "value", "n"), evaluated())
    return f"### SmolLM2 with all weights on P3\n\n{steps}\n{scores}" if steps else ""


MAKERS: dict[str, Callable[[Sequence[Line]], str]] = {
    "equality": equality,
    "table3": table3,
    "batches": batches,
    "throughput": throughput,
    "memory": memory,
    "training": training,
}
