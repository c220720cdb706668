"""What a model writes where it is asked to repeat its prompt, beside the plain way to generate it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.diagnostics.reading import PromptReader
from gisteval.diagnostics.reconstruction import ANSWER, MARGIN, REQUEST, reconstruction

EXAMPLES = random_examples(count=5)


@pytest.mark.parametrize("family", ["llama", "t5"])
@pytest.mark.parametrize("compressor", [Gist(), Full(), Empty()])
def test_it_is_what_the_model_generates(family: str, compressor) -> None:
    model = random_model(family, k=2)
    reader = PromptReader("system", model, compressor)
    found = {item.example.id: item for batch in reconstruction(reader, EXAMPLES) for item in batch}
    assert list(found) and {item.example for item in found.values()} == set(EXAMPLES)
    for example in EXAMPLES:
        (prompt,) = compressor.compress(model, [example.instruction], None)
        room = len(model.tokens.targets([example.instruction])[0]) + MARGIN
        (alone,) = model.generate([prompt], [REQUEST], room)
        # In a batch the longest instruction sets the limit; a shorter one's answer begins the same way.
        assert found[example.id].texts[ANSWER].startswith(alone)


def test_the_task_s_own_input_is_not_asked() -> None:
    reader = PromptReader("full", random_model("llama", k=0), Full())
    other = [replace(example, input="something else") for example in EXAMPLES]
    texts = [
        [item.texts[ANSWER] for batch in reconstruction(reader, asked) for item in batch]
        for asked in (EXAMPLES, other)
    ]
    assert texts[0] == texts[1]
