"""Samples as compact JSON inside an HTML page, escaped so that no text can end its element."""

from __future__ import annotations

import json
import re
from typing import Any

from gisteval.metrics import metric
from gisteval.report.gallery import GROUPS
from gisteval.report.samples import Judgement, Output, Sample, Samples

HEAD, TAIL = 1_600, 400
"""Characters at the start and at the end of a long text that the page shows."""

_UNSAFE = re.compile("[<>&\u2028\u2029\ufeff\ud800-\udfff]")
"""What can end an element, a comment or (in old JavaScript) a line, and unpaired surrogates."""


def embedded_json(value: Any) -> str:
    """Return JSON for a <script type="application/json">, in which all strings stay strings."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def samples_json(samples: Samples) -> str:
    """Return all samples for the browser in the page, as lists instead of objects where there are many.

    A sample is [slug, split, id, instruction, input, reference, outputs, characters of the instruction], an
    output null or [text, score or null, exact, groups as bits, judgements], a judgement null or
    [value, verdicts], a verdict [order, choice, reply or error]. A long text is an excerpt.
    """
    leading = metric(samples.leading)
    places = {system.name: place for place, system in enumerate(samples.systems)}
    head = embedded_json(
        {
            "systems": [
                {
                    "name": system.name,
                    "role": system.role,
                    "reference": None if system.reference is None else places[system.reference],
                }
                for system in samples.systems
            ],
            "score": leading.title,
            "sign": leading.sign,
            "splits": samples.splits,
            "judges": samples.judges,
            "groups": [{"name": group.name, "title": group.title} for group in GROUPS],
        }
    )
    # One at a time, since all of them as lists take several times the memory of their text.
    texts = ",".join(embedded_json(_sample(samples, sample)) for sample in samples.samples)
    return f'{head[:-1]},"samples":[{texts}]}}'


def _sample(samples: Samples, sample: Sample) -> list[Any]:
    example = sample.example
    outputs = [sample.outputs.get(system.name) for system in samples.systems]
    return [
        sample.slug,
        samples.splits.index(example.split),
        example.id,
        excerpt(example.instruction),
        excerpt(example.input),
        excerpt(example.output),
        [None if output is None else _output(samples, output) for output in outputs],
        len(example.instruction),
    ]


def excerpt(text: str) -> str:
    """Return a text, or its start and its end with the number of characters between them.

    The records have the whole text; a page of a thousand prompts of 8,000 tokens would have 40 MB.
    """
    left_out = len(text) - HEAD - TAIL
    if left_out <= TAIL:  # a note in place of a few words would be no shorter
        return text
    return f"{text[:HEAD]}\n[... {left_out:,} of {len(text):,} characters left out ...]\n{text[-TAIL:]}"


def _output(samples: Samples, output: Output) -> list[Any]:
    bits = sum(1 << place for place, group in enumerate(GROUPS) if group.name in output.groups)
    judged = [output.judgements.get(judge) for judge in samples.judges]
    return [
        excerpt(output.text),
        None if output.score is None else round(output.score, 1),
        int(output.exact),
        bits,
        [None if judgement is None else _judgement(judgement) for judgement in judged],
    ]


def _judgement(judgement: Judgement) -> list[Any]:
    return [
        judgement.value,
        [[v.order, v.choice, v.reply or v.error or ""] for v in judgement.verdicts],
    ]
