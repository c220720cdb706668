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
from gisteval.files.foreign import read_json
from gisteval.files.names import checked_name
from gisteval.models.checkpoints.checks import (
    MOST_GISTS,
    check_layers,
    check_safetensors,
    count,
    is_file_name,
    text_or_none,
    training_record,
)
from gisteval.models.running.architecture import (
    DECODER,
    ENCODER_DECODER,
    Architecture,
    architecture_of,
)
from gisteval.prompts import ChatTemplate, Template, as_template
from gisteval.records.schema import CONDITIONS, Condition, digest

GIST_FILE = "gist.json"
FORMAT = 1
ADAPTER_FILE = "adapter_config.json"

SOFT_PROMPTS = frozenset(
    {
        *("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"),
        *("ADAPTION_PROMPT", "CPT", "CARTRIDGE"),
    }
)
"""Kinds of peft adapters that are no change of the base's weights."""

RELEASED_LLAMA_TEMPLATE = Template(
    instruction="Instruction: {instruction}", input="Input: {input}\n", output="Output:", target="{output}"
)
"""What the paper's LLaMA checkpoints were trained on: the slow tokenizers of their time stripped white
space around `<GIST>`, so the line breaks of the template never reached the model."""


@dataclass(frozen=True, slots=True)
class GistRecord:
    """The content of gist.json.

    family: readable name shared by the checkpoints of one suite; base: what training started from.
    condition None stands for a plain model that was not trained for any of the three.
    """

    family: str
    condition: Condition | None
    k: int
    template: Template | ChatTemplate = field(default_factory=Template)
    base: str | None = None
    leak_window: int = 0
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """A readable system name in the paper's form, such as `LLaMA-gist-1`.

        A checkpoint read otherwise than it was trained says so: `LLaMA-pos_control-1-as-gist-1`.
        """
        if self.condition is None:
            return self.family
        read, trained = f"{self.condition}-{self.k}", self.trained_as
        return f"{self.family}-{read if trained in (None, read) else f'{trained}-as-{read}'}"

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
            "training": self.training,
        }


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint that exists and looks complete. `record` has flags and gist.json merged.

    base: given by flag; under an adapter, or what a weight difference is added to.
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
            with path.open("rb") as stream:
                state.update(hashlib.file_digest(stream, "blake2b").digest())
        if self.base is not None:
            state.update(self.base.weights_digest().encode())
        elif self.is_adapter:
            base = Path(self.base_name())
            known = inspect_checkpoint(base).weights_digest() if base.is_dir() else str(base)
            state.update(known.encode())
        return state.hexdigest()

    def tokenizer_digest(self) -> str:
        """Digest of the tokenizer's files; a GGUF file's tokenizer counts as part of its weights."""
        patterns = (
            "tokenizer*",
            "added_tokens.json",
            "*.model",
            "vocab*",
            "merges*",
            "special_tokens_map.json",
            "chat_template*",
        )
        files = sorted({path for pattern in patterns for path in self.path.glob(pattern)})
        return digest([f"{path.name}={path.read_bytes().hex()}" for path in files])

    def config(self) -> dict[str, Any]:
        """Content of config.json; empty without one (an adapter, a GGUF file)."""
        file = self.path / "config.json"
        return _read_json(file) if file.is_file() else {}

    def adapter_config(self) -> dict[str, Any]:
        """Content of adapter_config.json; empty without one."""
        file = self.path / ADAPTER_FILE
        return _read_json(file) if file.is_file() else {}

    @property
    def adapter_kind(self) -> str:
        """peft's name of the adapter's kind, such as LORA."""
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
    """Check a folder without loading it. Raises GistevalError (what, where, what to do).

    base: of an adapter, or of a weight difference; chat_template: where the instruction stands in the
    tokenizer's own template, read in place of the record's; generates_only: it is asked for replies alone,
    as judges are, so it may be of a family whose prompts can't be compressed; needs_tokenizer: False where
    prompts are given as token ids.
    """
    if not path.is_dir():
        raise GistevalError(f"checkpoint {path} does not exist: give a folder or a hub name")
    ggufs = sorted(path.glob("*.gguf"))
    is_adapter = (path / ADAPTER_FILE).is_file()
    gguf_file = None
    if not (path / "config.json").is_file() and not is_adapter:
        if len(ggufs) != 1:
            raise GistevalError(f"{path} has no config.json: it is no checkpoint, or half-written")
        gguf_file = ggufs[0].name
    if gguf_file is None:
        _check_weights(path, allow_pickle)
        has_tokenizer = is_adapter or (path / "tokenizer_config.json").is_file()
        if needs_tokenizer and not has_tokenizer:
            raise GistevalError(f"{path} has no tokenizer_config.json: copy the tokenizer's files there")
        for name in ("config.json", "adapter_config.json", "tokenizer_config.json", "tokenizer.json"):
            if (path / name).is_file():
                _read_json(path / name)
        if (path / "config.json").is_file():
            check_layers(path / "config.json", _read_json(path / "config.json"))
    architecture = DECODER if generates_only else _architecture(path)
    if is_adapter:
        _check_adapter_kind(path)
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
        return architecture_of(_read_json(path / "config.json"), str(path))
    if (path / ADAPTER_FILE).is_file():
        task = _read_json(path / ADAPTER_FILE).get("task_type")
        return ENCODER_DECODER if task == "SEQ_2_SEQ_LM" else DECODER
    return DECODER


def read_record(
    path: Path, condition: Condition | None, k: int | None, template: Template = DECODER.template
) -> GistRecord:
    """gist.json with flags laid over it; a folder without one is described by the flags alone.

    template: of a folder without gist.json.
    """
    file = path / GIST_FILE
    if not file.is_file():
        if condition is None and k:
            condition = "gist"
        k = k or (1 if condition == "gist" else 0)
        return GistRecord(path.resolve().name, condition, k, template)
    data = _read_json(file, strict=True)
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
        )
    except (KeyError, TypeError, ValueError, GistevalError) as error:
        raise GistevalError(f"{file}: a field is missing or malformed ({one_line(error)})") from error


def _check_adapter_kind(path: Path) -> None:
    """Raises GistevalError for adapters that put states before the text in place of changing weights."""
    kind = _read_json(path / ADAPTER_FILE).get("peft_type")
    if kind in SOFT_PROMPTS:
        raise GistevalError(
            f"{path} is a {kind} adapter: a soft prompt has nothing to merge into the base, and gisteval "
            "does not run it: give an adapter that changes weights, such as a LoRA, or whole weights"
        )
    if not isinstance(kind, str):
        raise GistevalError(f"{path / ADAPTER_FILE} names no peft_type: copy or save the adapter again")


def is_checkpoint(path: Path) -> bool:
    """True if the folder looks like one checkpoint rather than a suite of them."""
    names = ("config.json", "adapter_config.json", GIST_FILE)
    return any((path / name).is_file() for name in names) or any(path.glob("*.gguf"))


def _check_weights(path: Path, allow_pickle: bool) -> None:
    files = sorted(path.glob("*.safetensors"))
    indexes = "*.safetensors.index.json" if files else "*.index.json"
    for index in path.glob(indexes):
        shards = _read_json(index).get("weight_map")
        if not isinstance(shards, dict) or not all(map(is_file_name, shards.values())):
            raise GistevalError(f"{index} has no weight_map: copy or write it again")
        missing = [name for name in sorted(set(shards.values())) if not (path / name).is_file()]
        if missing:
            raise GistevalError(f"{path} is half-written: {', '.join(missing)} is missing")
    for file in files:
        check_safetensors(file)
    if files:
        return
    pickles = sorted(file.name for file in path.glob("*.bin"))
    if pickles and not allow_pickle:
        raise GistevalError(
            f"{path} holds pickle weights ({pickles[0]}), which can run code when loaded: convert them "
            "to safetensors, or pass --allow-pickle if you trust their source"
        )
    if not pickles:
        raise GistevalError(f"{path} has no weights (*.safetensors): it is half-written or incomplete")


def _read_json(file: Path, strict: bool = False) -> dict[str, Any]:
    try:
        data = read_json(file, strict)
    except (OSError, ValueError) as error:
        raise GistevalError(
            f"{file} is half-written or damaged ({one_line(error)}): copy or write it again"
        ) from error
    if not isinstance(data, dict):
        raise GistevalError(f"{file} must hold a JSON object")
    return data
