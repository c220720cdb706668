"""GistLM: each kind of request behind a compressed part, and what does not fit."""

from __future__ import annotations

import math

import pytest
from lm_eval.api.instance import Instance

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval import GistLM

DOCS = [{"input": "cats"}, {"input": "dogs, worlds"}, {"input": "yes"}]
RULE = "before:Input: {input}"


def requests(kind: str, arguments: list[tuple], docs: list[dict] | None = None) -> list[Instance]:
    docs = docs or [{} for _ in arguments]
    return [
        Instance(kind, doc, args, 0, ("test", number, 1))
        for number, (doc, args) in enumerate(zip(docs, arguments, strict=True))
    ]


def test_a_rolled_text_is_scored_behind_its_compressed_part(tiny_suite):
    model = GistLM(pretrained=str(tiny_suite / "gist-1"), device="cpu", compress="until:word.")
    text = "Say the first word. Then say it twice."
    (rolled,) = model.loglikelihood_rolling(requests("loglikelihood_rolling", [(text,)]), disable_tqdm=True)
    pair = requests("loglikelihood", [("Say the first word.", " Then say it twice.")])
    ((expected, _),) = model.loglikelihood(pair, disable_tqdm=True)
    assert rolled == pytest.approx(expected, abs=1e-4)
    assert math.isfinite(rolled)


def test_what_does_not_fit_names_the_document(tiny_suite):
    model = GistLM(pretrained=str(tiny_suite / "gist-1"), device="cpu", compress=RULE)
    pairs = [(f"{'word ' * 300}Input: {doc['input']}\nOutput:", " yes") for doc in DOCS]
    with pytest.raises(GistevalError, match="task test, document 0: its compressed part"):
        model.loglikelihood(requests("loglikelihood", pairs, DOCS), disable_tqdm=True)
    sampled = requests(
        "generate_until", [("Input: no", {"do_sample": True, "temperature": 1.0})], [DOCS[0]]
    )
    with pytest.raises(GistevalError, match="greedily"):
        model.generate_until(sampled, disable_tqdm=True)
