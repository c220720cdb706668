"""The mask matrices as they are drawn, and the properties that tie the conditions together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gisteval.masks import (
    CONTINUATION,
    GIST,
    PAD,
    PROMPT,
    MaskRule,
    additive,
    causal_mask,
    head_masks,
    prefill_mask,
    prompt_visible,
    segment_numbers,
    selection_masks,
    source_visibility,
    token_positions,
    visibility,
)
from gisteval.segmentation import Segmentation

PACKED = torch.tensor([[0, 0, 1, 2, 2, 3, 3]])
"""t t G x y x y: a prompt of two tokens, one gist, two continuations of two tokens."""


def drawn(text: str) -> torch.Tensor:
    return torch.tensor([[mark == "1" for mark in line.split()] for line in text.strip().split("\n")])


CAUSAL = drawn("""
    1 . . . . . .
    1 1 . . . . .
    1 1 1 . . . .
    1 1 1 1 . . .
    1 1 1 1 1 . .
    1 1 1 . . 1 .
    1 1 1 . . 1 1
""")
GISTED = drawn("""
    1 . . . . . .
    1 1 . . . . .
    1 1 1 . . . .
    . . 1 1 . . .
    . . 1 1 1 . .
    . . 1 . . 1 .
    . . 1 . . 1 1
""")
NEGATIVE = drawn("""
    1 . . . . . .
    1 1 . . . . .
    1 1 1 . . . .
    . . . 1 . . .
    . . . 1 1 . .
    . . . . . 1 .
    . . . . . 1 1
""")
LEAKING = drawn("""
    1 . . . . . .
    1 1 . . . . .
    1 1 1 . . . .
    . 1 1 1 . . .
    . 1 1 1 1 . .
    . 1 1 . . 1 .
    . 1 1 . . 1 1
""")


SOURCE = torch.tensor([[PAD, 0, 0, 1, 2, 2]])
"""A padding token, t t G x x, as an encoder reads it."""


@pytest.mark.parametrize(
    ("rule", "prompt", "behind"),
    [
        (MaskRule("pos_control"), ". 1 1 1 1 1", ". 1 1 1 1 1"),
        (MaskRule("gist"), ". 1 1 1 . .", ". . . 1 1 1"),
        (MaskRule("neg_control"), ". 1 1 1 . .", ". . . . 1 1"),
        (MaskRule("gist", leak_window=1), ". 1 1 1 . .", ". . 1 1 1 1"),
    ],
)
def test_source_visibility_is_the_drawn_matrix(rule, prompt, behind):
    found = source_visibility(SOURCE, rule)[0]
    assert torch.equal(found[1:], drawn("\n".join([prompt] * 3 + [behind] * 2)))
    assert torch.equal(found[4], prompt_visible(SOURCE, rule)[0])  # x and the decoder see the same


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (MaskRule("pos_control"), CAUSAL),
        (MaskRule("gist"), GISTED),
        (MaskRule("neg_control"), NEGATIVE),
        (MaskRule("gist", leak_window=1), LEAKING),
    ],
)
def test_visibility_is_the_drawn_matrix(rule, expected):
    assert torch.equal(visibility(PACKED, rule)[0], expected)


def test_causal_mask_is_the_drawn_matrix():
    assert torch.equal(causal_mask(PACKED)[0], CAUSAL)


def test_prefill_mask_is_the_drawn_matrix():
    key_visible = torch.tensor([[False, True, True, False, True, True]])
    expected = drawn("""
        . 1 1 . . .
        . 1 1 . 1 .
        . 1 1 . 1 1
    """)
    assert torch.equal(prefill_mask(key_visible, 3)[0], expected)


def test_prompt_visible_counts_the_leak_window_from_the_last_prompt_token():
    roles = torch.tensor([[PAD, PROMPT, PROMPT, PROMPT, GIST, CONTINUATION, PAD]])
    visible = prompt_visible(roles, MaskRule("gist", leak_window=2))
    assert visible.tolist() == [[False, False, True, True, True, True, False]]


def test_only_the_named_heads_follow_the_rule():
    found = head_masks(PACKED, MaskRule("gist", heads=frozenset({1})), 3)
    assert found.shape == (1, 3, 7, 7)
    assert torch.equal(found[0, 1], GISTED)
    assert torch.equal(found[0, 0], CAUSAL)
    assert torch.equal(found[0, 2], CAUSAL)


def test_a_rule_without_heads_needs_one_mask_for_all():
    assert torch.equal(head_masks(PACKED, MaskRule("gist"), 3), GISTED[None, None])


def test_a_head_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match=r"heads \[3\] do not exist: the model has 3"):
        head_masks(PACKED, MaskRule("gist", heads=frozenset({0, 3})), 3)


def test_at_layer_is_causal_outside_the_named_layers():
    rule = MaskRule("gist", 2, frozenset({1}), frozenset({0}))
    assert not rule.is_uniform
    assert rule.at_layer(1) == MaskRule("gist", 2, None, frozenset({0}))
    assert rule.at_layer(0) == MaskRule("pos_control")
    everywhere = MaskRule("neg_control", heads=frozenset({0}))
    assert everywhere.is_uniform
    assert everywhere.at_layer(7) == everywhere


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_additive_holds_zero_and_the_minimum_of_the_dtype(dtype):
    bias = additive(torch.tensor([[True, False], [True, True]]), dtype)
    lowest = torch.finfo(dtype).min
    assert bias.dtype == dtype
    assert bias.tolist() == [[0.0, lowest], [0.0, 0.0]]


@st.composite
def rows(draw) -> tuple[list[int], int]:
    """Roles without padding, and the length of the prompt without its gists."""
    prompt, gists = draw(st.integers(0, 5)), draw(st.integers(0, 3))
    lengths = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3))
    roles = [PROMPT] * prompt + [GIST] * gists
    for number, length in enumerate(lengths):
        roles += [CONTINUATION + number] * length
    return roles, prompt


rules = st.builds(
    MaskRule, st.sampled_from(["gist", "pos_control", "neg_control"]), leak_window=st.integers(0, 6)
)


@given(rows())
def test_each_condition_sees_no_more_than_the_one_above_it(row):
    roles, prompt = torch.tensor([row[0]]), row[1]
    causal = causal_mask(roles)
    gist = visibility(roles, MaskRule("gist"))
    negative = visibility(roles, MaskRule("neg_control"))
    assert torch.equal(visibility(roles, MaskRule("pos_control")), causal)
    assert not (gist & ~causal).any()
    assert not (negative & ~gist).any()
    assert torch.equal(visibility(roles, MaskRule("gist", leak_window=prompt)), causal)


@given(rows(), st.integers(0, 5))
def test_a_wider_leak_window_shows_one_more_prompt_token(row, window):
    roles = torch.tensor([row[0]])
    narrow = prompt_visible(roles, MaskRule("gist", leak_window=window))
    wide = prompt_visible(roles, MaskRule("gist", leak_window=window + 1))
    assert not (narrow & ~wide).any()
    assert int((wide & ~narrow).sum()) == (1 if row[1] > window else 0)


@given(rows(), rules)
def test_every_token_sees_itself_and_nothing_later(row, rule):
    mask = visibility(torch.tensor([row[0]]), rule)[0]
    assert mask.diagonal().all()
    assert not mask.triu(1).any()
    bias = additive(mask, torch.float32)
    assert set(bias.unique().tolist()) <= {0.0, torch.finfo(torch.float32).min}
    assert (bias.amax(-1) == 0).all()


@given(rows(), rules, st.integers(0, 3), st.integers(0, 3))
def test_padding_changes_nothing_and_is_seen_by_nobody(row, rule, left, right):
    roles = row[0]
    padded = torch.tensor([[PAD] * left + roles + [PAD] * right])
    mask = visibility(padded, rule)[0]
    inside = slice(left, left + len(roles))
    assert torch.equal(mask[inside, inside], visibility(torch.tensor([roles]), rule)[0])
    assert not mask[:, padded[0] == PAD].any()


@given(rows(), rules)
def test_a_packed_continuation_sees_what_it_would_see_alone(row, rule):
    roles = torch.tensor(row[0])
    packed = visibility(roles[None], rule)[0]
    prompt = roles < CONTINUATION
    for number in roles[~prompt].unique():
        own = roles == number
        alone = visibility(torch.where(roles == number, CONTINUATION, roles)[None, prompt | own], rule)[0]
        assert torch.equal(packed[own][:, prompt | own], alone[int(prompt.sum()) :])
        assert not packed[own][:, ~prompt & ~own].any()


@given(rows(), rules, st.integers(0, 2))
def test_hidden_columns_can_be_dropped_from_the_cache(row, rule, padding):
    """The masked path and the cached path see the same: dropping a column equals hiding it."""
    alone = [role for role in row[0] if role <= CONTINUATION]
    roles = torch.tensor([alone])
    kept = prompt_visible(roles, rule)
    queries = roles[0] == CONTINUATION
    masked = visibility(roles, rule)[0, queries][:, kept[0]]
    present = torch.tensor([[False] * padding + [True] * int(kept.sum())])
    cached = prefill_mask(present, int(queries.sum()))[0]
    assert torch.equal(cached[:, padding:], masked)
    assert not cached[:, :padding].any()


def test_heads_that_keep_other_tokens_show_them_to_continuations_only():
    roles = torch.tensor([[0, 0, 0, 2, 2]])
    seen = torch.tensor([[[True, False, True, False, False], [False] * 5]])
    first, second = selection_masks(roles, seen)[0]
    assert torch.equal(
        first,
        drawn("""
            1 . . . .
            1 1 . . .
            1 1 1 . .
            1 . 1 1 .
            1 . 1 1 1
        """),
    )
    assert torch.equal(second, visibility(roles, MaskRule("neg_control"))[0])


def test_keeping_every_token_is_the_causal_mask_and_keeping_the_gists_the_gist_mask():
    everything = torch.ones(1, 2, 7, dtype=torch.bool)
    assert torch.equal(selection_masks(PACKED, everything)[0], CAUSAL.expand(2, -1, -1))
    gists = (PACKED == GIST)[:, None].expand(-1, 2, -1)
    assert torch.equal(selection_masks(PACKED, gists)[0], GISTED.expand(2, -1, -1))


SEGMENTS = torch.tensor([[0, 1, 0, 1, 0, 1, 2]])
"""t G t G t G x: three segments of a token and a gist, one continuation."""


@pytest.mark.parametrize(
    ("sees", "matrix"),
    [
        (
            "gists",
            """1 . . . . . .
               1 1 . . . . .
               . 1 1 . . . .
               . 1 1 1 . . .
               . 1 . 1 1 . .
               . 1 . 1 1 1 .
               . 1 . 1 . 1 1""",
        ),
        (
            "last",
            """1 . . . . . .
               1 1 . . . . .
               . 1 1 . . . .
               . 1 1 1 . . .
               . . . 1 1 . .
               . . . 1 1 1 .
               . . . . . 1 1""",
        ),
        (
            "nothing",
            """1 . . . . . .
               1 1 . . . . .
               . . 1 . . . .
               . . 1 1 . . .
               . . . . 1 . .
               . . . . 1 1 .
               . 1 . 1 . 1 1""",
        ),
        (
            "tokens",
            """1 . . . . . .
               1 1 . . . . .
               1 . 1 . . . .
               . . 1 1 . . .
               1 . 1 . 1 . .
               . . . . 1 1 .
               . 1 . 1 . 1 1""",
        ),
    ],
)
def test_segments_see_what_their_rule_draws(sees, matrix):
    rule = MaskRule("gist", segments=Segmentation(sees=sees))
    assert torch.equal(visibility(SEGMENTS, rule)[0], drawn(matrix))
    assert rule.at_layer(1) == rule


segments_of_rows = st.lists(st.integers(1, 4), min_size=1, max_size=4)


@given(segments_of_rows, st.integers(1, 3), st.integers(0, 3), st.integers(1, 3))
def test_the_rule_of_segments_is_causal_and_same_segment_or_gist(lengths, k, padding, behind):
    """Written out token by token, as the compressor without segments has it where there is only one."""
    roles, number = [PAD] * padding, [-1] * padding
    for segment, tokens in enumerate(lengths):
        roles += [PROMPT] * tokens + [GIST] * k
        number += [segment] * (tokens + k)
    roles += [CONTINUATION] * behind
    number += [len(lengths)] * behind
    expected = [
        [
            key <= query and roles[key] != PAD and (number[key] == number[query] or roles[key] == GIST)
            for key in range(len(roles))
        ]
        for query in range(len(roles))
    ]
    row = torch.tensor([roles])
    seen = visibility(row, MaskRule("gist", segments=Segmentation()))[0]
    assert seen[padding:].tolist() == expected[padding:]
    assert segment_numbers(row)[0, padding : padding + sum(lengths) + k * len(lengths)].tolist() == [
        segment for segment in number if 0 <= segment < len(lengths)
    ]
    if len(lengths) == 1:
        for sees in ("gists", "last", "nothing", "tokens"):
            alone = MaskRule("gist", segments=Segmentation(sees=sees))
            assert torch.equal(visibility(row, alone), visibility(row, MaskRule("gist")))


@pytest.mark.parametrize(
    ("segments", "places"),
    [
        (None, "0 0 1 2 3 4 5 6 7 6"),
        (Segmentation(), "0 0 1 2 3 4 5 6 7 6"),
        (Segmentation(numbering="slots"), "0 1 2 0 2 3 1 2 3 2"),
        (Segmentation(sees="nothing", numbering="slots"), "0 1 2 0 2 3 1 2 3 2"),
        (Segmentation(sees="last", numbering="slots"), "0 1 2 0 1 2 0 1 2 1"),
        (Segmentation(sees="tokens"), "0 0 1 1 2 3 3 4 5 4"),
    ],
)
def test_positions_of_segments_and_of_packed_continuations(segments, places):
    roles = torch.tensor([[PAD, 0, 0, 1, 0, 0, 1, 2, 2, 3]])
    found = token_positions(roles, MaskRule("gist", segments=segments))
    assert found.tolist() == [[int(place) for place in places.split()]]


def test_gists_that_take_up_no_position_stand_at_the_last_tokens_of_their_segment():
    roles = torch.tensor([[0, 0, 0, 1, 1, 0, 1, 1, 2]])
    found = token_positions(roles, MaskRule("gist", segments=Segmentation(sees="tokens")))
    assert found.tolist() == [[0, 1, 2, 1, 2, 3, 2, 3, 4]]
