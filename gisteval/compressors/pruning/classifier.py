"""A token classifier in a local folder: checked, loaded once, identified by its files."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers import AutoModelForTokenClassification, AutoTokenizer

from gisteval.compressors.pruning.helper import Reader
from gisteval.errors import GistevalError, one_line

FILES = ("config.json", "*.safetensors", "tokenizer*", "vocab*", "*.model", "special_tokens_map.json")
"""What decides the classes."""


def check_classifier(name: str) -> None:
    """Raises GistevalError for a folder that holds no token classifier of two classes."""
    if not name:
        raise GistevalError(
            "compressor llmlingua2 needs a token classifier: write llmlingua2:model=FOLDER, the folder of "
            "one such as microsoft/llmlingua-2-bert-base-multilingual-cased-meetingbank"
        )
    try:
        config = json.loads((Path(name) / "config.json").read_text())
        kinds = config.get("architectures") or []
    except (OSError, ValueError, AttributeError) as error:
        raise GistevalError(
            f"compressor llmlingua2: {name} can't be read as a model's folder ({one_line(error)})"
        ) from error
    if not any(str(kind).endswith("ForTokenClassification") for kind in kinds):
        raise GistevalError(
            f"compressor llmlingua2: {name} holds {', '.join(map(str, kinds)) or 'no named model'}: give a "
            "token classifier (...ForTokenClassification)"
        )
    if not any(Path(name).glob("*.safetensors")):
        raise GistevalError(
            f"compressor llmlingua2: {name} has no .safetensors file: convert its weights to safetensors"
        )


@lru_cache(maxsize=4)
def classifier_digest(name: str) -> str:
    """Digest of the files that decide the classes."""
    check_classifier(name)
    state = hashlib.blake2b(digest_size=16)
    for path in sorted({path for pattern in FILES for path in Path(name).glob(pattern)}):
        with path.open("rb") as stream:
            state.update(path.name.encode() + hashlib.file_digest(stream, "blake2b").digest())
    return state.hexdigest()


@lru_cache(maxsize=2)
def load_classifier(name: str, device: torch.device) -> Reader:
    """The classifier in float32 with its tokenizer. Raises GistevalError if it can't be loaded."""
    check_classifier(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
        model, info = AutoModelForTokenClassification.from_pretrained(
            name,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
    except (OSError, ValueError, TypeError, LookupError, RuntimeError, SafetensorError) as error:
        raise GistevalError(f"compressor llmlingua2: {name} can't be loaded ({one_line(error)})") from error
    if info["missing_keys"]:
        raise GistevalError(
            f"compressor llmlingua2: {name} is half-written: it lacks {sorted(info['missing_keys'])[0]}"
        )
    if model.config.num_labels != 2:
        raise GistevalError(
            f"compressor llmlingua2: {name} has {model.config.num_labels} classes, not the two "
            "drop and keep"
        )
    return Reader(model.to(device).eval(), tokenizer)
