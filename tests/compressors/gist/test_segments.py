"""Gists in segments: what stays of a prompt, where it stands, and prompts beyond the context."""

from __future__ import annotations

import json

import pytest
import torch
from random_models import CONTEXT, random_examples, random_model
from transformers import AutoModelForCausalLM

from gisteval.compressors.base import Source
from gisteval.compressors.gist import spans
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.running.compressed import Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.records.schema import Example
from gisteval.tasks import load_task

EXAMPLES = random_examples(count=4)
INSTRUCTIONS = [example.instruction for example in EXAMPLES]
INPUTS = [example.input for example in EXAMPLES]
OUTPUTS = [example.output for example in EXAMPLES]
RIGHT = spans._at
LONG = "say the first word twice or maybe no cats. " * 60


@pytest.fixture(scope="module")
def llama() -> DecoderModel:
    return random_model("llama", k=2, gain=3.0)


@pytest.mark.parametrize("sees", ["gists", "last", "nothing"])
def test_one_segment_is_the_prompt_with_its_gists(llama, sees):
    one = build_compressor(f"segments:length=1/1,sees={sees}").compress(llama, INSTRUCTIONS, None)
    plain = Gist().compress(llama, INSTRUCTIONS, None)
    for segment, gist in zip(one, plain, strict=True):
        assert isinstance(segment, Prefix)
        assert isinstance(gist, Prefix)
        assert segment.next_position == gist.next_position
        assert segment.accounting == gist.accounting
        for layer, (states, expected) in enumerate(zip(segment.layers, gist.layers, strict=True)):
            assert torch.equal(segment.positions(layer), gist.positions(layer))
            for mine, theirs in zip(states, expected, strict=True):
                assert torch.allclose(mine, theirs, atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "kept", "behind"),
    [
        ("", [3, 4, 8, 9, 13, 14], 15),
        (",sees=last", [13, 14], 15),
        (",sees=nothing", [3, 4, 8, 9, 13, 14], 15),
        (",sees=tokens", [1, 2, 4, 5, 7, 8], 9),
        (",numbering=slots", [0, 1, 2, 3, 4, 5], 6),
        (",numbering=slots,sees=last", [0, 1], 2),
    ],
)
def test_kept_slots_stand_where_the_rule_puts_them(llama, monkeypatch, settings, kept, behind):
    """Nine tokens in three segments, two gists behind each."""
    monkeypatch.setattr(llama.tokens, "prompts", lambda texts: [list(range(20, 29)) for _ in texts])
    compressor = build_compressor(f"segments:length=3{settings}")
    (prefix,) = compressor.compress(llama, ["nine tokens"], None)
    assert isinstance(prefix, Prefix)
    assert prefix.positions(0)[0].tolist() == kept
    assert prefix.next_position == behind
    accounting = prefix.accounting
    assert (accounting.source_tokens, accounting.kept) == (9, len(kept))
    assert accounting.bytes == sum(state.nbytes for pair in prefix.layers for state in pair)
    footprint = compressor.footprint(Source(9, 2, 0, True), None)
    assert (footprint.run_once, footprint.slots, footprint.run_each) == (15, len(kept), 0)
    assert footprint.positions >= max(compressor.positions(llama, ["nine tokens"], None))


def states(model, compressor, instruction):
    (prefix,) = compressor.compress(model, [instruction], None)
    return torch.stack([keys for keys, _ in prefix.layers])


@pytest.mark.parametrize(("sees", "is_alone"), [("gists", False), ("nothing", True), ("tokens", False)])
def test_a_segment_reaches_those_behind_it_as_its_rule_says(llama, sees, is_alone):
    """Of two sentences one is changed, and the other one's gists are compared."""
    compressor = build_compressor(f"segments:length=sentence,sees={sees}")
    before = states(llama, compressor, "say cats. say yes")
    later = states(llama, compressor, "say cats. say no")
    earlier = states(llama, compressor, "say dogs. say yes")
    assert torch.allclose(before[:, :, :2], later[:, :, :2], atol=1e-5)
    assert not torch.allclose(before[:, :, 2:], later[:, :, 2:], atol=1e-3)
    assert torch.allclose(before[:, :, 2:], earlier[:, :, 2:], atol=1e-5) == is_alone


@pytest.mark.parametrize(("family", "sees"), [("llama", "gists"), ("gpt2", "last")])
def test_a_prompt_beyond_the_context_is_compressed_in_segments(family, sees):
    """And proven: positions repeat, so the uncached pass over all of it is possible too."""
    model = random_model(family, k=2, gain=3.0)
    examples = [Example(str(n), "tiny", "test", LONG[: 300 * n], "cats", "no") for n in (1, 3)]
    texts = [example.instruction for example in examples]
    lengths = [len(prompt) for prompt in model.tokens.prompts(texts)]
    assert lengths[0] < CONTEXT < lengths[1]
    compressor = build_compressor(f"segments:length=32,numbering=slots,sees={sees}")
    taken = compressor.positions(model, texts, None)
    assert model.fitting(examples, taken) == examples
    assert len(model.fitting(examples)) == 1
    check = check_cached_path(model, compressor, None, examples)
    assert max(check.loss_difference, check.decoded_difference) < 1e-4


@pytest.mark.parametrize("sees", ["gists", "last"])
@pytest.mark.parametrize("numbering", ["original", "slots"])
@pytest.mark.parametrize("line", [1, 4, 40])
def test_no_prompt_in_lines_is_called_too_long_that_is_not(tiny_model, sees, numbering, line):
    """The estimate knows no text: whatever the lines, they take up as much at least."""
    model = tiny_model("llama", k=2)
    compressor = build_compressor(f"segments:length=line,sees={sees},numbering={numbering}")
    text = "\n".join(["say yes " * line] * (80 // line))
    (taken,) = compressor.positions(model, [text], None)
    (prompt,) = model.tokens.prompts([text])
    assert len(compressor.prompts(model, [text])[0]) == len(prompt) + 2 * (80 // line)
    source = Source(len(prompt), 2, 0, True)
    assert compressor.footprint(source, None).positions <= taken


def test_each_edit_is_a_span_that_no_other_reaches(tiny_model, tmp_path):
    """One gist span an edit of the prompt, the same beside any other edits."""
    model = tiny_model("llama", k=2)
    rows = [{"subject": s, "src": f"{s}?", "alt": a, "rephrase": "x", "loc": "y", "loc_ans": "z"}
            for s, a in (("cats", "yes"), ("dogs", "no"), ("worlds", "maybe"))]  # fmt: skip
    file = tmp_path / "edits.json"
    file.write_text(json.dumps(rows))
    prompt = next(iter(load_task(f"edits:file={file},facts=3").examples("test"))).instruction
    edits = prompt.split("\n")
    assert len(edits) == 3
    compressor = build_compressor("segments:length=line,sees=nothing,numbering=slots")
    found = states(model, compressor, prompt)
    assert found.shape[2] == 3 * model.tokens.k
    others = states(model, compressor, "\n".join([edits[2], edits[1], edits[0]]))
    assert torch.allclose(found[:, :, 2:4], others[:, :, 2:4], atol=1e-5)
    assert not torch.allclose(found[:, :, :2], others[:, :, :2], atol=1e-3)
    for part in (slice(0, 2), slice(4, 6)):
        changed = states(model, compressor, "\n".join([edits[0], "say it", edits[2]]))
        assert torch.allclose(found[:, :, part], changed[:, :, part], atol=1e-5)


def test_a_prompt_beyond_the_context_is_refused_where_positions_stay(llama):
    with pytest.raises(GistevalError, match="exceeds the context of 256"):
        build_compressor("segments:length=32").compress(llama, [LONG], None)


@pytest.mark.parametrize("settings", ["length=3", "length=3,sees=tokens", "length=3,numbering=slots"])
def test_sliding_windows_count_the_positions_of_the_rule(tiny_network, llama, settings):
    network = tiny_network("mistral")
    config = network.config
    config.sliding_window = 6
    config.vocab_size = len(llama.tokens.tokenizer)
    torch.manual_seed(0)
    made = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa").eval()
    with torch.no_grad():
        for weight in made.parameters():
            if weight.dim() > 1:
                weight.mul_(3)
    model = DecoderModel(made, llama.tokens)
    assert any(model.windows)
    check = check_cached_path(model, build_compressor(f"segments:{settings}"), None, EXAMPLES)
    assert max(check.loss_difference, check.decoded_difference) < 1e-4


@pytest.mark.parametrize(
    "fault",
    [
        lambda seen, start: RIGHT(seen, start + 1),
        lambda seen, start: RIGHT(seen[-1:], start),
        lambda seen, start: RIGHT(seen[:-1] or seen, start),
    ],
    ids=["positions off by one", "earlier gists unseen", "the latest states unseen"],
)
@pytest.mark.parametrize("settings", ["", ",numbering=slots"])
def test_a_fault_on_the_way_through_the_segments_is_refused(llama, monkeypatch, fault, settings):
    monkeypatch.setattr(spans, "_at", fault)
    with pytest.raises(InvalidRun, match=r"cached and masked paths|between its layers"):
        check_cached_path(llama, build_compressor(f"segments:length=3{settings}"), None, EXAMPLES)


def test_a_model_without_gists_is_refused():
    model = random_model("llama", k=0)
    with pytest.raises(GistevalError, match="compressor segments needs k >= 1"):
        build_compressor("segments").compress(model, INSTRUCTIONS, None)


def test_segments_are_stored_in_fewer_bits_too(llama):
    check = check_cached_path(llama, build_compressor("segments:length=3+int8"), None, EXAMPLES)
    assert check.stored_difference is not None
    assert check.loss_difference < 1e-4
