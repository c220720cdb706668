"""Loading: a checkpoint folder or hub name becomes a model adapter."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.models.checkpoints import load_checks as canary
from gisteval.models.checkpoints.adapter_patterns import check_patterns
from gisteval.models.checkpoints.checkpoint import GIST_FILE, Checkpoint, GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.placement import (
    DeviceMap,
    Placement,
    Quantization,
    dispatch,
    needs_disk,
    quantization_config,
    quantization_of,
    settle_int4,
)
from gisteval.models.checkpoints.vocabulary import check_gist_row, fit_to_adapter
from gisteval.models.checkpoints.weight_diff import add_base, check_sum, is_difference
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER, Architecture, check_parsed
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.encoder_decoder import EncoderDecoderModel
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.store import write_atomic

log = logging.getLogger(__name__)

ADAPTERS: dict[Architecture, type[PromptModel]] = {
    DECODER: DecoderModel,
    ENCODER_DECODER: EncoderDecoderModel,
}
UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError),
    SafetensorError,
)
"""What transformers raises over a checkpoint whose files hold wrong types, or do not fit one another."""

AUTO_CLASSES = {DECODER: AutoModelForCausalLM, ENCODER_DECODER: AutoModelForSeq2SeqLM}


def resolve(name: str, allow_pickle: bool = False) -> Path:
    """A local folder as it is; a hub name (`org/model`) downloaded once into the hub's own cache.

    allow_pickle: fetch `.bin` weights as well.
    """
    path = Path(name).expanduser()
    is_path = name.count("/") != 1 or name.startswith((".", "/", "~")) or path.parent.is_dir()
    if path.exists() or is_path:
        return path
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = ["*.json", "*.safetensors", "tokenizer*", "*.model", "*.txt"]
    patterns += ["*.bin"] if allow_pickle else []
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as error:
        raise GistevalError(
            f"{name} is no local folder, and it could not be fetched from the hub ({one_line(error)}): "
            "check the name and the network"
        ) from error


def load_model(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype,
    device_map: DeviceMap | None = None,
    quantize: Quantization | None = None,
    given: PromptTokenizer | None = None,
) -> PromptModel:
    """Load weights and tokenizer and wrap them in their adapter; what looks wrong is warned of.

    device: of all weights, unless a device map says more; given: what reads texts in place of the
    checkpoint's own tokenizer, which then isn't looked at.
    """
    check_family(checkpoint)
    tokens, record = given or load_tokens(checkpoint), checkpoint.record
    if quantize is not None and device_map is None:
        device_map = {"": str(device)}  # quantised weights are made where they stay
    model = load_weights(checkpoint, tokens.tokenizer, dtype, device_map, quantize)
    check_gist_row(model, tokens, checkpoint)
    if device_map is None:
        model = model.to(device)
    adapter = ADAPTERS[checkpoint.architecture](model.eval(), tokens, record.leak_window)
    if given is None:
        for warning in canary.warnings(adapter, own="recipe" in record.training):
            log.warning("%s: %s", checkpoint.path, warning)
    return adapter


def check_family(checkpoint: Checkpoint) -> None:
    """Raises GistevalError for a family whose prompts can't be compressed, before its weights are read.

    A GGUF file, and an adapter's base, say what they are when they are loaded.
    """
    if checkpoint.gguf_file or checkpoint.is_adapter:
        return
    try:
        config = AutoConfig.from_pretrained(checkpoint.path, trust_remote_code=False)
    except Exception as error:  # wrong types in a config.json lead to errors of every kind
        raise GistevalError(f"{checkpoint.path}: the model can't be loaded ({one_line(error)})") from error
    check_parsed(config, checkpoint.architecture, str(checkpoint.path))


def load_placed(
    checkpoint: Checkpoint, placement: Placement, given: PromptTokenizer | None = None
) -> PromptModel:
    """`load_model` with all that a placement says."""
    return load_model(
        checkpoint, placement.device, placement.dtype, placement.device_map, placement.quantize, given
    )


def load_tokens(checkpoint: Checkpoint) -> PromptTokenizer:
    """The checkpoint's tokenizer with its template and gist tokens. Raises GistevalError."""
    record = checkpoint.record
    tokenizer = load_tokenizer(checkpoint)
    trained = bool(record.training.get("recipe", {}).get("chat_template"))
    closes_input = checkpoint.architecture.closes_input
    return PromptTokenizer(tokenizer, record.template, record.k, closes_input, trained)


def load_tokenizer(checkpoint: Checkpoint) -> PreTrainedTokenizerBase:
    """The checkpoint's tokenizer; an adapter's own one comes before its base's."""
    path, options = checkpoint.path, {}
    if checkpoint.gguf_file:
        options["gguf_file"] = checkpoint.gguf_file
    elif checkpoint.is_adapter and not (path / "tokenizer_config.json").is_file():
        path = resolve(checkpoint.base_name())
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            path, trust_remote_code=False, **options
        )
    except ImportError as error:
        raise MissingExtra("sentencepiece", "sentencepiece") from error
    except Exception as error:  # the tokenizers library raises nothing more special
        raise GistevalError(f"{path}: the tokenizer can't be loaded ({one_line(error)})") from error
    return tokenizer


def load_weights(
    checkpoint: Checkpoint,
    tokenizer: PreTrainedTokenizerBase,
    dtype: torch.dtype,
    device_map: DeviceMap | None = None,
    quantize: Quantization | None = None,
) -> PreTrainedModel:
    """The stock transformers model, on the CPU or as the device map says; quantised ones need a map.

    A peft adapter is merged into its base, or stands beside a quantised one; a difference is added to its
    base. Raises GistevalError if a tensor is missing: transformers would make a random one in its place.
    """
    if quantize is not None:
        _check_quantizable(checkpoint)
    if checkpoint.is_adapter:
        model = _load_adapter(checkpoint, tokenizer, dtype, device_map, quantize)
    elif checkpoint.is_difference:
        model = _load_difference(checkpoint).to(dtype)
    else:
        model = _load_stock(checkpoint, dtype, device_map, quantize)
        if is_difference(model):
            raise GistevalError(
                f"{checkpoint.path} holds a weight difference, not whole weights: give what it is to be "
                "added to with --base"
            )
        return model
    return model if device_map is None or quantize else dispatch(model, device_map)


def _check_quantizable(checkpoint: Checkpoint) -> None:
    """Raises GistevalError for weights that transformers can't quantise while it loads them."""
    reason = None
    if checkpoint.gguf_file:
        reason = "is a GGUF file, whose weights are unpacked as they are"
    elif checkpoint.is_difference:
        reason = "is a weight difference, and only the sum could be quantised"
    elif not checkpoint.is_adapter and "quantization_config" in checkpoint.config():
        reason = "is quantised already, as its config.json says"
    if reason:
        raise GistevalError(f"{checkpoint.path} {reason}: leave --quantize out")


def _load_difference(checkpoint: Checkpoint) -> PreTrainedModel:
    """Difference and base added in float32, whatever they are stored in."""
    assert checkpoint.base is not None
    model = _load_stock(checkpoint, torch.float32)
    if not is_difference(model):
        raise GistevalError(
            f"{checkpoint.path} holds whole weights, not a difference of Llamas: leave --base out"
        )
    add_base(model, _load_stock(checkpoint.base, "auto"), checkpoint)
    check_sum(model, checkpoint)
    return model


def _load_stock(
    checkpoint: Checkpoint,
    dtype: torch.dtype | Literal["auto"],
    device_map: DeviceMap | None = None,
    quantize: Quantization | None = None,
) -> PreTrainedModel:
    """The weights of one folder. dtype "auto": as stored; quantised ones need a dtype and a device map."""
    options: dict[str, Any] = {}
    if device_map is not None:
        options["device_map"] = device_map
    if quantize is not None:
        assert isinstance(dtype, torch.dtype)
        options["quantization_config"] = quantization_config(quantize, dtype)
    if checkpoint.gguf_file:
        # Unpacked, the weights are plain ones, which can be trained and saved.
        options |= {
            "gguf_file": checkpoint.gguf_file,
            "quantization_config": GgufConfig(dequantize=True),
        }
    if any(checkpoint.path.glob("*.safetensors")):
        options["use_safetensors"] = True  # never a pickle that lies beside them
    elif needs_disk(device_map):
        raise GistevalError(
            f"{checkpoint.path}: only safetensors can stay on disk: convert the weights, or give a "
            "--device-map without disk"
        )
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


def _load_adapter(
    checkpoint: Checkpoint,
    tokenizer: PreTrainedTokenizerBase,
    dtype: torch.dtype,
    device_map: DeviceMap | None,
    quantize: Quantization | None,
) -> PreTrainedModel:
    """The base with the adapter merged into it, on the CPU; over a quantised base it is not merged.

    Merging there would round the sum to the few values of the quantised weights, which were not the ones
    that the adapter was trained to change.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("peft", "train") from error
    base_checkpoint = inspect_checkpoint(resolve(checkpoint.base_name()))
    base_tokenizer = load_tokenizer(base_checkpoint)
    where = None if quantize is None else device_map  # what is merged is spread afterwards
    base = load_weights(base_checkpoint, base_tokenizer, dtype, where, quantize)
    check_patterns(checkpoint.adapter_config(), (name for name, _ in base.named_modules()), checkpoint.path)
    try:
        fit_to_adapter(base, tokenizer, checkpoint)
        adapted = PeftModel.from_pretrained(base, checkpoint.path)
        model: PreTrainedModel = (
            adapted.get_base_model() if quantization_of(base) else adapted.merge_and_unload()
        )
    except (AttributeError, NotImplementedError) as error:  # of peft, for a kind that can't be merged
        raise GistevalError(
            f"{checkpoint.path}: an adapter of the kind {checkpoint.adapter_kind} can't be merged into its "
            f"base ({one_line(error)}): save the merged model, or train a LoRA"
        ) from error
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, UnpicklingError) as error:
        raise GistevalError(
            f"{checkpoint.path}: the adapter can't be loaded ({one_line(error)})"
        ) from error
    return model


def save_checkpoint(
    path: Path,
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    record: GistRecord,
    dtype: torch.dtype | None = None,
) -> None:
    """Write a checkpoint folder; gist.json comes last, so that its presence means complete.

    dtype: convert the weights before writing (in place), to make small checkpoints.
    """
    path.mkdir(parents=True, exist_ok=True)
    if dtype is not None:
        model.to(dtype)
    # An adapter holds its trained <GIST> row; the other rows are the base's and need no copy.
    options = {"save_embedding_layers": False} if hasattr(model, "peft_config") else {}
    model.save_pretrained(path, **options)
    tokenizer.save_pretrained(path)
    text = json.dumps(record.to_json(), indent=1, ensure_ascii=False)
    write_atomic(path / GIST_FILE, text + "\n")
