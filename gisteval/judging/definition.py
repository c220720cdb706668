"""A judge is a folder with a judge.yaml and the text of its prompt."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from gisteval.content import beside, find_content, first_fault, inside, read_yaml
from gisteval.errors import GistevalError, did_you_mean, one_line
from gisteval.files.foreign import parse_json, read_text
from gisteval.records.schema import digest
from gisteval.thinking import PAIRS, check_pair

JUDGE_FILE = "judge.yaml"
PLACEHOLDERS = frozenset({"request", "first", "second"})

Orders = Literal["both", "seeded", "one"]
"""Shown in both orders, in one drawn from the content, or to a judge that sees no order."""


Beside = Annotated[str, AfterValidator(inside)]
"""A file in the judge's folder: what it holds is sent to a server."""


Thought = Annotated[tuple[str, str], AfterValidator(check_pair)]
"""What opens a thought and what closes it."""


RESERVED = ("model", "messages", "stream", "n", "best_of")
"""Fields that are not the judge's to choose."""


TOKEN_LIMITS = ("max_completion_tokens", "max_tokens", "max_new_tokens")
"""Parameters that limit a reply."""

MOST_LIMIT = 10_000_000
"""A limit of tokens beyond any model's context."""


def check_limit(name: str, limit: Any) -> None:
    """Raise ValueError for what is no limit of a reply."""
    if type(limit) is not int or not 1 <= limit <= MOST_LIMIT:
        raise ValueError(f"{name} must be a whole number from 1 to {MOST_LIMIT:,}, not {str(limit)[:40]}")


def _sendable(parameters: dict[str, Any]) -> dict[str, Any]:
    """Fields of a request. Raises ValueError for what JSON can't say, and for fields that gisteval sets."""
    for name, value in parameters.items():
        if name in RESERVED:
            raise ValueError(f"{name} is no parameter: gisteval sets it")
        if name in TOKEN_LIMITS and value is not None:
            check_limit(name, value)
        if not _is_json(value):
            raise ValueError(
                f"{name} holds a value that JSON has not, such as a date, bytes or an infinity"
            )
    return parameters


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(part) for name, part in value.items())
    if isinstance(value, list):
        return all(map(_is_json, value))
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or isinstance(value, str | int)


Parameters = Annotated[dict[str, Any], AfterValidator(_sendable)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Price(_Strict):
    """Dollars a million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Dollars of one reply."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


class PriceList(_Strict):
    """Prices by model, as of a day; they change, so check them before you trust a limit to them."""

    as_of: str
    source: str
    models: dict[str, Price]


class _Common(_Strict):
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    version: int
    description: str
    note: str = ""
    again: float = Field(0.05, ge=0, le=1)
    """Share of the pairs that are judged twice, and on which the control is judged against itself."""


class ReferenceDefinition(_Common):
    """Nearness to the reference output: mean of ROUGE-L and chrF, each over its scale (both in percent).

    Pairs closer than tie_band, in units of the scales, are ties.
    """

    kind: Literal["reference"]
    scales: dict[Literal["rougeL", "chrF"], Annotated[float, Field(gt=0)]]
    tie_band: float = Field(ge=0)


class ChatDefinition(_Common):
    """A chat model, behind a server (kind chat) or in this process (kind local).

    prompt: a file with $request, $first and $second; system: a file. parameters: fields of the request.
    model_parameters: what differs for some models, by name or pattern ("gpt-5-*"), of which the first that
    fits counts; null leaves a field out. reply_schema: a file with the JSON schema that the reply is bound
    to. thoughts: pairs of texts between which a model thinks; no choice is read there. max_characters: of
    each text shown; max_reply: of a reply that is kept.
    """

    kind: Literal["chat", "local"]
    orders: Literal["both", "seeded"] = "both"
    model: str | None = None
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    system: Beside
    prompt: Beside
    reply_schema: Beside | None = None
    parameters: Parameters
    model_parameters: dict[str, Parameters] = {}
    thoughts: tuple[Thought, ...] = PAIRS
    max_characters: int = Field(20_000, ge=100)
    max_reply: int = Field(20_000, ge=100)
    prices: PriceList | None = None


Definition = ReferenceDefinition | ChatDefinition

_NOT_SENT = {
    *("description", "note", "prices", "again", "model", "base_url", "api_key_env"),
    *("model_parameters", "thoughts"),
}
"""Fields that no reply rests on: the parameters of a model are among `parameters` once it is chosen."""


@dataclass(frozen=True)
class Judge:
    """A definition with the texts of its files. Empty texts for a judge without a prompt."""

    definition: Definition
    system: str = ""
    prompt: str = ""
    reply_schema: str = ""

    @property
    def name(self) -> str:
        """The judge's name."""
        return self.definition.name

    @property
    def orders(self) -> Orders:
        """How often and in which orders a pair is shown."""
        return self.definition.orders if isinstance(self.definition, ChatDefinition) else "one"

    def prompt_digest(self) -> str:
        """Digest of all that the judge's answer rests on but the model and its server."""
        definition = self.definition.model_dump(
            mode="json",
            exclude=_NOT_SENT,
        )
        parts = [json.dumps(definition, sort_keys=True), self.system, self.prompt, self.reply_schema]
        return digest(parts)


def load_judge(name: str, judges_dir: Path | None = None) -> Judge:
    """A judge by name, or by the path of its folder or YAML file."""
    path = Path(name)
    if path.suffix in {".yaml", ".yml"} or (path / JUDGE_FILE).is_file():
        return read_judge(path / JUDGE_FILE if path.is_dir() else path)
    known = list_judges(judges_dir)
    if name not in known:
        raise GistevalError(
            f"judge {name!r} is unknown{did_you_mean(name, known)}: choose from {', '.join(known)}, "
            f"or give the path of a folder with a {JUDGE_FILE}"
        )
    return read_judge(known[name])


def list_judges(judges_dir: Path | None = None) -> dict[str, Path]:
    """Names of the judges in the judges folder with their files, sorted."""
    folder = find_content("judges", judges_dir)
    return {file.parent.name: file for file in sorted(folder.glob(f"*/{JUDGE_FILE}"))}


def read_judge(file: Path) -> Judge:
    """Parse and check a judge.yaml and the files it names. Raises GistevalError naming the first fault."""
    content = read_yaml(file, "judge file")
    if not isinstance(content, dict):
        raise GistevalError(f"{file} must be a YAML mapping of field: value")
    try:
        kinds: dict[str, type[ReferenceDefinition] | type[ChatDefinition]]
        kinds = {"reference": ReferenceDefinition, "chat": ChatDefinition, "local": ChatDefinition}
        kind = kinds.get(str(content.get("kind")))
        if kind is None:
            raise GistevalError(f"{file}: kind: choose from {', '.join(kinds)}")
        definition = kind.model_validate(content)
        if not isinstance(definition, ChatDefinition):
            return Judge(definition)
        system, prompt = (
            read_text(beside(file.parent, name)) for name in (definition.system, definition.prompt)
        )
        schema = ""
        if definition.reply_schema is not None:
            schema = read_text(beside(file.parent, definition.reply_schema))
            parse_json(schema)
    except ValidationError as error:
        raise GistevalError(f"{file}: {first_fault(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"judge file {file} can't be read: {one_line(error)}") from error
    template = Template(prompt)
    if not template.is_valid() or set(template.get_identifiers()) != PLACEHOLDERS:
        names = ", ".join(f"${name}" for name in sorted(PLACEHOLDERS))
        raise GistevalError(
            f"{file.parent / definition.prompt} must hold {names}, and no other placeholder"
        )
    return Judge(definition, system, prompt, schema)
