"""How each architecture is trained."""

from __future__ import annotations

from types import SimpleNamespace

from gisteval.masks import MaskRule
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER
from gisteval.training.batch_format import BATCH_FORMATS


def test_only_a_decoder_packs_and_its_collator_knows_the_heads() -> None:
    assert (BATCH_FORMATS[DECODER].packs, BATCH_FORMATS[ENCODER_DECODER].packs) == (True, False)
    config = SimpleNamespace(num_attention_heads=6)
    config.get_text_config = lambda *_, **__: config
    rule = MaskRule("gist")
    collator = BATCH_FORMATS[DECODER].collator(rule, 2, SimpleNamespace(config=config))
    assert (collator.rule, collator.num_heads) == (rule, 6)
