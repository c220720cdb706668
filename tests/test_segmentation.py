"""Where prompts are cut, and the text of a segmentation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.compressors.spec import CompressorSpec
from gisteval.errors import GistevalError
from gisteval.segmentation import Segmentation


@given(st.integers(1, 500), st.integers(1, 40))
def test_segments_are_as_long_as_asked_and_equal_within_one_token(tokens, length):
    for cut in (Segmentation(str(length)), Segmentation(f"1/{length}")):
        ends = cut.ends(tokens)
        sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        assert sum(sizes) == tokens
        assert min(sizes) >= 1
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == cut.count(tokens)
    assert Segmentation(str(length)).count(tokens) == -(-tokens // length)
    assert Segmentation(f"1/{length}").count(tokens) == min(length, tokens)


@pytest.mark.parametrize(
    ("segmentation", "spec", "label"),
    [
        (Segmentation(), "segments", "every-32"),
        (Segmentation("8", "last"), "segments:length=8,sees=last", "every-8-last"),
        (
            Segmentation("1/4", "nothing", "slots"),
            "segments:length=1/4,numbering=slots,sees=nothing",
            "parts-4-nothing-slots",
        ),
        (Segmentation("line", "nothing"), "segments:length=line,sees=nothing", "every-line-nothing"),
        (
            Segmentation("sentence", "tokens"),
            "segments:length=sentence,sees=tokens",
            "every-sentence-tokens",
        ),
    ],
)
def test_a_segmentation_is_the_spec_of_what_reads_it(segmentation, spec, label):
    assert (segmentation.spec, segmentation.label) == (spec, label)
    parsed = CompressorSpec.parse(spec)
    assert str(parsed) == spec
    assert parsed.build().segmentation == segmentation
    assert Segmentation.from_json(segmentation.to_json()) == segmentation


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("length=0", "length must be a number of tokens such as 32, sentence, line, or a share such as"),
        ("length=-3", "not '-3'"),
        ("length=2/3", "not '2/3'"),
        ("length=1/0", "not '1/0'"),
        ("length=word", "not 'word'"),
        ("sees=gist", "sees must be one of gists, last, nothing, tokens, not 'gist'.*did you mean 'gists'"),
        ("numbering=own", "numbering must be one of original, slots, not 'own'"),
        ("sees=tokens,numbering=slots", "sees=tokens reads the whole prompt at its own positions"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(GistevalError, match=f"compressor segments: .*{message}"):
        CompressorSpec.parse(f"segments:{settings}")


@pytest.mark.parametrize("value", ["8", {"length": 8}, {"size": "8"}, {"sees": "gists", "k": "1"}])
def test_what_is_no_segmentation_in_a_file_is_refused(value):
    with pytest.raises(ValueError, match="segments must be an object of length, sees, numbering"):
        Segmentation.from_json(value)
