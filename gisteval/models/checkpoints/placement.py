"""Where a model's weights lie, and in what numbers: a device or a map of them, a dtype, quantisation."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import PreTrainedModel

from gisteval.errors import GistevalError, MissingExtra, did_you_mean, one_line
from gisteval.files.foreign import read_json

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

DeviceMap = str | Mapping[str, str | int]
"""A strategy of accelerate's by name, or the device (or "disk") of each part of a model by its path."""

STRATEGIES = ("auto", "balanced", "balanced_low_0", "sequential")

Quantization = Literal["int8", "int4"]
INT4_BLOCK = 64
"""Weights that share a scale."""

QUANTIZATIONS: tuple[Quantization, ...] = ("int8", "int4")

OFFLOADED = ("cpu", "disk")


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model lies, and in which numbers it computes.

    Attributes:
        device: Of all weights or, with a device map, where the work begins.
        dtype: Of activations, and of all weights that are not quantised.
        device_map: A strategy of accelerate, or devices by module path.
        quantize: How the linear matrices are quantised, if at all.
        gpus: GPUs of a Ray worker.
    """

    device: torch.device
    dtype: torch.dtype
    device_map: DeviceMap | None = None
    quantize: Quantization | None = None
    gpus: float = 0.0


def choose_placement(
    device: str,
    dtype: str,
    device_map: str | None = None,
    quantize: str | None = None,
    executor: str = "local",
    gpus: float | None = None,
) -> Placement:
    """What the flags of these names ask for.

    Args:
        device: "auto" or a device.
        dtype: "auto" or a name.
        device_map: A strategy's name, or a .json file.
        quantize: int8, int4 or None.
        executor: Ray may give its workers GPUs that this machine does not have.
        gpus: GPUs of a worker. None takes one where the device is a GPU.

    Raises:
        GistevalError: Something is not usable here.
    """
    if device_map is not None and device != "auto":
        raise GistevalError(
            f"--device {device} and --device-map {device_map} both say where the weights go: give one"
        )
    places = None if device_map is None else _read_map(device_map)
    if executor == "ray" and (gpus or device.startswith("cuda")):
        chosen = _worker_gpu(device, dtype, gpus)
    elif isinstance(places, Mapping):
        chosen = _first_device(places)
    else:
        chosen = choose_device("cpu" if gpus == 0 else device)
    if gpus is None:
        gpus = float(executor == "ray" and chosen.type == "cuda")
    return Placement(chosen, choose_dtype(dtype, chosen), places, _quantization(quantize), gpus)


def _worker_gpu(device: str, dtype: str, gpus: float | None) -> torch.device:
    if gpus == 0 or device not in ("auto", "cuda"):
        raise GistevalError(
            f"--device {device} is not for Ray workers: say --gpus-per-worker N, and Ray chooses the GPUs"
        )
    if dtype == "auto" and not torch.cuda.is_available():
        raise GistevalError("--dtype auto can't be decided where there is no GPU: give --dtype bfloat16")
    return torch.device("cuda")


def choose_device(name: str) -> torch.device:
    """The device of a name; "auto" is cuda if there is one. Raises GistevalError for one not here."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError) as error:
        raise GistevalError(
            f"device {name!r} is not usable here ({one_line(error)}): try --device auto"
        ) from error
    return device


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The dtype of a name; "auto" is float32 on the CPU, bfloat16 on a GPU that has it, else float16."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if name not in DTYPES:
        raise GistevalError(f"dtype {name!r} is unknown: choose auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def _read_map(text: str) -> DeviceMap:
    """A strategy's name as it is; the content of a JSON file, its devices checked."""
    if text in STRATEGIES:
        return text
    path = Path(text).expanduser()
    if path.suffix != ".json":
        raise GistevalError(
            f"device map {text!r} is unknown{did_you_mean(text, STRATEGIES)}: choose from "
            f"{', '.join(STRATEGIES)}, or give a .json file of module paths and devices"
        )
    try:
        content = read_json(path)
    except (OSError, ValueError) as error:
        raise GistevalError(f"device map {path} can't be read ({one_line(error)})") from error
    if not isinstance(content, dict) or not content:
        raise GistevalError(f'device map {path} must be a JSON object such as {{"": "cpu"}}')
    for part, device in content.items():
        if type(device) not in (str, int):
            raise GistevalError(f"device map {path}: {part!r} must be on a device, not {device!r}")
        if device != "disk":
            choose_device(_device_name(device))
    return content


def _device_name(device: str | int) -> str:
    return f"cuda:{device}" if isinstance(device, int) else device


def _first_device(places: Mapping[str, str | int]) -> torch.device:
    """Of the accelerators, if any; parts on CPU and disk then only come to it to be run."""
    names = [_device_name(device) for device in places.values() if device not in OFFLOADED]
    return torch.device(names[0] if names else "cpu")


def _quantization(name: str | None) -> Quantization | None:
    for known in QUANTIZATIONS:
        if name == known:
            if importlib.util.find_spec("bitsandbytes") is None:
                raise MissingExtra("bitsandbytes", "quantized")
            return known
    if name is not None:
        raise GistevalError(f"quantize {name!r} is unknown: choose {' or '.join(QUANTIZATIONS)}")
    return None


def quantization_config(quantize: Quantization, dtype: torch.dtype) -> Any:
    """The BitsAndBytesConfig of transformers.

    int8 scales rows of weights and of activations, without the outlier columns of LLM.int8(): those are
    chosen by the whole batch, so that an answer would depend on what runs beside it. int4 takes NF4 weights
    in blocks of 64, multiplied in `dtype`.
    """
    from transformers import BitsAndBytesConfig

    # At every product of two matrices it would say that float32 is rounded on the way to int8.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    if quantize == "int8":
        return BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=0.0)
    return BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=dtype)


def settle_int4(model: PreTrainedModel) -> None:
    """Have int4 weights on a CPU multiplied in the dtype that was asked for, whatever the CPU.

    On a CPU with arithmetic for bfloat16 bitsandbytes has a kernel of its own, which multiplies in bfloat16
    whatever was asked for, so that answers would depend on the machine.

    Raises GistevalError for layers that bitsandbytes 0.50.2 unpacks wrong on a CPU with AVX-512: those
    where a block of 64 weights reaches over the end of a row.
    """
    for name, part in model.named_modules():
        if not hasattr(part, "support_avx512bf16_for_cpu"):
            continue
        part.support_avx512bf16_for_cpu = False
        if part.weight.device.type == "cpu" and part.in_features % INT4_BLOCK:
            raise GistevalError(
                f"{name} takes {part.in_features} inputs, and int4 on a CPU needs multiples of "
                f"{INT4_BLOCK}: take int8"
            )


def quantization_of(model: PreTrainedModel) -> Quantization | None:
    """How bitsandbytes quantised a model."""
    if getattr(model, "is_loaded_in_8bit", False):
        return "int8"
    return "int4" if getattr(model, "is_loaded_in_4bit", False) else None


def needs_disk(device_map: DeviceMap | None) -> bool:
    """True if parts of a model are said to stay on disk."""
    return isinstance(device_map, Mapping) and "disk" in device_map.values()


def dispatch(model: PreTrainedModel, device_map: DeviceMap) -> PreTrainedModel:
    """Spread a model that is whole, on the CPU, over devices. Raises GistevalError if that takes disk."""
    from accelerate import dispatch_model, infer_auto_device_map
    from accelerate.utils import get_balanced_memory

    if isinstance(device_map, str):
        options = {"no_split_module_classes": list(model._no_split_modules or []), "dtype": model.dtype}
        memory = None
        if device_map != "sequential":
            memory = get_balanced_memory(model, low_zero=device_map == "balanced_low_0", **options)
        places: Mapping[str, str | int] = infer_auto_device_map(model, max_memory=memory, **options)
    else:
        places = device_map
    if needs_disk(places):
        raise GistevalError(
            "weights that are put together at load (adapters, differences) can't stay on disk: give a "
            "device map without it"
        )
    placed: PreTrainedModel = dispatch_model(
        model, dict(places), skip_keys=model._skip_keys_device_placement
    )
    return placed


def input_device(model: PreTrainedModel) -> torch.device:
    """Where token ids go: to the input embedding, or where one that is offloaded is run."""
    embedding = model.get_input_embeddings()
    place = getattr(getattr(embedding, "_hf_hook", None), "execution_device", None)
    weight_device: torch.device = embedding.weight.device
    return weight_device if place is None else torch.device(place)
