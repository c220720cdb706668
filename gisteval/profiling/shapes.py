"""Model shapes, which decide the cost of a forward pass, by name or from a transformers configuration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError, one_line
from gisteval.files.foreign import read_json

PUBLISHED: Mapping[str, Mapping[str, Any]] = {
    "llama-7b": {
        "model_type": "llama",
        "vocab_size": 32001,
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "max_position_embeddings": 2048,
    },
    "flan-t5-xxl": {
        "model_type": "t5",
        "vocab_size": 32101,
        "d_model": 4096,
        "d_ff": 10240,
        "d_kv": 64,
        "num_layers": 24,
        "num_heads": 64,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
}
"""The paper's two models, each with the `<GIST>` row in its vocabulary (arXiv 2304.08467, section 4)."""

MOST_TOKENS = 10_000_000
"""Of any length asked about; no model reads as many."""


@dataclass(frozen=True, slots=True)
class DecoderShape:
    """A decoder-only transformer with rotary positions, RMS norms and a gated MLP, such as Llama.

    Attributes:
        hidden: Width of the hidden states.
        intermediate: Width of the MLP.
        layers: Number of layers.
        heads: Number of query heads.
        kv_heads: Number of key-value heads. Fewer than `heads` means grouped-query attention.
        head_dim: Width of one head.
        vocabulary: Number of tokens.
        tied: Whether the output matrix is the embedding, which saves storage but no FLOPs.
    """

    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    vocabulary: int
    tied: bool

    @property
    def query_width(self) -> int:
        """Columns of the query projection."""
        return self.heads * self.head_dim

    @property
    def kv_width(self) -> int:
        """Columns of the key projection, and of the value projection."""
        return self.kv_heads * self.head_dim

    @property
    def slot_values(self) -> int:
        """Numbers stored for one cached token: keys and values of every layer."""
        return 2 * self.layers * self.kv_width

    @property
    def parameters(self) -> int:
        """Number of weights without biases."""
        d, f = self.hidden, self.intermediate
        layer = 2 * d * (self.query_width + self.kv_width) + 3 * d * f + 2 * d
        embeddings = (1 if self.tied else 2) * self.vocabulary * d
        return self.layers * layer + embeddings + d

    @property
    def read_each_pass(self) -> int:
        """Weights that a pass over few tokens reads: all but an untied embedding table."""
        return self.parameters - (0 if self.tied else self.vocabulary * self.hidden)

    @property
    def read_each_step(self) -> int:
        """Weights that decoding one token reads."""
        return self.read_each_pass

    @property
    def read_to_compress(self) -> int:
        """Weights that filling a cache reads: all but the embedding table and the output matrix."""
        return self.parameters - (1 if self.tied else 2) * self.vocabulary * self.hidden

    def held(self, tokens: float, generated: float) -> float:
        """Return the count of numbers in one row's cache for its prompt, input and generated tokens."""
        return (tokens + generated) * self.slot_values


@dataclass(frozen=True, slots=True)
class EncoderDecoderShape:
    """An encoder-decoder with relative position bias and RMS norms, such as T5.

    Attributes:
        hidden: Width of the hidden states.
        intermediate: Width of the MLP.
        layers: Number of encoder layers.
        decoder_layers: Number of decoder layers.
        heads: Number of heads.
        inner: Width of queries, keys and values: heads * d_kv.
        vocabulary: Number of tokens.
        gated: Whether the MLP is gated (gelu) or not (relu).
        tied: Whether the output matrix is the embedding. Then the decoder's last states are scaled by
            d^-0.5.
    """

    hidden: int
    intermediate: int
    layers: int
    decoder_layers: int
    heads: int
    inner: int
    vocabulary: int
    gated: bool
    tied: bool

    @property
    def slot_values(self) -> int:
        """Numbers stored for one cached encoder token.

        They are the keys and values of every encoder layer, and its last state, which the decoder's
        cross-attention reads.
        """
        return 2 * self.layers * self.inner + self.hidden

    @property
    def parameters(self) -> int:
        """Number of weights without position biases."""
        d, attention = self.hidden, 4 * self.hidden * self.inner
        mlp = (3 if self.gated else 2) * d * self.intermediate
        encoder = self.layers * (attention + mlp + 2 * d)
        return encoder + self._decoder + (1 if self.tied else 2) * self.vocabulary * d + 2 * d

    @property
    def read_each_pass(self) -> int:
        """Weights that a pass over few tokens reads: all but an untied embedding table."""
        return self.parameters - (0 if self.tied else self.vocabulary * self.hidden)

    @property
    def read_each_step(self) -> int:
        """Weights that decoding one token reads: the decoder's and the output matrix."""
        return self._decoder + self.vocabulary * self.hidden

    @property
    def read_to_compress(self) -> int:
        """Weights that filling a cache reads: the encoder's."""
        return self.parameters - self._decoder - (1 if self.tied else 2) * self.vocabulary * self.hidden

    @property
    def _decoder(self) -> int:
        d, attention = self.hidden, 4 * self.hidden * self.inner
        mlp = (3 if self.gated else 2) * d * self.intermediate
        return self.decoder_layers * (2 * attention + mlp + 3 * d)

    def held(self, tokens: float, generated: float) -> float:
        """Return the count of numbers in one row's decoder caches.

        They are the cross-attention's keys and values of all encoder tokens, and the self-attention's of
        the generated tokens.
        """
        return 2 * self.decoder_layers * self.inner * (tokens + generated)


Shape = DecoderShape | EncoderDecoderShape


@dataclass(frozen=True)
class ModelShape:
    """A named model without weights.

    Attributes:
        name: Its name.
        config: A transformers configuration, `model_type` included.
        closed: The sizes that the closed forms need. None if the closed forms don't apply.
        reason: Why they don't apply, or None.
    """

    name: str
    config: Mapping[str, Any]
    closed: Shape | None
    reason: str | None


def load_shape(name: str) -> ModelShape:
    """Return a published shape by name, or the shape of a config.json or of the folder that holds it.

    Raises:
        GistevalError: There is no such name or file, or the file is not a transformers configuration.
    """
    if name in PUBLISHED:
        return describe_config(name, PUBLISHED[name])
    path = Path(name).expanduser()
    file = path / "config.json" if path.is_dir() else path
    if not file.is_file():
        known = ", ".join(PUBLISHED)
        raise GistevalError(
            f"shape {name!r} is unknown: choose from {known}, or give the path of a config.json"
        )
    try:
        config = read_json(file)
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} can't be read as JSON: {one_line(error)}") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise GistevalError(f"{file} names no model_type: give the config.json of a transformers model")
    return describe_config(file.resolve().parent.name, config)


def describe_config(name: str, config: Mapping[str, Any]) -> ModelShape:
    """Return the shape of a transformers configuration.

    Raises:
        GistevalError: transformers refuses the configuration, or a size is below 1.
    """
    full = parse_config(config).to_dict()
    if full["model_type"] in ("llama", "mistral", "qwen2"):
        if full["hidden_act"] not in ("silu", "swish"):
            return ModelShape(name, config, None, f"its MLP's activation is {full['hidden_act']}, not silu")
        return ModelShape(name, config, _sound(name, _decoder_shape(full)), None)
    if full["model_type"] == "t5":
        if full["feed_forward_proj"] not in ("gated-gelu", "relu"):
            reason = f"its MLP is {full['feed_forward_proj']}, neither gated-gelu nor relu"
            return ModelShape(name, config, None, reason)
        return ModelShape(name, config, _sound(name, _t5_shape(full)), None)
    reason = f"there is none for model_type {full['model_type']} (llama, mistral, qwen2 and t5 have one)"
    return ModelShape(name, config, None, reason)


def _sound(name: str, shape: Shape) -> Shape:
    """Return the shape if all of its sizes are at least 1."""
    sizes = {field: size for field, size in asdict(shape).items() if not isinstance(size, bool)}
    wrong = [f"{field} {size}" for field, size in sizes.items() if size < 1]
    if wrong:
        raise GistevalError(
            f"{name}: sizes must be at least 1, not {', '.join(wrong)}: correct its config.json"
        )
    return shape


def parse_config(config: Mapping[str, Any]) -> Any:
    """Return transformers' configuration object, with defaults filled in.

    Raises:
        GistevalError: transformers refuses the configuration.
    """
    from transformers import AutoConfig

    options = {key: value for key, value in config.items() if key != "model_type"}
    try:
        return AutoConfig.for_model(config["model_type"], **options)
    except Exception as error:  # its validation is another project's code: it may raise anything
        raise GistevalError(
            f"transformers refuses the configuration of a {config['model_type']} ({one_line(error)})"
        ) from error


def _decoder_shape(config: Mapping[str, Any]) -> DecoderShape:
    heads = config["num_attention_heads"]
    return DecoderShape(
        hidden=config["hidden_size"],
        intermediate=config["intermediate_size"],
        layers=config["num_hidden_layers"],
        heads=heads,
        kv_heads=config.get("num_key_value_heads") or heads,
        head_dim=config.get("head_dim") or config["hidden_size"] // heads,
        vocabulary=config["vocab_size"],
        tied=bool(config.get("tie_word_embeddings")),
    )


def _t5_shape(config: Mapping[str, Any]) -> EncoderDecoderShape:
    return EncoderDecoderShape(
        hidden=config["d_model"],
        intermediate=config["d_ff"],
        layers=config["num_layers"],
        decoder_layers=config.get("num_decoder_layers") or config["num_layers"],
        heads=config["num_heads"],
        inner=config["num_heads"] * config["d_kv"],
        vocabulary=config["vocab_size"],
        gated=config["feed_forward_proj"] == "gated-gelu",
        tied=bool(config["scale_decoder_outputs"]),  # transformers scales exactly where T5 ties
    )
