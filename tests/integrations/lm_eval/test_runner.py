"""The model "gist" of lm-eval: HFLM's answers without compression, one prefix for each compressed part."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval import GistLM
from gisteval.models.running.decoder import DecoderModel

CONTEXTS = [
    "Say the first word.\n\nInput: cats, dogs\nOutput:",
    "Say the first word.\n\nInput: worlds\nOutput: yes, maybe no \nInput: dogs\nOutput:",
    "no",
    "twice ",
    "the " * 300,  # longer than the context of 256 tokens
]
CHOICES = [" yes", " no", " maybe twice", "s", " the first word twice"]
RULE = "before:Input: {input}"


def requests(kind: str, arguments: list[tuple], docs: list[dict] | None = None) -> list[Instance]:
    docs = docs or [{} for _ in arguments]
    return [
        Instance(kind, doc, args, 0, ("test", number, 1))
        for number, (doc, args) in enumerate(zip(docs, arguments, strict=True))
    ]


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def plain_checkpoint(request, tmp_path_factory, tiny_network, tiny_tokenizer) -> str:
    """A stock model as transformers writes it, without gist.json."""
    folder = tmp_path_factory.mktemp("plain")
    tiny_network(request.param).save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def peer(plain_checkpoint) -> HFLM:
    return HFLM(pretrained=plain_checkpoint, device="cpu", batch_size=3, dtype="float32")


@pytest.fixture(scope="module")
def ours(plain_checkpoint) -> GistLM:
    return GistLM(pretrained=plain_checkpoint, device="cpu")


def same(found: list[tuple[float, bool]], expected: list[tuple[float, bool]]) -> None:
    assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert [value for value, _ in found] == pytest.approx([value for value, _ in expected], abs=2e-4)


def test_log_likelihoods_are_those_of_hflm(ours, peer):
    pairs = [(context, choice) for context in [*CONTEXTS, ""] for choice in CHOICES]
    asked = requests("loglikelihood", pairs)
    same(ours.loglikelihood(asked, disable_tqdm=True), peer.loglikelihood(asked, disable_tqdm=True))


def test_a_greedy_continuation_is_said_to_be_one(ours, peer):
    (text,) = peer.generate_until(
        requests("generate_until", [(CONTEXTS[0], {"max_gen_toks": 1})]), disable_tqdm=True
    )
    asked = requests("loglikelihood", [(CONTEXTS[0], text)])
    expected = peer.loglikelihood(asked, disable_tqdm=True)
    same(ours.loglikelihood(asked, disable_tqdm=True), expected)


def test_rolling_log_likelihoods_are_those_of_hflm(ours, peer):
    asked = requests("loglikelihood_rolling", [(text,) for text in CONTEXTS])
    found = ours.loglikelihood_rolling(asked, disable_tqdm=True)
    assert found == pytest.approx(peer.loglikelihood_rolling(asked, disable_tqdm=True), abs=2e-3)


def test_answers_are_those_of_hflm(ours, peer):
    settings = [
        {"until": ["\n"], "max_gen_toks": 12},
        {"until": ["e", "or"], "max_gen_toks": 30, "do_sample": False},
        {"max_gen_toks": 20, "temperature": 0.0},
        {"until": "o", "max_new_tokens": 7},
    ]
    pairs = [(context, dict(chosen)) for context in CONTEXTS for chosen in settings]
    asked = requests("generate_until", pairs)
    assert ours.generate_until(asked, disable_tqdm=True) == peer.generate_until(asked, disable_tqdm=True)


@pytest.mark.parametrize("batch_size", [1, 3])
def test_answers_do_not_depend_on_the_batch_size(plain_checkpoint, ours, batch_size):
    other = GistLM(pretrained=plain_checkpoint, device="cpu", batch_size=batch_size)
    asked = requests("loglikelihood", [(c, choice) for c in CONTEXTS[:3] for choice in CHOICES])
    same(other.loglikelihood(asked, disable_tqdm=True), ours.loglikelihood(asked, disable_tqdm=True))


DOCS = [{"input": "cats"}, {"input": "dogs, worlds"}, {"input": "yes"}]
SHOTS = "Say the first word.\n\nInput: maybe\nOutput: maybe\n\n"


def behind_shots(checkpoint, **arguments) -> GistLM:
    return GistLM(pretrained=str(checkpoint), device="cpu", compress=RULE, **arguments)


def asked_behind_shots(shots: str = SHOTS) -> list[Instance]:
    pairs = [(f"{shots}Input: {doc['input']}\nOutput:", choice) for doc in DOCS for choice in CHOICES]
    return requests("loglikelihood", pairs, [doc for doc in DOCS for _ in CHOICES])


@pytest.mark.parametrize(("name", "condition"), [("gist-3", "gist"), ("pos_control", "pos_control")])
def test_choices_behind_a_compressed_part_score_as_in_one_masked_pass(tiny_suite, name, condition):
    """Second path: the whole sequence, uncached, under the condition's mask."""
    from gisteval.masks import MaskRule

    model = behind_shots(tiny_suite / name)
    asked = asked_behind_shots()
    found = model.loglikelihood(asked, disable_tqdm=True)
    prompt = model.tokens.prompts([SHOTS])[0] + model.tokens.gists
    for request, (value, greedy) in zip(asked, found, strict=True):
        plain = request.args[0].removeprefix(SHOTS)
        both, context = model.tokens.rest(plain + request.args[1]), model.tokens.rest(plain)
        answer = both[len(context) :]
        (logits,) = model.reader.predictions([prompt], [context], [answer], MaskRule(condition))
        losses = logits[:-1].log_softmax(-1)[range(len(answer)), answer]
        assert value == pytest.approx(float(losses.sum()), abs=2e-4)
        assert greedy == (logits[:-1].argmax(-1).tolist() == answer)


def test_one_prefix_serves_all_requests_with_the_same_compressed_part(tiny_suite, monkeypatch):
    model = behind_shots(tiny_suite / "gist-1")
    encoded: list[int] = []
    whole = DecoderModel.encode

    def counted(self, prompts, *args, **options):
        encoded.append(len(prompts))
        return whole(self, prompts, *args, **options)

    monkeypatch.setattr(DecoderModel, "encode", counted)
    other = asked_behind_shots("Say no.\n\n")
    model.loglikelihood(asked_behind_shots() + other, disable_tqdm=True)
    assert sum(encoded) == 2
    info = model.get_model_info()
    assert (info["gist_prompts"], info["gist_kept"], info["gist_compressor"]) == (2, 2, "gist")


def test_settings_and_budget_of_a_compressor_are_arguments_of_their_own(tiny_suite):
    """lm-eval cuts its arguments at commas and reads numbers."""
    shared = {"pretrained": str(tiny_suite / "pos_control"), "device": "cpu", "compress": RULE}
    apart = GistLM(**shared, compressor="random", seed=1, budget="50%")
    together = GistLM(**shared, compressor="random:seed=1", budget="50%")
    asked = asked_behind_shots()
    scores = apart.loglikelihood(asked, disable_tqdm=True)
    assert scores == together.loglikelihood(asked, disable_tqdm=True)
    info = apart.get_model_info()
    assert (info["gist_compressor"], info["gist_budget"]) == ("random:seed=1", "50%")
    assert 0 < info["gist_kept"] < info["gist_source_tokens"]
    everything = GistLM(**shared, compressor="knorm", budget="100%").loglikelihood(asked, disable_tqdm=True)
    same(everything, GistLM(**shared, compressor="full").loglikelihood(asked, disable_tqdm=True))
    assert scores != everything


def test_under_the_negative_control_the_compressed_part_counts_by_its_length_only(tiny_suite):
    model = behind_shots(tiny_suite / "neg_control")
    other = SHOTS.replace("the first", "first the")
    assert len(model.tokens.whole(other)) == len(model.tokens.whole(SHOTS))
    first = model.loglikelihood(asked_behind_shots(), disable_tqdm=True)
    assert first == model.loglikelihood(asked_behind_shots(other), disable_tqdm=True)


@pytest.mark.parametrize("config_ends", [True, False])
def test_a_tokenizer_without_an_end_token(
    plain_checkpoint, tiny_tokenizer, ours, tmp_path, config_ends: bool
) -> None:
    """What needs none is answered as ever; a text that nothing precedes is refused in one line."""
    folder = tmp_path / "endless"
    shutil.copytree(plain_checkpoint, folder)
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.eos_token = None
    tokenizer.save_pretrained(folder)
    if not config_ends:
        for name in ("config.json", "generation_config.json"):
            content = json.loads((folder / name).read_text())
            content["eos_token_id"] = None
            (folder / name).write_text(json.dumps(content))
    model = GistLM(pretrained=str(folder), device="cpu")
    assert (model.eot_token_id == ours.eot_token_id) is config_ends
    asked = requests("loglikelihood", [(context, choice) for context in CONTEXTS[:3] for choice in CHOICES])
    same(model.loglikelihood(asked, disable_tqdm=True), ours.loglikelihood(asked, disable_tqdm=True))
    asked = requests("generate_until", [(CONTEXTS[0], {"max_gen_toks": 5, "until": ["no"]})])
    texts = model.generate_until(asked, disable_tqdm=True)
    if config_ends:
        assert texts == ours.generate_until(asked, disable_tqdm=True)
    for kind, arguments in (("loglikelihood", ("", " yes")), ("loglikelihood_rolling", ("yes",))):
        with pytest.raises(GistevalError, match="has no start or end token"):
            getattr(model, kind)(requests(kind, [arguments]), disable_tqdm=True)
