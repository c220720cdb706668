"""A training recipe: one YAML file with everything that decides the result of a training."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from gisteval.content import beside, first_fault, inside, read_yaml
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.records.schema import MOST_GISTS, Condition
from gisteval.segmentation import Numbering, Sees, Segmentation


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Scratch(_Strict):
    """A new small Llama or T5 with tied embeddings and its own byte-level BPE.

    Attributes:
        model: The architecture.
        vocab_size: Number of tokens.
        hidden_size: Width of the hidden states.
        intermediate_size: Width of the MLP.
        layers: Number of layers. A T5 has that many in its encoder and in its decoder.
        heads: Number of attention heads.
        context: Longest sequence in tokens (Llama only).
        init_std: Standard deviation of the initial weights (Llama only). The usual 0.02 is meant for wide
            models. At a width of 192 it makes attention so uniform at first that copying is learned late
            or never.
        attention: How it begins (Llama only). "matching": tokens attend to like ones, and in the first
            layer to those right before them. So a small model learns to look facts up within minutes.
    """

    model: Literal["llama", "t5"] = "llama"
    vocab_size: int = Field(1024, ge=300, le=10_000_000)
    hidden_size: int = Field(192, ge=1, le=100_000)
    intermediate_size: int = Field(512, ge=1, le=1_000_000)
    layers: int = Field(4, ge=1, le=1_000)
    heads: int = Field(4, ge=1)
    context: int = Field(1024, ge=1, le=100_000_000)
    init_std: float = Field(0.06, gt=0)
    attention: Literal["random", "matching"] = "random"

    @model_validator(mode="after")
    def _fields_of_the_model(self) -> Self:
        unused = {"context", "init_std", "attention"} & self.model_fields_set
        if self.model == "t5" and unused:
            raise ValueError(f"a t5 has no {' and no '.join(sorted(unused))}")
        if self.hidden_size % self.heads:
            raise ValueError("hidden_size must be a multiple of heads")
        return self


class Lora(_Strict):
    """Low-rank adapters on all linear layers. The `<GIST>` row of the embedding is trained as well."""

    r: int = Field(16, ge=1, le=100_000)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.0, ge=0, lt=1)


class Segments(_Strict):
    """Gist tokens behind each segment of a prompt; the fields are those of `Segmentation`."""

    length: str = Field("32", coerce_numbers_to_str=True)
    sees: Sees = "gists"
    numbering: Numbering = "original"

    @property
    def segmentation(self) -> Segmentation:
        """The same for masks and compressors."""
        return Segmentation(self.length, self.sees, self.numbering)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        try:
            _ = self.segmentation
        except GistevalError as error:
            raise ValueError(str(error)) from error
        return self


class Spans(_Strict):
    """Rows of running text: a span with its gist tokens, and what follows it, which they have to predict.

    Attributes:
        longest: Most tokens of a span. Lengths are drawn evenly from one token on.
        follows: Tokens behind a span. The first is given, and the others are predicted.
    """

    longest: int = Field(48, ge=1, le=1_000_000)
    follows: int = Field(64, ge=2, le=1_000_000)


class Recipe(_Strict):
    """The settings of `gisteval train`. Lengths are in tokens.

    Attributes:
        task: Task to train on.
        condition: Condition to train under.
        k: Number of gist tokens.
        family: Name of the model family, for reports.
        split: Split to train on.
        limit: Number of examples. None means all.
        base: Folder or hub name of the model to start from, which may be a gist checkpoint.
        chat_template: Makes prompts with the base's own chat template. The instruction is the system
            message or the first user message.
        scratch: Sizes of a new model, if there is no base.
        redraw: Linear modules of the base whose weights are initialised anew, by the last part of their
            names (q_proj), so that each condition learns by itself what they do.
        lora: Low-rank adapters. None means that all weights are trained.
        trainable: "gist_embedding" trains nothing but the row of `<GIST>`, in the embedding and in an
            output matrix tied to it. None means the adapters, or all weights.
        leak_window: Prompt tokens before the gist tokens that stay visible.
        segments: Cuts prompts into segments with k gist tokens behind each. None means one segment.
        spans: Trains on arbitrary spans of the task's texts in place of its instructions. None means
            instructions.
        steps: Number of optimizer steps.
        rows_per_step: Rows of the batch of one step.
        pack: Continuations of one instruction that share a row. Default: 4, or 1 for an encoder-decoder,
            which supports no other value.
        max_length: Longest row.
        optimizer: "muon" trains the matrices of the layers with Muon and the rest with AdamW. "adamw"
            trains everything with AdamW.
        learning_rate: Learning rate of AdamW.
        matrix_rate: Learning rate of Muon.
        warmup: Share of the steps over which the rate rises.
        weight_decay: Decoupled weight decay.
        clip: Largest norm of the gradient.
        seed: Seed of the initial weights and of the order of rows.
        precision: Data type of the arithmetic. "bfloat16" becomes float32 on a CPU without bfloat16
            arithmetic.
        save_dtype: Data type of the saved weights.
        log_every: Steps between two logged losses.
        save_every: Steps between two saved states.
    """

    task: str
    condition: Condition
    k: int = Field(1, ge=1, le=MOST_GISTS)
    family: str
    split: str = "train"
    limit: int | None = Field(None, ge=1)
    base: str | None = None
    chat_template: Literal["system", "user"] | None = None
    scratch: Scratch | None = None
    redraw: list[str] = []
    lora: Lora | None = None
    trainable: Literal["gist_embedding"] | None = None
    leak_window: int = Field(0, ge=0, le=2**31)
    segments: Segments | None = None
    spans: Spans | None = None
    steps: int = Field(ge=1, le=2**53)
    rows_per_step: int = Field(32, ge=1, le=1_000_000)
    pack: int | None = Field(None, ge=1, le=10_000)
    max_length: int = Field(512, ge=8, le=100_000_000)
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    matrix_rate: float = Field(0.02, gt=0)
    warmup: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = 0.01
    clip: float = 1.0
    seed: int = Field(0, ge=0, le=2**32 - 1)
    precision: Literal["float32", "bfloat16"] = "float32"
    save_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    log_every: int = Field(50, ge=1)
    save_every: int = Field(500, ge=1)

    @model_validator(mode="after")
    def _one_start(self) -> Self:
        if (self.base is None) == (self.scratch is None):
            raise ValueError("give either base (a model to start from) or scratch (a new one)")
        if self.base is None and (self.lora is not None or self.redraw or self.chat_template):
            raise ValueError("lora, redraw and chat_template need a base")
        if self.lora is not None and self.optimizer == "muon":
            raise ValueError("lora adapters are trained with adamw")
        return self

    @model_validator(mode="after")
    def _row_of_gists(self) -> Self:
        if self.trainable is None:
            return self
        if self.condition != "gist":
            raise ValueError("trainable gist_embedding is for condition gist")
        if self.base is None or self.lora is not None or self.redraw or self.optimizer == "muon":
            raise ValueError(
                "trainable gist_embedding needs a base and adamw, and goes with neither lora nor redraw"
            )
        return self

    @model_validator(mode="after")
    def _segments_of_gists(self) -> Self:
        if self.segments is not None and (self.condition != "gist" or self.leak_window):
            raise ValueError("segments are for condition gist, and nothing leaks beside their gist tokens")
        return self

    @model_validator(mode="after")
    def _spans_of_text(self) -> Self:
        if self.spans is not None and (self.chat_template or self.pack not in (None, 1)):
            raise ValueError("spans have one continuation each (pack: 1) and no chat_template")
        return self

    @property
    def rule(self) -> MaskRule:
        """The mask of the training."""
        segments = None if self.segments is None else self.segments.segmentation
        return MaskRule(self.condition, self.leak_window, segments=segments)


def load_recipe(path: Path, overrides: dict[str, Any], allow_outside: bool = False) -> Recipe:
    """Read a recipe.

    Args:
        path: The YAML file. `extends: other.yaml` names a file that is read first.
        overrides: Fields that replace those of the file.
        allow_outside: The file that a recipe extends may lie outside its folder.

    Raises:
        GistevalError: A file can't be read, or a field is wrong.
    """
    return build_recipe({**_read(path, allow_outside), **overrides}, str(path))


def build_recipe(values: dict[str, Any], source: str) -> Recipe:
    """Validate a recipe's fields.

    Args:
        values: The fields.
        source: Where they are from, for an error message.

    Raises:
        GistevalError: A field is wrong.
    """
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise GistevalError(f"{source}: {first_fault(error, 'recipe')}") from error


def _read(path: Path, allow_outside: bool, children: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Fields of a recipe and of those it extends. `children` are the files that extend this one."""
    values = read_yaml(path, "recipe")
    if path.resolve() in children:
        raise GistevalError(f"recipe {path} extends itself")
    if not isinstance(values, dict):
        raise GistevalError(f"recipe {path} must be a YAML mapping")
    parent = values.pop("extends", None)
    if not parent:
        return values
    further = _extended(path, str(parent), allow_outside)
    return {**_read(further, allow_outside, (*children, path.resolve())), **values}


def _extended(path: Path, parent: str, allow_outside: bool) -> Path:
    """The file that a recipe extends. Raises GistevalError for one elsewhere."""
    if allow_outside:
        return path.parent / parent
    try:
        return beside(path.parent, inside(parent))
    except (ValueError, GistevalError) as error:
        raise GistevalError(
            f"recipe {path}: extends: {error}; --allow-outside lets it lie elsewhere"
        ) from error
