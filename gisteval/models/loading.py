"""Loading: a checkpoint folder or hub name becomes a model adapter."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Literal

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GgufConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.models import canary
from gisteval.models.architecture import DECODER, ENCODER_DECODER, Architecture
from gisteval.models.base import PromptModel
from gisteval.models.checkpoint import GIST_FILE, Checkpoint, GistRecord, inspect_checkpoint
from gisteval.models.decoder import DecoderModel
from gisteval.models.encoder_decoder import EncoderDecoderModel
from gisteval.models.tokens import PromptTokenizer, find_gist_id
from gisteval.models.weight_diff import add_base, check_sum, is_difference
from gisteval.store import write_atomic

log = logging.getLogger(__name__)

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

ADAPTERS: dict[Architecture, type[PromptModel]] = {
    DECODER: DecoderModel,
    ENCODER_DECODER: EncoderDecoderModel,
}
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


def choose_device(name: str) -> torch.device:
    """ "auto" (cuda if there is one) or a device of this machine. Raises GistevalError."""
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
    """ "auto" is float32 on the CPU and bfloat16 on a GPU that has it (else float16)."""
    if name == "auto":
        if device.type != "cuda":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if name not in DTYPES:
        raise GistevalError(f"dtype {name!r} is unknown: choose auto, {', '.join(DTYPES)}")
    return DTYPES[name]


def load_model(checkpoint: Checkpoint, device: torch.device, dtype: torch.dtype) -> PromptModel:
    """Load weights and tokenizer and wrap them in their adapter; what looks wrong is warned of."""
    tokens, record = load_tokens(checkpoint), checkpoint.record
    model = load_weights(checkpoint, tokens.tokenizer, dtype).to(device).eval()
    adapter = ADAPTERS[checkpoint.architecture](model, tokens, record.leak_window)
    for warning in canary.warnings(adapter, own="recipe" in record.training):
        log.warning("%s: %s", checkpoint.path, warning)
    return adapter


def load_tokens(checkpoint: Checkpoint) -> PromptTokenizer:
    """The checkpoint's tokenizer with its template and gist tokens. Raises GistevalError."""
    record = checkpoint.record
    tokenizer = load_tokenizer(checkpoint)
    return PromptTokenizer(tokenizer, record.template, record.k, checkpoint.architecture.closes_input)


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
    except (OSError, ValueError, KeyError) as error:
        raise GistevalError(f"{path}: the tokenizer can't be loaded ({one_line(error)})") from error
    return tokenizer


def load_weights(
    checkpoint: Checkpoint, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype
) -> PreTrainedModel:
    """The stock transformers model; a peft adapter is merged into its base, a difference added to it.

    Raises GistevalError if a tensor is missing: transformers would make a random one in its place.
    """
    if checkpoint.is_adapter:
        return _load_adapter(checkpoint, tokenizer, dtype)
    if checkpoint.is_difference:
        return _load_difference(checkpoint).to(dtype)
    model = _load_stock(checkpoint, dtype)
    if is_difference(model):
        raise GistevalError(
            f"{checkpoint.path} holds a weight difference, not whole weights: give what it is to be added "
            "to with --base"
        )
    return model


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


def _load_stock(checkpoint: Checkpoint, dtype: torch.dtype | Literal["auto"]) -> PreTrainedModel:
    """The weights of one folder as they are. dtype "auto": as stored."""
    options: dict[str, Any] = {}
    if checkpoint.gguf_file:
        # Unpacked, the weights are plain ones, which can be trained and saved.
        options |= {
            "gguf_file": checkpoint.gguf_file,
            "quantization_config": GgufConfig(dequantize=True),
        }
    if any(checkpoint.path.glob("*.safetensors")):
        options["use_safetensors"] = True  # never a pickle that lies beside them
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
        raise MissingExtra("gguf", "gguf") from error
    except UnpicklingError as error:
        raise GistevalError(
            f"{checkpoint.path}: its .bin files hold more than tensors, which is never loaded: convert "
            "them to safetensors where you trust them"
        ) from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise GistevalError(f"{checkpoint.path}: the model can't be loaded ({one_line(error)})") from error
    missing = sorted(info["missing_keys"])
    if missing:
        raise GistevalError(
            f"{checkpoint.path} is half-written: its weight files lack {len(missing)} tensors "
            f"({missing[0]}, ...): copy them again"
        )
    return model


def _load_adapter(
    checkpoint: Checkpoint, tokenizer: PreTrainedTokenizerBase, dtype: torch.dtype
) -> PreTrainedModel:
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingExtra("peft", "train") from error
    base_checkpoint = inspect_checkpoint(resolve(checkpoint.base_name()))
    base = load_weights(base_checkpoint, load_tokenizer(base_checkpoint), dtype)
    fit_vocabulary(base, tokenizer)
    try:
        merged: PreTrainedModel = PeftModel.from_pretrained(base, checkpoint.path).merge_and_unload()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise GistevalError(
            f"{checkpoint.path}: the adapter can't be loaded ({one_line(error)})"
        ) from error
    return merged


def fit_vocabulary(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> None:
    """Give `<GIST>` its rows if the model lacks them: the mean of the others, as a fixed start.

    The output row matters as well: `<GIST>` is never produced, but its logit counts in the loss.
    """
    gist_id = find_gist_id(tokenizer)
    old = model.get_input_embeddings().weight.shape[0]
    if gist_id is None or gist_id < old:
        return
    head = model.get_output_embeddings()
    distinct = None
    if head is not None and head.weight is not model.get_input_embeddings().weight:
        distinct = head.weight.detach().clone()
    model.resize_token_embeddings(gist_id + 1, mean_resizing=False)
    inputs, head = model.get_input_embeddings(), model.get_output_embeddings()
    if distinct is not None and head.weight is inputs.weight:
        # T5's configuration always says "tied": resizing would throw FLAN-T5's own output matrix away.
        head.weight = torch.nn.Parameter(torch.empty_like(inputs.weight))
    with torch.no_grad():
        if distinct is not None:
            head.weight[:old] = distinct
        for table in (inputs, head):
            if table is not None:
                table.weight[old:] = table.weight[:old].mean(0)


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
