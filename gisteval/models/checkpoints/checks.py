"""What a checkpoint's files may hold: checked before a library that trusts them reads them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import LONGEST_JSON, open_file, parse_json, read_bytes, read_json
from gisteval.records.schema import CONDITIONS, MOST_GISTS

MOST_LAYERS = 10_000
"""Layers of a model. All are made, without weights, before its weight files are read."""

LONGEST_HEADER = 100_000_000
"""Bytes of a safetensors file's header, as the format says."""


ADAPTER_FILE = "adapter_config.json"

SOFT_PROMPTS = frozenset(
    {
        *("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING"),
        *("ADAPTION_PROMPT", "CPT", "CARTRIDGE"),
    }
)
"""Kinds of peft adapters that are no change of the base's weights."""


def count(name: str, value: Any, most: int = 2**31) -> int:
    """A whole number from 0. Raises ValueError naming the field."""
    if type(value) is not int or not 0 <= value <= most:
        raise ValueError(f"{name} must be a whole number from 0 to {most:,}, not {value!r:.80}")
    return value


def text_or_none(name: str, value: Any) -> str | None:
    """A text, or None. Raises ValueError naming the field."""
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{name} must be a text or null, not {value!r:.80}")
    return value


def training_record(value: Any) -> dict[str, Any]:
    """gist.json's training record, as far as anything reads it. Raises ValueError."""
    if not isinstance(value, dict):
        raise ValueError(f"training must be an object, not {value!r:.80}")
    loss, recipe = value.get("loss", []), value.get("recipe", {})
    points = loss if isinstance(loss, list) else [loss]
    for point in points:
        kinds = [type(part) for part in point] if isinstance(point, list) else []
        if kinds not in ([int, float], [int, int]):
            raise ValueError(f"training.loss must hold pairs of step and loss, not {point!r:.80}")
    if not isinstance(recipe, dict):
        raise ValueError(f"training.recipe must be an object, not {recipe!r:.80}")
    if "condition" in recipe and recipe["condition"] not in CONDITIONS:
        raise ValueError(f"training.recipe: condition must be one of {', '.join(CONDITIONS)}")
    for name, most in (("k", MOST_GISTS), ("steps", 2**53)):
        if name in recipe:
            count(f"training.recipe: {name}", recipe[name], most)
    return dict(value)


def check_layers(file: Path, config: dict[str, Any]) -> None:
    """Raise GistevalError for a config.json with more layers than any model has."""
    parts = [config, *(part for part in config.values() if isinstance(part, dict))]
    for name, value in (item for part in parts for item in part.items()):
        if "layer" in name and type(value) in (int, float) and value > MOST_LAYERS:
            raise GistevalError(f"{file}: {name} is {value}, more than {MOST_LAYERS:,}: copy it again")


def check_safetensors(file: Path) -> None:
    """Compare the file's length with the one its header promises."""
    size = file.stat().st_size
    try:
        with open_file(file) as stream:
            header_size = int.from_bytes(stream.read(8), "little")
            header = stream.read(header_size) if 0 < header_size < min(size, LONGEST_HEADER) else b""
    except ValueError as error:
        raise GistevalError(f"{file} can't be read ({error}): copy the checkpoint again") from error
    try:
        tensors = parse_json(header)
        end = _end_of_tensors(tensors)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise GistevalError(f"{file} is damaged (unreadable header): copy the checkpoint again") from error
    if 8 + header_size + end != size:
        raise GistevalError(
            f"{file} is half-written: {size} bytes instead of {8 + header_size + end}; copy it again"
        )
    try:
        with safe_open(file, "np"):  # it knows the formats, and compares them with the shapes
            pass
    except SafetensorError as error:
        raise GistevalError(f"{file} is damaged ({one_line(error)}): copy the checkpoint again") from error


def _end_of_tensors(header: dict[str, Any]) -> int:
    """Bytes of all tensors. Raises ValueError, or what wrong types lead to, unless one follows another."""
    end = 0
    spans = sorted(
        tuple(tensor["data_offsets"]) for name, tensor in header.items() if name != "__metadata__"
    )
    for start, stop in spans:
        if type(start) is not int or type(stop) is not int or start != end or stop < start:
            raise ValueError("its tensors overlap, or leave a gap")
        end = stop
    return end


def is_file_name(name: Any) -> bool:
    """Whether it is the name of a file in the same folder."""
    return isinstance(name, str) and Path(name).name == name


def check_adapter_kind(file: Path) -> None:
    """Raise GistevalError for adapters that put states before the text in place of changing weights."""
    kind = read_object(file).get("peft_type")
    if kind in SOFT_PROMPTS:
        raise GistevalError(
            f"{file.parent} is a {kind} adapter: a soft prompt has nothing to merge into the base, and "
            "gisteval does not run it: give an adapter that changes weights, such as a LoRA, or whole "
            "weights"
        )
    if not isinstance(kind, str):
        raise GistevalError(f"{file} names no peft_type: copy or save the adapter again")


def check_weights(path: Path, allow_pickle: bool) -> None:
    """Raise GistevalError unless a folder has all of its weights, in files that may be loaded."""
    files = sorted(path.glob("*.safetensors"))
    indexes = "*.safetensors.index.json" if files else "*.index.json"
    for index in path.glob(indexes):
        shards = read_object(index).get("weight_map")
        if not isinstance(shards, dict) or not all(map(is_file_name, shards.values())):
            raise GistevalError(f"{index} has no weight_map: copy the checkpoint again")
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


def only_gguf(path: Path) -> str:
    """The name of the GGUF file in a folder without config.json. Raises GistevalError unless it has one."""
    files = sorted(path.glob("*.gguf"))
    if len(files) != 1:
        raise GistevalError(f"{path} has no config.json: it is no checkpoint, or half-written")
    return files[0].name


def check_files(path: Path, is_adapter: bool, allow_pickle: bool, needs_tokenizer: bool) -> None:
    """Raise GistevalError for a file that is missing or damaged."""
    check_weights(path, allow_pickle)
    has_tokenizer = is_adapter or (path / "tokenizer_config.json").is_file()
    if needs_tokenizer and not has_tokenizer:
        raise GistevalError(f"{path} has no tokenizer_config.json: copy the tokenizer's files there")
    for name in ("config.json", ADAPTER_FILE, "tokenizer_config.json", "tokenizer.json"):
        if (path / name).is_file():
            content = read_object(path / name)
            if name == "config.json":
                check_layers(path / name, content)


@contextmanager
def readable(file: Path) -> Iterator[None]:
    """Inside, an error of reading a checkpoint's file becomes a GistevalError."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise GistevalError(
            f"{file} can't be read ({one_line(error)}): copy the checkpoint again"
        ) from error


def read_content(file: Path) -> bytes:
    """The bytes of a small file. Raises GistevalError if it can't be read."""
    with readable(file):
        return read_bytes(file, LONGEST_JSON)


def read_object(file: Path, strict: bool = False) -> dict[str, Any]:
    """The JSON object in a file. Raises GistevalError if it holds anything else."""
    try:
        data = read_json(file, strict)
    except (OSError, ValueError) as error:
        raise GistevalError(
            f"{file} is half-written or damaged ({one_line(error)}): copy the checkpoint again"
        ) from error
    if not isinstance(data, dict):
        raise GistevalError(f"{file} must hold a JSON object")
    return data
