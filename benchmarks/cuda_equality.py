"""Part `equality` of cuda.py: two ways that must agree, on the device. Every line has `check` and `ok`.

The most important checks come first, since a part that overruns is stopped.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import torch
from cuda_lines import ROOT, Line, Setting, release
from family_check import LARGEST, differences, family_tokens
from random_models import random_examples, random_model
from tiny_families import Family, families, refusal, tiny_config, tiny_model

from gisteval.compressors.base import Compressor
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.spec import build_compressor
from gisteval.config import RunConfig
from gisteval.errors import InvalidRun
from gisteval.generation import answering
from gisteval.generation.answering import Decoding, answer_all
from gisteval.generation.outcomes import Answer
from gisteval.generation.selfcheck import choose_examples, failure, measure_paths
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import ADAPTERS, load_model
from gisteval.models.checkpoints.placement import DTYPES
from gisteval.models.running import memory
from gisteval.models.running.architecture import architecture_of
from gisteval.models.running.base import PromptModel
from gisteval.pipeline.run.evaluate import run
from gisteval.records.budget import Budget
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.registry import COMPRESSORS, CONDITION_COMPRESSOR
from gisteval.tasks import load_task

SUITES = ("wordplay-llama", "wordplay-t5")
RANDOM_FAMILIES = ("llama", "qwen2", "mistral", "qwen3", "gpt_neox", "mixtral", "gpt2", "t5")
EVICTORS = ("snapkv", "keydiff", "h2o", "tova", "knorm", "expected", "streaming", "observed")
EVICTED_FAMILIES = ("llama", "qwen2", "mistral")
GIST = ROOT / "checkpoints" / "wordplay-llama" / "gist-1"


def lines(setting: Setting) -> Iterator[Line]:
    for check in CHECKS:
        yield from check(setting)
        release(setting)


def agreement(
    name: str,
    model: PromptModel,
    compressor: Compressor,
    examples: list[Example],
    budget: Budget | None = None,
) -> Line:
    """The self-check's verdict and figures. Its tolerance is what rounding explains in the dtype."""
    try:
        found = measure_paths(model, compressor, budget, examples)
    except InvalidRun as error:
        return {"check": name, "ok": False, "reason": str(error)}
    cached = max(found.loss_difference, found.decoded_difference)
    nats = max(cached, found.batch_difference, found.stock_difference or 0.0)
    reason = failure(found)
    return {
        "check": name,
        "ok": reason is None,
        "nats": nats,
        "tolerance": found.tolerance,
        **({} if reason is None else {"reason": reason}),
    }


def members(setting: Setting) -> Iterator[Line]:
    """Cached equals masked for the demo suites' checkpoints in three dtypes."""
    examples = {"unseen": list(load_task("wordplay").examples("unseen", 20 if setting.tiny else 200))}
    for suite in SUITES:
        for folder in sorted(path.parent for path in (ROOT / "checkpoints" / suite).glob("*/gist.json")):
            for dtype in DTYPES:
                if setting.tiny and (folder.name, dtype) != ("gist-1", "float32"):
                    continue
                checkpoint = inspect_checkpoint(folder)
                model = load_model(checkpoint, setting.place, DTYPES[dtype])
                assert checkpoint.record.condition is not None
                compressor = COMPRESSORS.load(CONDITION_COMPRESSOR[checkpoint.record.condition])()
                rows = choose_examples(model, examples)
                line = agreement(f"{suite}/{folder.name}", model, compressor, rows)
                yield {**line, "kind": "demo suites", "dtype": dtype}


def records(setting: Setting) -> Iterator[Line]:
    """Texts of whole runs on the device against a CPU's float32. They must be equal in float32."""
    names = ("gist-1",) if setting.tiny else ("gist-1", "pos_control", "neg_control")
    expected = generations("cpu", "float32", names, setting.tiny)
    for dtype in ("float32",) if setting.tiny else DTYPES:
        found = generations(setting.device, dtype, names, setting.tiny)
        equal = sum(found[key][0] == text for key, (text, _) in expected.items())
        apart = max(abs(found[key][1] - nll) for key, (_, nll) in expected.items())
        judged = {"ok": equal == len(expected)} if dtype == "float32" else {}
        yield {
            "check": "records against a CPU's float32",
            "kind": "records",
            "dtype": dtype,
            "equal_texts": equal,
            "texts": len(expected),
            "largest_loss_difference": apart,
            **judged,
        }


def generations(
    device: str, dtype: str, names: tuple[str, ...], tiny: bool, **more: Any
) -> dict[tuple[str, str], tuple[str, float]]:
    """Text and loss of each answer of a run, by system and example."""
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig(
            models=tuple(str(GIST.parent / name) for name in names),
            splits=("human",),
            limit=4 if tiny else None,
            judge="none",
            device=device,
            dtype=dtype,
            output=f"{folder}/run",
            **more,
        )
        run(config, with_report=False)
        written = RunFolder.open(Path(folder, "run"))
        return {
            (system.name, one.example): (one.output, one.nll or 0.0)
            for system in written.manifest().systems
            for one in written.read_generations(system.name, "human")
        }


def evicted(setting: Setting) -> Iterator[Line]:
    """What evictors keep is what a mask a layer and head lets through."""
    budget = Budget.parse("50%")
    for spec in EVICTORS[:1] if setting.tiny else EVICTORS:
        for family in EVICTED_FAMILIES[:1] if setting.tiny else EVICTED_FAMILIES:
            for dtype in ("float32",) if setting.tiny else DTYPES:
                model = random_model(family, DTYPES[dtype], setting.device)
                examples = random_examples(count=8)
                line = agreement(f"{spec}, {family}", model, build_compressor(spec), examples, budget)
                yield {**line, "kind": "evictors", "dtype": dtype}


def out_of_memory(setting: Setting) -> Iterator[Line]:
    """A batch for which there is no room is halved, and the answers stay what they are."""
    model = load_model(inspect_checkpoint(GIST), setting.place, torch.float32)
    count = 6 if setting.tiny else 256
    examples = list(load_task("wordplay").examples("seen", count))
    expected = answers(model, examples, 2 if setting.tiny else 16)
    with scarce(setting, lambda rows: answers(model, examples[:rows], rows), count), halvings() as seen:
        found = answers(model, examples, count)
    yield {
        "check": "a batch without room is halved",
        "kind": "out of memory",
        "dtype": "float32",
        "ok": found == expected and bool(seen),
        "rows": count,
        "halved": len(seen),
    }


def answers(model: PromptModel, examples: list[Example], rows: int) -> dict[str, str]:
    batches = answer_all(model, Gist(), None, examples, Decoding(24, batch_size=rows))
    return {one.example.id: one.output for batch in batches for one in batch if isinstance(one, Answer)}


def scarce(setting: Setting, work: Callable[[int], object], rows: int) -> AbstractContextManager[None]:
    """Inside, memory does not suffice for a batch of so many rows, but for a few."""
    return _little_memory(setting, work, rows) if setting.on_gpu else _refusing(rows // 2)


@contextmanager
def _little_memory(setting: Setting, work: Callable[[int], object], rows: int) -> Iterator[None]:
    """The allocator may take what lies half-way between a few rows and all of them."""
    release(setting)
    peaks = []
    for count in (8, rows):
        torch.cuda.reset_peak_memory_stats(setting.place)
        work(count)
        peaks.append(torch.cuda.max_memory_reserved(setting.place))
        release(setting)
    total = torch.cuda.get_device_properties(setting.place).total_memory
    torch.cuda.set_per_process_memory_fraction(sum(peaks) / 2 / total, setting.place)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, setting.place)


@contextmanager
def _refusing(most: int) -> Iterator[None]:
    """A CPU's memory is not ours to fill: the error is raised in its place."""
    inner = answering._answers

    def limited(model: Any, batch: Any, decoding: Any) -> Any:
        if len(batch) > most:
            raise torch.OutOfMemoryError("made up: no room for so many rows")
        return inner(model, batch, decoding)

    with patch.object(answering, "_answers", limited):
        yield


@contextmanager
def halvings() -> Iterator[list[str]]:
    """The warnings that say that a batch was halved."""
    seen: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: seen.append(record.getMessage())  # type: ignore[method-assign]
    memory.log.addHandler(handler)
    try:
        yield seen
    finally:
        memory.log.removeHandler(handler)


def quantised(setting: Setting) -> Iterator[Line]:
    """int8 and int4 weights: both paths alike."""
    try:
        import bitsandbytes  # noqa: F401
    except ImportError:
        yield {"check": "int8 and int4", "kind": "quantised", "left_out": "bitsandbytes is not installed"}
        return
    examples = {"unseen": list(load_task("wordplay").examples("unseen", 20 if setting.tiny else 200))}
    kinds: tuple[Literal["int8", "int4"], ...] = ("int8",) if setting.tiny else ("int8", "int4")
    for quantize in kinds:
        dtype = "float16" if setting.on_gpu else "float32"
        model = load_model(inspect_checkpoint(GIST), setting.place, DTYPES[dtype], quantize=quantize)
        line = agreement(quantize, model, Gist(), choose_examples(model, examples))
        yield {**line, "kind": "quantised", "dtype": dtype}


def device_map(setting: Setting) -> Iterator[Line]:
    """Weights that a device map spreads give the texts of weights on one device."""
    model = load_model(inspect_checkpoint(GIST), setting.place, torch.float32)
    examples = list(load_task("wordplay").examples("human", 4 if setting.tiny else 64))
    expected = answers(model, examples, 32)
    own = (setting.place.index or 0) if setting.on_gpu else "cpu"
    count = model.model.config.num_hidden_layers
    parts = ["embed_tokens", "norm", "rotary_emb", *(f"layers.{n}" for n in range(count))]
    places: dict[str, str | int] = {**{f"model.{part}": own for part in parts}, "lm_head": own}
    maps: dict[str, Any] = {"auto": "auto", "one layer on the CPU": {**places, "model.layers.0": "cpu"}}
    for name, spread_by in maps.items():
        spread = load_model(inspect_checkpoint(GIST), setting.place, torch.float32, spread_by)
        yield {
            "check": f"device map: {name}",
            "kind": "device maps",
            "dtype": "float32",
            "ok": answers(spread, examples, 32) == expected,
        }


def random_families(setting: Setting) -> Iterator[Line]:
    """Random models of eight kinds in three dtypes, all ways of the self-check."""
    for family in () if setting.tiny else RANDOM_FAMILIES:
        for dtype in DTYPES:
            model = random_model(family, DTYPES[dtype], setting.device)
            line = agreement(family, model, Gist(), random_examples(count=8))
            yield {**line, "kind": "random models", "dtype": dtype}


def every_family(setting: Setting) -> Iterator[Line]:
    """A tiny model of every supported family: float32 against the stock model, then the other dtypes."""
    found = [one for one in families() if not setting.tiny or one.name in ("llama", "t5")]
    supported = [one for one in found if refusal(one) is None]
    for dtype in ("float32",) if setting.tiny else DTYPES:
        for family in supported:
            line = {"check": family.name, "kind": "every family", "dtype": dtype}
            try:
                yield {**line, **family_line(setting, family, dtype)}
            except ImportError as error:
                yield {**line, "left_out": f"not built here: {error}"[:200]}
            except Exception as error:  # one family can't hide the others
                yield {**line, "ok": False, "reason": f"{type(error).__name__}: {error}"[:300]}


def family_line(setting: Setting, family: Family, dtype: str) -> Line:
    architecture = architecture_of(tiny_config(family).to_dict(), family.name)
    network = tiny_model(family).to(setting.place, DTYPES[dtype])
    model = ADAPTERS[architecture](network, family_tokens())
    if dtype != "float32":
        return agreement(family.name, model, Gist(), random_examples(count=6))
    worst = differences(model.endless()).worst
    return {"ok": worst <= LARGEST, "nats": worst, "tolerance": LARGEST}


CHECKS = (members, records, out_of_memory, quantised, device_map, evicted, random_families, every_family)
