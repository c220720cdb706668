"""Loading the stock transformers model of one folder."""

from __future__ import annotations

from pickle import UnpicklingError
from typing import Literal, TypedDict

import torch
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, GgufConfig, PreTrainedModel

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.placement import (
    DeviceMap,
    Quantization,
    needs_disk,
    quantization_config,
    settle_int4,
)
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER

UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError),
    SafetensorError,
)
"""What transformers raises over a checkpoint whose files hold wrong types, or do not fit one another."""

AUTO_CLASSES = {DECODER: AutoModelForCausalLM, ENCODER_DECODER: AutoModelForSeq2SeqLM}


def load_stock(
    checkpoint: Checkpoint,
    dtype: torch.dtype | Literal["auto"],
    device_map: DeviceMap | None = None,
    quantize: Quantization | None = None,
) -> PreTrainedModel:
    """The stock transformers model of one folder.

    Args:
        checkpoint: The folder, of whole weights or of a difference.
        dtype: Of the weights; "auto" for the one they are stored in.
        device_map: Where they go; the CPU without one.
        quantize: How to quantise them, which takes a dtype and a device map.

    Raises:
        GistevalError: The weights can't be loaded, or a tensor is missing.
    """
    options = _options(checkpoint, dtype, device_map, quantize)
    model: PreTrainedModel
    try:
        model, info = AUTO_CLASSES[checkpoint.architecture].from_pretrained(
            checkpoint.path,
            dtype=dtype,
            output_loading_info=True,
            weights_only=True,
            trust_remote_code=False,  # else transformers would ask, and wait for, the user
            **options,
        )
    except ImportError as error:
        if checkpoint.gguf_file:
            raise MissingExtra("gguf", "gguf") from error
        raise GistevalError(f"{checkpoint.path}: the model can't be loaded ({one_line(error)})") from error
    except UnpicklingError as error:
        raise GistevalError(
            f"{checkpoint.path}: its .bin files hold more than tensors, which is never loaded: convert "
            "them to safetensors where you trust them"
        ) from error
    except UNREADABLE as error:
        raise GistevalError(f"{checkpoint.path}: the model can't be loaded ({one_line(error)})") from error
    if quantize == "int4":
        settle_int4(model)
    missing = sorted(info["missing_keys"])
    if missing:
        raise GistevalError(
            f"{checkpoint.path} is half-written: its weight files lack {len(missing)} tensors "
            f"({missing[0]}, ...): copy them again"
        )
    return model


class _Options(TypedDict, total=False):
    """Arguments of `from_pretrained`."""

    device_map: DeviceMap
    quantization_config: object
    gguf_file: str
    use_safetensors: bool


def _options(
    checkpoint: Checkpoint,
    dtype: torch.dtype | Literal["auto"],
    device_map: DeviceMap | None,
    quantize: Quantization | None,
) -> _Options:
    """Arguments of `from_pretrained` that depend on the folder and the placement."""
    options: _Options = {}
    if device_map is not None:
        options["device_map"] = device_map
    if quantize is not None:
        assert isinstance(dtype, torch.dtype)
        options["quantization_config"] = quantization_config(quantize, dtype)
    if checkpoint.gguf_file:
        # Unpacked, the weights are plain ones, which can be trained and saved.
        options["gguf_file"] = checkpoint.gguf_file
        options["quantization_config"] = GgufConfig(dequantize=True)
    if any(checkpoint.path.glob("*.safetensors")):
        options["use_safetensors"] = True  # never a pickle that lies beside them
    elif needs_disk(device_map):
        raise GistevalError(
            f"{checkpoint.path}: only safetensors can stay on disk: convert the weights, or give a "
            "--device-map without disk"
        )
    return options
