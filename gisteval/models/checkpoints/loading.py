"""Loading: a checkpoint folder or hub name becomes a model adapter."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from pickle import UnpicklingError

import torch
from transformers import (
    AutoConfig,
    AutoTokenizer,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.models.checkpoints import load_checks
from gisteval.models.checkpoints.adapter_patterns import check_patterns
from gisteval.models.checkpoints.checkpoint import GIST_FILE, Checkpoint, GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.placement import (
    DeviceMap,
    Placement,
    Quantization,
    dispatch,
    quantization_of,
)
from gisteval.models.checkpoints.published import local_folder
from gisteval.models.checkpoints.stock import load_stock
from gisteval.models.checkpoints.vocabulary import adapting, check_gist_row, fit_to_adapter
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


def resolve(name: str, allow_pickle: bool = False) -> Path:
    """The folder of a checkpoint. One on the hub is downloaded once, into the hub's own cache.

    Args:
        name: A local folder, the name of a published checkpoint, or a name on the hub (`org/model`).
        allow_pickle: Whether to download `.bin` weights as well.

    Raises:
        GistevalError: The download failed, or a published checkpoint was not fetched yet.
    """
    path = local_folder(name)
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
            f"{name} is not a local folder, and it could not be downloaded from the hub "
            f"({one_line(error)}): check the name and the network"
        ) from error


def load_model(
    checkpoint: Checkpoint,
    device: torch.device,
    dtype: torch.dtype,
    device_map: DeviceMap | None = None,
    quantize: Quantization | None = None,
    given: PromptTokenizer | None = None,
) -> PromptModel:
    """Load weights and tokenizer, and wrap them in the adapter of their architecture.

    The checks of `load_checks` are logged as warnings.

    Args:
        checkpoint: What to load.
        device: Where all weights go, unless a device map says more.
        dtype: Of activations, and of weights that are not quantised.
        device_map: Where each part goes.
        quantize: How to quantise linear matrices.
        given: Reads texts in place of the checkpoint's own tokenizer, which is then ignored.

    Raises:
        GistevalError: The checkpoint can't be loaded.
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
        for warning in load_checks.warnings(adapter, trained_here="recipe" in record.training):
            log.warning("%s: %s", checkpoint.path, warning)
    return adapter


def check_family(checkpoint: Checkpoint) -> None:
    """Raise GistevalError for a family whose prompts can't be compressed, before its weights are read.

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
    """The checkpoint's tokenizer. An adapter's own comes before that of its base."""
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
        extra = "gguf" if checkpoint.gguf_file else "sentencepiece"
        raise MissingExtra(extra, extra) from error
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
    """The stock transformers model, on the CPU or as the device map says.

    A peft adapter is merged into its base, or runs beside a quantised one. A difference is
    added to its base.

    Args:
        checkpoint: What to load.
        tokenizer: The checkpoint's.
        dtype: Of the weights.
        device_map: Where each part goes; quantised weights need one.
        quantize: How to quantise linear matrices.

    Raises:
        GistevalError: The weights can't be loaded, or a tensor is missing: transformers would make a
            random one in its place.
    """
    if quantize is not None:
        _check_quantizable(checkpoint)
    if checkpoint.is_adapter:
        model = _load_adapter(checkpoint, tokenizer, dtype, device_map, quantize)
    elif checkpoint.is_difference:
        model = _load_difference(checkpoint).to(dtype)
    else:
        model = load_stock(checkpoint, dtype, device_map, quantize)
        if is_difference(model):
            raise GistevalError(
                f"{checkpoint.path} holds a weight difference, not whole weights: give what it is to be "
                "added to with --base"
            )
        return model
    return model if device_map is None or quantize else dispatch(model, device_map)


def _check_quantizable(checkpoint: Checkpoint) -> None:
    """Raise GistevalError for weights that transformers can't quantise while it loads them."""
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
    model = load_stock(checkpoint, torch.float32)
    if not is_difference(model):
        raise GistevalError(
            f"{checkpoint.path} holds whole weights, not a difference of Llamas: leave --base out"
        )
    add_base(model, load_stock(checkpoint.base, "auto"), checkpoint)
    check_sum(model, checkpoint)
    return model


def _load_adapter(
    checkpoint: Checkpoint,
    tokenizer: PreTrainedTokenizerBase,
    dtype: torch.dtype,
    device_map: DeviceMap | None,
    quantize: Quantization | None,
) -> PreTrainedModel:
    """The base with the adapter merged into it, on the CPU. It is not merged into a quantised base.

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
        with adapting(base, checkpoint.adapter_kind):
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
    """Write a checkpoint folder. Its gist.json is written last, once all else is there.

    Args:
        path: The folder.
        model: The weights.
        tokenizer: The tokenizer.
        record: The content of gist.json.
        dtype: Converts the weights, in place, before they are written; it makes small checkpoints.
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
