"""Usage logs in our own columns and in providers' fields."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.billing.usage import Request, read_usage
from gisteval.errors import GistevalError

TIME = 1764322200.0  # 2025-11-28T09:30:00Z

ROW = {
    "time": TIME,
    "prompt": "a",
    "model": "m",
    "shared_tokens": 9,
    "input_tokens": 50,
    "output_tokens": 1,
}


def log(folder: Path, *rows: dict[str, object]) -> Path:
    file = folder / "usage.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def anthropic(read: int, written: int) -> dict[str, object]:
    """A response of the Messages API: cached tokens are counted apart from `input_tokens`."""
    return {
        "created_at": "2025-11-28T09:30:00Z",
        "prompt_id": "support",
        "model": "claude-haiku-4-5-20251001",
        "usage": {
            "input_tokens": 40,
            "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read,
            "cache_creation": {"ephemeral_5m_input_tokens": written, "ephemeral_1h_input_tokens": 0},
            "output_tokens": 90,
        },
    }


def openai(cached: int) -> dict[str, object]:
    """A response of Chat Completions: cached tokens are counted within `prompt_tokens`."""
    return {
        "created": TIME,
        "prompt_cache_key": "support",
        "model": "gpt-5",
        "usage": {
            "prompt_tokens": 2040,
            "completion_tokens": 90,
            "total_tokens": 2130,
            "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        },
    }


def test_both_providers_say_the_same_of_the_same_requests(tmp_path: Path) -> None:
    ours = [Request(TIME, "support", "m", 2000, 40, 90)] * 2
    for rows in ([anthropic(0, 2000), anthropic(2000, 0)], [openai(0), openai(2000)]):
        found = read_usage(log(tmp_path, *rows), model="m")
        assert list(found.requests) == ours
        assert "provider's cache held" in found.notes[0] and "2 requests" in found.notes[0]


def test_our_own_columns_in_csv(tmp_path: Path) -> None:
    file = tmp_path / "usage.csv"
    file.write_text(
        "time,prompt,model,shared_tokens,input_tokens,output_tokens\n"
        "2025-11-28T09:31:00+00:00,b,m,10,15,3\n"
        f"{TIME},a,m,20,20,1\n"
    )
    assert read_usage(file).requests == (
        Request(TIME, "a", "m", 20, 0, 1),
        Request(TIME + 60, "b", "m", 10, 5, 3),
    )


def test_a_text_is_known_by_its_digest_and_its_length_is_estimated(tmp_path: Path) -> None:
    row = {
        "time": TIME,
        "prompt": "Answer in French. " * 8,
        "model": "m",
        "input_tokens": 50,
        "output_tokens": 1,
    }
    found = read_usage(log(tmp_path, row, row))
    assert {(request.shared, request.own, len(request.prompt)) for request in found.requests} == {
        (36, 14, 16)
    }
    assert "estimated at 4 bytes" in found.notes[0]
    assert read_usage(log(tmp_path, row), shared_tokens=30).requests[0].own == 20


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"time": "yesterday"}, "row 1: time is 'yesterday': write it like 2026-11-28T09:30:00Z"),
        ({"time": 1e300}, "row 1: time is"),
        ({"input_tokens": -1}, "row 1: input_tokens is -1, not a whole number of tokens"),
        ({"output_tokens": "many"}, "row 1: output_tokens is 'many'"),
        ({"shared_tokens": 51}, "shared_tokens is 51, more than all 50 input tokens"),
        ({"prompt": None}, "row 1 has no field prompt"),
        ({"shared_tokens": None}, "nothing says how long the shared prompt is"),
        ({"num_model_requests": 12}, "sums up several requests"),
    ],
)
def test_a_wrong_row_is_named(change: dict[str, object], said: str, tmp_path: Path) -> None:
    with pytest.raises(GistevalError) as error:
        read_usage(log(tmp_path, {**ROW, **change}))
    assert said in str(error.value)


def test_an_empty_log_is_refused(tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").write_text("\n")
    with pytest.raises(GistevalError, match="holds no request"):
        read_usage(tmp_path / "usage.jsonl")
