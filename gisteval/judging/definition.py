"""Definitions of judges: each is a folder with a judge.yaml and the text files that it names."""

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
"""Shown in both orders, in one that is drawn from the content, or to a judge that ignores order."""


JudgeFile = Annotated[str, AfterValidator(inside)]
"""A file in the judge's folder. Its content is sent to a server."""


ThoughtTags = Annotated[tuple[str, str], AfterValidator(check_pair)]
"""The texts that open and close a thought."""


RESERVED = ("model", "messages", "stream", "n", "best_of")
"""Fields of a request that gisteval sets itself."""


TOKEN_LIMITS = ("max_completion_tokens", "max_tokens", "max_new_tokens")
"""Parameters that limit the length of a reply, in tokens."""

LARGEST_LIMIT = 10_000_000
"""Tokens. More than any model's context holds."""


def check_limit(name: str, limit: Any) -> None:
    """Check a limit of a reply's length, in tokens.

    Raises:
        ValueError: The value is not a whole number within the bounds.
    """
    if type(limit) is not int or not 1 <= limit <= LARGEST_LIMIT:
        raise ValueError(
            f"{name} must be a whole number from 1 to {LARGEST_LIMIT:,}, not {str(limit)[:40]}"
        )


def _checked_parameters(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return fields of a request unchanged.

    Raises:
        ValueError: A value is not JSON, or gisteval sets the field itself.
    """
    for name, value in parameters.items():
        if name in RESERVED:
            raise ValueError(f"{name} is not a parameter of the judge: gisteval sets it")
        if name in TOKEN_LIMITS and value is not None:
            check_limit(name, value)
        if not _is_json(value):
            raise ValueError(
                f"{name} holds a value that JSON can't express, such as a date, bytes or infinity"
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


Parameters = Annotated[dict[str, Any], AfterValidator(_checked_parameters)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Price(_Strict):
    """Dollars per million tokens.

    Attributes:
        input: Price of a request.
        output: Price of a reply.
    """

    input: float = Field(ge=0)
    output: float = Field(ge=0)

    def cost(self, prompt_tokens: int, completion_tokens: int) -> float:
        """Return the price of one request and its reply, in dollars."""
        return (prompt_tokens * self.input + completion_tokens * self.output) / 1e6


class PriceList(_Strict):
    """Prices by model, as of a day. They change: check them before you rely on a cost limit.

    Attributes:
        as_of: The day, or month, of the prices.
        source: Where the prices were found.
        models: Prices by model name.
    """

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
    """A judge that prefers the output nearer to the reference output, by ROUGE-L and chrF.

    Attributes:
        kind: Always "reference".
        scales: The spread of each score in percent, by which it is divided before the mean is taken.
        tie_band: Outputs whose means differ by no more than this are a tie.
    """

    kind: Literal["reference"]
    scales: dict[Literal["rougeL", "chrF"], Annotated[float, Field(gt=0)]]
    tie_band: float = Field(ge=0)


class ChatDefinition(_Common):
    """A chat model that is asked which of two outputs is better.

    Attributes:
        kind: "chat" for a model behind a server, "local" for a model in this process.
        orders: Whether a pair is shown in both orders, or in one drawn from its content.
        model: The model's name; None if the user must name one.
        base_url: The server's address.
        api_key_env: The environment variable that holds the server's key.
        system: The file with the system message.
        prompt: The file with the question, which holds $request, $first and $second.
        reply_schema: The file with the JSON schema of the reply; None if replies are free text.
        parameters: Fields of the request.
        model_parameters: Changes to the parameters by model name or pattern ("gpt-5-*"). The first pattern
            that matches applies. A null leaves a field out.
        thoughts: Texts that open and close a model's thoughts. No choice is read from a thought.
        max_characters: The most characters of each text that are shown.
        max_reply: The most characters of a reply that are stored.
        prices: What models cost.
    """

    kind: Literal["chat", "local"]
    orders: Literal["both", "seeded"] = "both"
    model: str | None = None
    base_url: str = "https://api.openai.com/v1"
    api_key_env: str = "OPENAI_API_KEY"
    system: JudgeFile
    prompt: JudgeFile
    reply_schema: JudgeFile | None = None
    parameters: Parameters
    model_parameters: dict[str, Parameters] = {}
    thoughts: tuple[ThoughtTags, ...] = PAIRS
    max_characters: int = Field(20_000, ge=100)
    max_reply: int = Field(20_000, ge=100)
    prices: PriceList | None = None


Definition = ReferenceDefinition | ChatDefinition

_NOT_IN_DIGEST = {
    *("description", "note", "prices", "again", "model", "base_url", "api_key_env"),
    *("model_parameters", "thoughts"),
}
"""Fields that no reply depends on. Once a model is chosen, its parameters are among `parameters`."""


@dataclass(frozen=True)
class Judge:
    """A definition with the texts of its files, which are empty for a judge without a prompt.

    Attributes:
        definition: The content of judge.yaml.
        system: The system message.
        prompt: The question, with placeholders.
        reply_schema: The JSON schema of a reply, as text.
    """

    definition: Definition
    system: str = ""
    prompt: str = ""
    reply_schema: str = ""

    @property
    def name(self) -> str:
        """Return the judge's name."""
        return self.definition.name

    @property
    def orders(self) -> Orders:
        """Return how often, and in which orders, a pair is shown."""
        return self.definition.orders if isinstance(self.definition, ChatDefinition) else "one"

    def prompt_digest(self) -> str:
        """Return the digest of all that the judge's answers depend on, except the model and its server."""
        definition = self.definition.model_dump(mode="json", exclude=_NOT_IN_DIGEST)
        parts = [json.dumps(definition, sort_keys=True), self.system, self.prompt, self.reply_schema]
        return digest(parts)


def load_judge(name: str, judges_dir: Path | None = None) -> Judge:
    """Read a judge.

    Args:
        name: The name of a judge, or the path of its folder or YAML file.
        judges_dir: Where named judges are; None for those that come with gisteval.

    Raises:
        GistevalError: There is no such judge, or its files are wrong.
    """
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
    """Return the files of all judges in a folder by name, sorted."""
    folder = find_content("judges", judges_dir)
    return {file.parent.name: file for file in sorted(folder.glob(f"*/{JUDGE_FILE}"))}


def read_judge(file: Path) -> Judge:
    """Parse and check a judge.yaml and the files that it names.

    Raises:
        GistevalError: One of the files is wrong. The message names the first fault.
    """
    content = read_yaml(file, "judge file")
    if not isinstance(content, dict):
        raise GistevalError(f"{file} must be a YAML mapping of field: value")
    try:
        judge = _judge_of(content, file)
    except ValidationError as error:
        raise GistevalError(f"{file}: {first_fault(error)}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"judge file {file} can't be read: {one_line(error)}") from error
    if isinstance(judge.definition, ChatDefinition):
        _check_placeholders(judge.prompt, file.parent / judge.definition.prompt)
    return judge


def _judge_of(content: dict[str, Any], file: Path) -> Judge:
    kinds: dict[str, type[ReferenceDefinition] | type[ChatDefinition]]
    kinds = {"reference": ReferenceDefinition, "chat": ChatDefinition, "local": ChatDefinition}
    kind = kinds.get(str(content.get("kind")))
    if kind is None:
        raise GistevalError(f"{file}: kind: choose from {', '.join(kinds)}")
    definition = kind.model_validate(content)
    if not isinstance(definition, ChatDefinition):
        return Judge(definition)
    system, prompt, schema = (
        read_text(beside(file.parent, name)) if name is not None else ""
        for name in (definition.system, definition.prompt, definition.reply_schema)
    )
    if definition.reply_schema is not None:
        parse_json(schema)
    return Judge(definition, system, prompt, schema)


def _check_placeholders(prompt: str, file: Path) -> None:
    template = Template(prompt)
    if not template.is_valid() or set(template.get_identifiers()) != PLACEHOLDERS:
        names = ", ".join(f"${name}" for name in sorted(PLACEHOLDERS))
        raise GistevalError(f"{file} must hold the placeholders {names} and no others")
