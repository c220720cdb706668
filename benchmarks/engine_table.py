"""Markdown of what `engines.py` measured, and which answers are not those that they must be."""

from __future__ import annotations

from typing import Any

REFERENCE = "ours-float32"
PRECISION = {"bfloat16": "bfloat16", "q4": "4 bits"}
"""By a part of a side's name; the others compute in float32."""
WHAT = {
    "ours-float32": "ours, whole prompt cached",
    "ours-bfloat16": "ours, whole prompt cached",
    "ours-keydiff-25%": "ours, KeyDiff keeps 25%",
    "ours-keydiff-4": "ours, 4 states kept (as a gist of 4)",
    "generate": "transformers `generate`",
    "generate-copied": "transformers `generate` on a copied cache",
    "continuous": "transformers continuous batching",
    "hflm": "lm-eval HFLM",
    "openvino-float32": "openvino-genai, prefix caching",
    "openvino-bfloat16": "openvino-genai, prefix caching",
    "llama-float32": "xllamacpp, one at a time",
    "llama-q4": "xllamacpp, one at a time",
    "llama-q4-slots": "xllamacpp, 4 slots",
    "vllm-bfloat16": "vLLM, CPU build",
}
HEADER = (
    "| engine | arithmetic | inputs/s | times ours in float32 | prompt read, s | first token behind it, ms "
    "| memory, MB | answers equal to ours |\n|---|---|---|---|---|---|---|---|"
)


def precision(side: str) -> str:
    return next((name for part, name in PRECISION.items() if part in side.split("-")), "float32")


def exact(side: str) -> bool:
    """Whether a side computes what ours does, in float32, so that its answers must be the same."""
    return precision(side) == "float32" and "keydiff" not in side


def runs(found: dict[str, Any], side: str, place: int) -> dict[int, dict[str, Any]]:
    """A side's measurements of one prompt by round."""
    return {
        one["round"]: prompt
        for one in found["measured"]
        if one["side"] == side
        for prompt in one.get("prompts", [])[place : place + 1]
        if "seconds" in prompt
    }


def equal(found: dict[str, Any], side: str, place: int) -> tuple[int, int] | None:
    """How many of a side's answers are those of ours in float32, and of how many; of the worst round."""
    reference = runs(found, REFERENCE, place)
    if not reference:
        return None
    right = reference[min(reference)]["answers"]
    counted = [
        (sum(a == b for a, b in zip(one["answers"], right, strict=False)), len(one["answers"]))
        for one in runs(found, side, place).values()
    ]
    return min(counted, key=lambda pair: pair[0] - pair[1], default=None)


def differing(found: dict[str, Any]) -> list[str]:
    """A line for every float32 side with answers that are not ours."""
    lines = []
    for side in (side for side in WHAT if exact(side)):
        for place, tokens in enumerate(sorted(found["settings"]["prompts"])):
            pair = equal(found, side, place)
            if pair is not None and pair[0] < pair[1]:
                share = f"{pair[0]} of {pair[1]} answers"
                lines.append(f"{side}, prompt of {tokens} tokens: {share} are those of {REFERENCE}")
    return lines


def ratios(found: dict[str, Any], side: str, place: int) -> list[float]:
    """Throughput over that of ours in float32, each of one round."""
    reference = runs(found, REFERENCE, place)
    return sorted(
        (reference[number]["seconds"] / reference[number]["inputs"]) / (one["seconds"] / one["inputs"])
        for number, one in runs(found, side, place).items()
        if number in reference
    )


def row(found: dict[str, Any], side: str, place: int) -> str | None:
    """A line of the table: the best round of each figure, the range of the ratio; None if not measured."""
    measured = list(runs(found, side, place).values())
    if not measured:
        return None
    speed = max(one["inputs"] / one["seconds"] for one in measured)
    times = ratios(found, side, place)
    spread = f"{times[0]:.2f} to {times[-1]:.2f}" if times else "-"
    pair = equal(found, side, place)
    cells = (
        WHAT[side],
        precision(side),
        f"{speed:.2f}",
        spread,
        f"{min(one['read_seconds'] for one in measured):.2f}",
        f"{1000 * min(one['further_seconds'] for one in measured):.0f}",
        f"{max(one['peak_mb'] for one in measured):,}",
        f"{pair[0]} of {pair[1]}" if pair else "-",
    )
    return f"| {' | '.join(cells)} |"


def skipped(found: dict[str, Any]) -> list[str]:
    """What was not measured, with the reason, each once."""
    lines: dict[str, None] = {}
    for one in found["measured"]:
        name = f"{WHAT[one['side']]} ({precision(one['side'])})"
        if "skipped" in one:
            lines[f"- {name}: {one['skipped']}"] = None
        for tokens, prompt in zip(
            sorted(found["settings"]["prompts"]), one.get("prompts", []), strict=False
        ):
            if "left_out" in prompt:
                lines[f"- {name}, {tokens} tokens: {prompt['left_out']}"] = None
    return list(lines)


def tables(found: dict[str, Any]) -> str:
    """A table for each prompt, what was left out, and the machine with all versions."""
    asked, machine = found["settings"], found["machine"]
    parts = []
    for place, (tokens, count) in enumerate(sorted(zip(asked["prompts"], asked["inputs"], strict=True))):
        rows = [line for side in WHAT if (line := row(found, side, place)) is not None]
        title = f"{count} inputs behind a prompt of {tokens:,} tokens, {asked['new_tokens']} tokens each:"
        parts.append("\n".join([title, "", HEADER, *rows]))
    if left := skipped(found):
        parts.append("\n".join(["Not measured:", "", *left]))
    versions: dict[str, str] = {}
    for one in found["measured"]:
        versions |= one.get("versions", {})
    rounds = 1 + max((one["round"] for one in found["measured"]), default=-1)
    parts.append(
        f"{machine['processor']}, {machine['cores']} cores, "
        f"{'with' if machine['bfloat16'] else 'without'} bfloat16 arithmetic, {asked['threads']} threads, "
        f"Python {machine['python']}, rounds: {rounds}. "
        f"{', '.join(f'{name} {version}' for name, version in sorted(versions.items()))}."
    )
    return "\n\n".join(parts)
