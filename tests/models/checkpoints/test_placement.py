"""Weights on several devices, on disk and in few bits: outputs are those of the plain model, or refused."""

from __future__ import annotations

import importlib.util
import json

import pytest
import torch
from accelerate import dispatch_model
from safetensors.torch import save_file
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers.cache_utils import DynamicLayer

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError, MissingExtra
from gisteval.generation.selfcheck import check_cached_path
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import ADAPTERS, load_model, save_checkpoint
from gisteval.models.checkpoints.placement import choose_placement, dispatch
from gisteval.models.checkpoints.vocabulary import fit_vocabulary
from gisteval.models.running.architecture import architecture_of
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.schema import Example

CPU = torch.device("cpu")
EXAMPLES = [
    Example(str(n), "tiny", "test", "say " + word * n, "cats, " * (n % 3), f"{word} {word}")
    for n, word in enumerate(["yes ", "no ", "maybe ", "worlds "])
]
NETWORKS = ["llama", "gpt2", "t5"]
BLOCKS = {"model.layers", "transformer.h", "encoder.block", "decoder.block"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_network, tiny_tokenizer):
    """Writes a checkpoint of a random network: folder("llama")."""

    def write(name: str):
        path = tmp_path_factory.mktemp(name)
        template = architecture_of({"model_type": name}, "test").template
        recipe = {"recipe": {"condition": "gist", "k": 2}}
        record = GistRecord("tiny", "gist", 2, template, training=recipe)
        save_checkpoint(path, tiny_network(name), tiny_tokenizer, record)
        return path

    return write


def losses(model) -> torch.Tensor:
    """Of the reference tokens behind gists, nats."""
    prompts = Gist().compress(model, [example.instruction for example in EXAMPLES], None)
    found = model.score(prompts, [e.input for e in EXAMPLES], [e.output for e in EXAMPLES])
    return torch.cat(found)


def write_map(path, places) -> str:
    path.write_text(json.dumps(places))
    return str(path)


def split_map(network, first: str, rest: str) -> dict[str, str]:
    """The first block of every stack on `first`, all other parts on `rest`; a block is never divided."""
    stacks = [path for path, _ in network.named_modules() if path in BLOCKS]
    blocks = [f"{path}.{index}" for path in stacks for index in range(len(network.get_submodule(path)))]
    tensors = [*network.named_parameters(remove_duplicate=False), *network.named_buffers()]
    parts = {path.rsplit(".", 1)[0] for path, _ in tensors}
    others = {path for path in parts if not any(path.startswith(f"{block}.") for block in blocks)}
    firsts = {f"{path}.0" for path in stacks}
    return {path: first if path in firsts else rest for path in sorted({*blocks, *others})}


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("kind", ["auto", "sequential", "cpu", "disk", "split"])
def test_a_spread_model_answers_as_the_plain_one(folder, tiny_network, tmp_path, name, kind):
    checkpoint = inspect_checkpoint(folder(name))
    text = kind
    if kind == "split":
        text = write_map(tmp_path / "map.json", split_map(tiny_network(name), "disk", "cpu"))
    elif kind in ("cpu", "disk"):
        text = write_map(tmp_path / "map.json", {"": kind})
    placement = choose_placement("auto", "float32", text)
    plain = load_model(checkpoint, CPU, torch.float32)
    spread = load_model(checkpoint, placement.device, placement.dtype, placement.device_map)
    offloaded = [weight.is_meta for weight in spread.model.parameters()]
    assert any(offloaded) == (kind in ("disk", "split"))
    assert all(offloaded) == (kind == "disk")
    assert spread.device == CPU and spread.dtype == torch.float32
    assert float((losses(spread) - losses(plain)).abs().max()) < 1e-4
    check = check_cached_path(spread, Gist(), None, EXAMPLES)
    assert check.max_nll_difference < 1e-4 and not check.greedy_mismatches


@pytest.mark.parametrize("name", NETWORKS)
def test_no_layer_meets_a_tensor_of_another_device(monkeypatch, tiny_network, tiny_tokenizer, name):
    """Tensors without content on two devices, where an operation that mixes them fails as on two GPUs."""

    def move(module, path, device, **options):
        *parents, last = path.split(".")
        for parent in parents:
            module = getattr(module, parent)
        table = module._parameters if last in module._parameters else module._buffers
        moved = table[last].detach().to(device)
        table[last] = (
            torch.nn.Parameter(moved, requires_grad=False) if last in module._parameters else moved
        )

    def start(layer, keys, values):  # fake tensors lose the 1 of torch.tensor([], device="cpu:1")
        layer.dtype, layer.device, layer.is_initialized = keys.dtype, keys.device, True
        layer.keys, layer.values = keys.new_empty(0), values.new_empty(0)

    monkeypatch.setattr("accelerate.hooks.set_module_tensor_to_device", move)
    monkeypatch.setattr(DynamicLayer, "lazy_initialization", start)
    kind = architecture_of({"model_type": name}, "test")
    tokens = PromptTokenizer(tiny_tokenizer, kind.template, 1, kind.closes_input)
    gist = tokens.gist_id
    prompts, inputs, answers = [[7, 8, gist], [9, gist]], [[3, 4], [6]], [[2], [2, 3]]
    with FakeTensorMode(allow_non_fake_inputs=True):
        network = tiny_network(name)
        network = dispatch_model(
            network,
            split_map(network, "cpu:1", "cpu"),
            main_device="cpu",
            skip_keys=network._skip_keys_device_placement,
        )
        model = ADAPTERS[kind](network, tokens)
        assert {str(weight.device) for weight in network.parameters()} == {"cpu", "cpu:1"}
        kept = model.encode(prompts, 1)
        assert {str(keys.device) for keys, _ in kept[0].layers} == {"cpu", "cpu:1"}
        running = model.run(kept, inputs)
        model.predictions(prompts, inputs, answers, MaskRule("gist"))
        if name != "t5":
            model.predictions(prompts, inputs, answers, MaskRule("gist", layers=(1,)))
        running.nll(answers)
        running.take_rows(torch.tensor([1]))
        one = torch.ones(1, 1, dtype=torch.long)
        running._forward(one, one.bool(), running.next_position[:, None], keep=1)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"device": "cpu", "device_map": "auto"}, "give one"),
        ({"device_map": "autoo"}, "did you mean 'auto'"),
        ({"device_map": "nowhere.json"}, "can't be read"),
        ({"quantize": "int3"}, "choose int8 or int4"),
    ],
)
def test_flags_that_make_no_placement_are_refused(flags, message):
    with pytest.raises(GistevalError, match=message):
        choose_placement(**{"device": "auto", "dtype": "auto", **flags})


@pytest.mark.parametrize("content", [[], {}, {"": "warp"}, {"": None}, {"": True}, {"": 99}])
def test_a_map_of_no_devices_is_refused(tmp_path, content):
    with pytest.raises(GistevalError):
        choose_placement("auto", "auto", write_map(tmp_path / "map.json", content))


def test_a_map_that_forgets_a_layer_is_one_line(folder, tmp_path):
    places = {"model.embed_tokens": "cpu", "model.layers.0": "disk"}
    with pytest.raises(GistevalError, match="can't be loaded"):
        load_model(inspect_checkpoint(folder("llama")), CPU, torch.float32, places)


def test_pickles_and_weights_made_at_load_do_not_stay_on_disk(folder, tiny_network):
    path = folder("llama")
    torch.save(tiny_network("llama").state_dict(), path / "pytorch_model.bin")
    (path / "model.safetensors").unlink()
    checkpoint = inspect_checkpoint(path, allow_pickle=True)
    with pytest.raises(GistevalError, match="only safetensors can stay on disk"):
        load_model(checkpoint, CPU, torch.float32, {"": "disk"})
    assert load_model(checkpoint, CPU, torch.float32, {"": "cpu"}).device == CPU
    with pytest.raises(GistevalError, match="can't stay on disk"):
        dispatch(tiny_network("llama"), {"": "disk"})


@pytest.mark.parametrize("kind", ["auto", {"": "cpu"}])
def test_a_difference_is_added_before_it_is_spread(folder, tiny_network, tmp_path, kind):
    path, base, own = folder("llama"), tiny_network("llama", seed=5), tiny_network("llama")
    other = base.state_dict()
    change = {name: (weight - other[name]).contiguous() for name, weight in own.state_dict().items()}
    save_file(change, path / "model.safetensors", {"format": "pt"})
    base.save_pretrained(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{}")
    checkpoint = inspect_checkpoint(path, base=tmp_path)
    expected = load_model(checkpoint, CPU, torch.float32)
    assert torch.equal(losses(load_model(checkpoint, CPU, torch.float32, kind)), losses(expected))
    with pytest.raises(GistevalError, match="leave --quantize out"):
        load_model(checkpoint, CPU, torch.float32, quantize="int8")


def test_a_missing_bitsandbytes_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"gisteval\[quantized\]"):
        choose_placement("auto", "auto", None, "int8")


def test_what_is_quantised_already_is_refused(folder):
    path = folder("llama")
    config = json.loads((path / "config.json").read_text())
    (path / "config.json").write_text(json.dumps({**config, "quantization_config": {}}))
    with pytest.raises(GistevalError, match="quantised already"):
        load_model(inspect_checkpoint(path), CPU, torch.float32, quantize="int8")


def test_an_offloaded_embedding_gets_no_row(folder, chat_tokenizer):
    model = load_model(inspect_checkpoint(folder("llama")), CPU, torch.float32, {"": "disk"}).model
    tokenizer = chat_tokenizer(None)
    tokenizer.add_tokens(["<more>"])
    with pytest.MonkeyPatch.context() as patch:
        name = "gisteval.models.checkpoints.vocabulary.find_gist_id"
        patch.setattr(name, lambda tokenizer: len(tokenizer) - 1)
        with pytest.raises(GistevalError, match="offloaded"):
            fit_vocabulary(model, tokenizer)
