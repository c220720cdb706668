"""Instructions of wordplay in other words, from their family and parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from gisteval.tasks.generators.wordplay.lexicon import content_directory
from gisteval.tasks.generators.wordplay.overlap import normalise
from gisteval.tasks.generators.wordplay.phrasing import Wording, load_grammar, plain


def paraphrases(
    items: Iterable[Mapping[str, Any]], content: Path | None = None
) -> Iterator[dict[str, str]]:
    """One paraphrase of each instruction, in a plain training template, whose words every model knows.

    Args:
        items: Lines of a split that hold the family and the parameters.
        content: The folder of the task.

    Yields:
        The instruction and its paraphrase.
    """
    grammar = load_grammar(content_directory(content))
    seen: set[str] = set()
    for item in items:
        text = str(item["instruction"])
        if text in seen or "params" not in item:
            continue
        seen.add(text)
        family, rng = str(item["family"]), Random(f"wordplay paraphrase {text}")
        other = text
        while normalise(other) == normalise(text):
            wording = Wording.sample(grammar, family, item["params"], rng)
            other = plain(wording, rng.choice(grammar.families[family].train))
        yield {"instruction": text, "paraphrase": other}
