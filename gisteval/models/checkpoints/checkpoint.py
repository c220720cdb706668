"""A checkpoint folder on disk: what it is, without loading its weights.

    config.json, *.safetensors, tokenizer files     as transformers writes them
    gist.json                                       condition, k, template, base, mask, training record

A folder with `adapter_config.json` is a peft adapter over a base; one with a single `.gguf` file and
no `config.json` is loaded through `gguf_file`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import open_file
from gisteval.files.names import checked_name
from gisteval.models.checkpoints.checks import (
    ADAPTER_FILE,
    check_adapter_kind,
    check_files,
    count,
    only_gguf,
    read_content,
    read_object,
    readable,
    text_or_none,
    training_record,
)
from gisteval.models.checkpoints.published import local_folder
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER, Architecture, architecture_of
from gisteval.prompts import RELEASED_LLAMA_TEMPLATE, ChatTemplate, Template, as_template
from gisteval.records.schema import CONDITIONS, MOST_GISTS, Condition, digest
from gisteval.registry import CONDITION_COMPRESSOR
from gisteval.segmentation import Segmentation

GIST_FILE, FORMAT = "gist.json", 1


@dataclass(frozen=True, slots=True)
class GistRecord:
    """The content of gist.json.

    Attributes:
        family: A readable name that the checkpoints of a suite share.
        condition: What the checkpoint was trained as; None for a plain model.
        k: Gist tokens.
        template: How instruction, input and answer become text.
        base: What training started from.
        leak_window: The last tokens of the prompt that stay visible beside the gists.
        training: The recipe, the loss and other facts of the training.
        segments: How prompts were cut, k gists behind each segment; None for uncut ones.
    """

    family: str
    condition: Condition | None
    k: int
    template: Template | ChatTemplate = field(default_factory=Template)
    base: str | None = None
    leak_window: int = 0
    training: dict[str, Any] = field(default_factory=dict)
    segments: Segmentation | None = None

    @property
    def compressor(self) -> str | None:
        """The spec of what reads the checkpoint as it was trained; None for a plain model."""
        in_segments = self.condition == "gist" and self.segments
        return in_segments.spec if in_segments else CONDITION_COMPRESSOR.get(self.condition or "")

    @property
    def name(self) -> str:
        """A readable system name in the paper's form, such as `LLaMA-gist-1`.

        A checkpoint read otherwise than it was trained says so: `LLaMA-pos_control-1-as-gist-1`.
        """
        if self.condition is None:
            return self.family
        read, trained = f"{self.condition}-{self.k}", self.trained_as
        cut = f"-{self.segments.label}" if self.condition == "gist" and self.segments else ""
        return f"{self.family}-{read if trained in (None, read) else f'{trained}-as-{read}'}{cut}"

    @property
    def trained_as(self) -> str | None:
        """Condition and k of the training record, such as `gist-1`; None if there is no record."""
        recipe = self.training.get("recipe", {})
        return f"{recipe['condition']}-{recipe['k']}" if {"condition", "k"} <= recipe.keys() else None

    def to_json(self) -> dict[str, Any]:
        """Plain form of the file."""
        return {
            "format": FORMAT,
            "family": self.family,
            "condition": self.condition,
            "k": self.k,
            "template": self.template.to_dict(),
            "base": self.base,
            "leak_window": self.leak_window,
            **({} if self.segments is None else {"segments": self.segments.to_json()}),
            "training": self.training,
        }


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose folder exists and is complete.

    Attributes:
        path: Its folder.
        record: The content of gist.json, with flags laid over it.
        architecture: Decoder-only or encoder-decoder.
        is_adapter: Whether it is a peft adapter.
        gguf_file: The name of its GGUF file, if it is one.
        base: The base that was given for an adapter, or for a weight difference.
    """

    path: Path
    record: GistRecord
    architecture: Architecture
    is_adapter: bool
    gguf_file: str | None
    base: Checkpoint | None = None

    @property
    def is_difference(self) -> bool:
        """True for weights that are to be added to the base's."""
        return self.base is not None and not self.is_adapter

    @property
    def weight_files(self) -> list[Path]:
        """The files that hold weights, sorted by name."""
        patterns = ("*.safetensors", "*.gguf", "*.bin")
        return sorted(path for pattern in patterns for path in self.path.glob(pattern))

    def weights_digest(self) -> str:
        """Digest of the bytes of weight and configuration files (of the base's as well, for an adapter)."""
        state = hashlib.blake2b(digest_size=16)
        names = ("config.json", "generation_config.json", "adapter_config.json")
        configs = [self.path / name for name in names if (self.path / name).is_file()]
        for path in [*self.weight_files, *configs]:
            with readable(path), open_file(path) as stream:
                state.update(hashlib.file_digest(stream, "blake2b").digest())
        if self.base is not None:
            state.update(self.base.weights_digest().encode())
        elif self.is_adapter:
            base = local_folder(self.base_name())
            known = inspect_checkpoint(base).weights_digest() if base.is_dir() else str(base)
            state.update(known.encode())
        return state.hexdigest()

    def tokenizer_digest(self) -> str:
        """Digest of the tokenizer's files; a GGUF file's tokenizer counts as part of its weights."""
        patterns = (
            *("tokenizer*", "added_tokens.json", "special_tokens_map.json", "chat_template*"),
            *("*.model", "vocab*", "merges*"),
        )
        files = sorted({path for pattern in patterns for path in self.path.glob(pattern)})
        return digest([f"{path.name}={read_content(path).hex()}" for path in files])

    def config(self) -> dict[str, Any]:
        """Content of config.json; empty without one (an adapter, a GGUF file)."""
        file = self.path / "config.json"
        return read_object(file) if file.is_file() else {}

    def adapter_config(self) -> dict[str, Any]:
        """Content of adapter_config.json; empty without one."""
        file = self.path / ADAPTER_FILE
        return read_object(file) if file.is_file() else {}

    @property
    def adapter_kind(self) -> str:
        """The name that peft gives to the adapter's kind, such as LORA."""
        return str(self.adapter_config().get("peft_type"))

    def base_name(self) -> str:
        """Folder or hub name of an adapter's base; relative paths count from the adapter's folder."""
        if self.base is not None:
            return str(self.base.path)
        config = self.adapter_config()
        name = self.record.base or config.get("base_model_name_or_path")
        if not name:
            raise GistevalError(f"{self.path}: the adapter names no base model: set base in gist.json")
        beside = self.path / str(name)
        return str(beside.resolve()) if beside.is_dir() else str(name)


def inspect_checkpoint(
    path: Path,
    condition: Condition | None = None,
    k: int | None = None,
    allow_pickle: bool = False,
    base: Path | None = None,
    chat_template: str | None = None,
    generates_only: bool = False,
    needs_tokenizer: bool = True,
) -> Checkpoint:
    """Check a folder without loading it.

    Args:
        path: The folder.
        condition: Read in place of the one in gist.json.
        k: Read in place of the one in gist.json.
        allow_pickle: Whether .bin weights may be loaded.
        base: The base of an adapter or of a weight difference.
        chat_template: The role of the instruction in the tokenizer's own template, which is then read in
            place of the record's.
        generates_only: Whether only replies are wanted, as of a judge. The model may then be of a family
            whose prompts can't be compressed.
        needs_tokenizer: False where prompts are given as token ids.

    Raises:
        GistevalError: The folder holds no checkpoint, or one that can't be used.
    """
    if k is not None and not 0 < k <= MOST_GISTS:
        raise GistevalError(f"k must be from 1 to {MOST_GISTS:,}, not {k}")
    if not path.is_dir():
        raise GistevalError(f"checkpoint {path} does not exist: give a folder or a hub name")
    is_adapter = (path / ADAPTER_FILE).is_file()
    gguf_file = None if is_adapter or (path / "config.json").is_file() else only_gguf(path)
    if gguf_file is None:
        check_files(path, is_adapter, allow_pickle, needs_tokenizer)
    architecture = DECODER if generates_only else _architecture(path)
    if is_adapter:
        check_adapter_kind(path / ADAPTER_FILE)
    under = inspect_checkpoint(base, allow_pickle=allow_pickle) if base else None
    template = architecture.template
    if under is not None and not is_adapter and not (path / "tokenizer.json").is_file():
        template = RELEASED_LLAMA_TEMPLATE
    record = read_record(path, condition, k, template)
    if chat_template is not None:
        if architecture is not DECODER:
            raise GistevalError(
                f"{path} is an {architecture.name} model, which takes no chat template: leave "
                "--chat-template out"
            )
        record = replace(record, template=ChatTemplate(chat_template))
    return Checkpoint(path, record, architecture, is_adapter, gguf_file, under)


def _architecture(path: Path) -> Architecture:
    """By config.json, or by an adapter's task; llama.cpp's files hold decoders."""
    if (path / "config.json").is_file():
        return architecture_of(read_object(path / "config.json"), str(path))
    if (path / ADAPTER_FILE).is_file():
        task = read_object(path / ADAPTER_FILE).get("task_type")
        return ENCODER_DECODER if task == "SEQ_2_SEQ_LM" else DECODER
    return DECODER


def read_record(
    path: Path, condition: Condition | None, k: int | None, template: Template = DECODER.template
) -> GistRecord:
    """gist.json with flags laid over it. Without a gist.json, the flags alone describe the folder.

    Args:
        path: The folder.
        condition: Read in place of the one in gist.json.
        k: Read in place of the one in gist.json.
        template: The template of a folder without gist.json.

    Raises:
        GistevalError: gist.json is damaged, or a field of it is malformed.
    """
    file = path / GIST_FILE
    if not file.is_file():
        if condition is None and k:
            condition = "gist"
        k = k or (1 if condition == "gist" else 0)
        return GistRecord(path.resolve().name, condition, k, template)
    data = read_object(file, strict=True)
    if data.get("format") != FORMAT:
        raise GistevalError(f"{file}: format {data.get('format')!r} is unknown (expected {FORMAT})")
    if data.get("condition") not in CONDITIONS:
        raise GistevalError(f"{file}: condition must be one of {', '.join(CONDITIONS)}")
    try:
        training = training_record(data["training"])
        trained_k = count("k", data["k"], MOST_GISTS)
        if condition is not None or k is not None:
            # A checkpoint made elsewhere has no recipe: what gist.json says is how it was trained.
            declared = {"condition": data["condition"], "k": trained_k}
            training["recipe"] = {**declared, **dict(training.get("recipe", {}))}
        return GistRecord(
            family=checked_name(str(data["family"])),
            condition=condition or data["condition"],
            k=trained_k if k is None else k,
            template=as_template(data["template"]),
            base=text_or_none("base", data["base"]),
            leak_window=count("leak_window", data["leak_window"]),
            training=training,
            segments=Segmentation.from_json(data.get("segments")),
        )
    except (KeyError, TypeError, ValueError, GistevalError) as error:
        raise GistevalError(f"{file}: a field is missing or malformed ({one_line(error)})") from error


def is_checkpoint(path: Path) -> bool:
    """True if the folder looks like one checkpoint rather than a suite of them."""
    names = ("config.json", "adapter_config.json", GIST_FILE)
    return any((path / name).is_file() for name in names) or any(path.glob("*.gguf"))
