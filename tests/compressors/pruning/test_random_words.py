"""Words at random: the same ones in any batch, others under another seed."""

from __future__ import annotations

from gisteval.compressors.spec import build_compressor
from gisteval.records.budget import Budget

TEXTS = [f"say word {n} of the list, and then the last one once more" for n in range(4)]


def kept(model, spec: str, texts: list[str]) -> list[tuple[int, ...]]:
    return [prompt.token_ids for prompt in build_compressor(spec).compress(model, texts, Budget(share=0.5))]


def test_a_draw_depends_on_the_text_and_the_seed_alone(tiny_model) -> None:
    model = tiny_model("llama", 0)
    together = kept(model, "random_words", TEXTS)
    assert together == [kept(model, "random_words", [text])[0] for text in TEXTS]
    assert kept(model, "random_words", TEXTS[::-1]) == together[::-1]
    assert kept(model, "random_words:seed=1", TEXTS) != together
