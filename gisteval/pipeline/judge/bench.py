"""A judge made ready: its definition, what flags say of it, and a check of both before it is asked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from gisteval.config import RunConfig, check_executor
from gisteval.errors import GistevalError, did_you_mean
from gisteval.judging.access import Named
from gisteval.judging.client import Endpoint, api_key
from gisteval.judging.definition import ChatDefinition, Judge, Price, load_judge
from gisteval.judging.parameters import LIMITS, given_parameters, with_parameters, without
from gisteval.records.manifest import DroppedParameter, JudgeFacts
from gisteval.records.schema import digest


@dataclass(frozen=True, slots=True)
class JudgeOptions:
    """What flags say of a judge; None is the judge's own. price: dollars a million tokens in, out.

    parameters: `name=value` each, as --judge-param gives them.
    """

    judge: str = "reference"
    model: str | None = None
    base_url: str | None = None
    api_key_env: str | None = None
    allow_host: str | None = None
    concurrency: int = 8
    rate: float | None = None
    timeout: float = 60.0
    retries: int = 4
    max_cost: float | None = None
    price: tuple[float, float] | None = None
    limit: int | None = None
    cache: Path | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int = 8
    executor: str = "local"
    ray_address: str | None = None
    num_workers: int | None = None
    gpus_per_worker: float | None = None
    parameters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("concurrency", "rate", "timeout", "max_cost", "limit", "batch_size"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise GistevalError(
                    f"--{name.replace('_', '-')} must be greater than 0 and finite, not {value}"
                )
        if self.retries < 0:
            raise GistevalError(f"--retries must be at least 0, not {self.retries}")
        check_executor(self.executor, self.ray_address, self.num_workers, self.gpus_per_worker)


def judge_options(config: RunConfig) -> JudgeOptions:
    """What a run's configuration says of its judge."""
    return JudgeOptions(judge=config.judge, parameters=config.judge_params)


@dataclass(frozen=True)
class Bench:
    """A judge that is ready to be asked. label: the name that its verdicts bear.

    device: of a local judge; gpus: of each Ray worker; dropped: parameters that the server refused, which
    the judge no longer has.
    """

    judge: Judge
    label: str
    model: str | None
    base_url: str | None
    identity: str
    options: JudgeOptions
    endpoint: Endpoint | None = None
    price: Price | None = None
    device: str = "auto"
    gpus: float = 0.0
    dropped: Mapping[str, DroppedParameter] = field(default_factory=dict)

    def dropping(self, name: str, reason: str) -> Bench:
        """The same without a parameter that the server refuses: what is sent is what the keys say."""
        judge = without(self.judge, name)
        identity = _identity(judge, self.model, self.base_url)
        dropped = {**self.dropped, name: DroppedParameter(self.sent(name), reason)}
        return replace(self, judge=judge, identity=identity, dropped=dropped)

    def sent(self, name: str) -> Any:
        """The value of a parameter; None where it is not sent, or is no parameter."""
        definition = self.judge.definition
        return definition.parameters.get(name) if isinstance(definition, ChatDefinition) else None

    def check_access(self) -> None:
        """Raise GistevalError if the judge may not ask its server, or needs a key and there is none."""
        if self.endpoint is not None:
            api_key(self.endpoint)

    def facts(self) -> JudgeFacts:
        """What the manifest says of it."""
        definition = self.judge.definition
        sent = definition if isinstance(definition, ChatDefinition) else None
        return JudgeFacts(
            name=definition.name,
            version=definition.version,
            kind=definition.kind,
            model=self.model,
            base_url=self.base_url,
            orders=self.judge.orders,
            prompt=self.judge.prompt_digest(),
            identity=self.identity,
            parameters=dict(sent.parameters) if sent else {},
            dropped=self.dropped,
            thoughts=tuple(tuple(pair) for pair in sent.thoughts) if sent else (),
            note=" ".join([definition.note, *map(left_out, self.dropped)]).strip(),
        )


def left_out(name: str) -> str:
    """What became of a parameter that the server refused."""
    other = f"sent as {LIMITS[name]}" if name in LIMITS else "left out"
    return f"The server does not take the parameter {name}: it was {other}."


def _identity(judge: Judge, model: str | None, base_url: str | None) -> str:
    return digest([judge.prompt_digest(), model or "", base_url or ""])


def prepare(options: JudgeOptions) -> Bench:
    """Check all that can be wrong with a judge before anything is asked. Raises GistevalError."""
    judge = load_judge(options.judge)
    definition = judge.definition
    given = given_parameters(options.parameters)
    if not isinstance(definition, ChatDefinition):
        judge = with_parameters(judge, "", given)
        identity = digest([judge.prompt_digest()])
        return Bench(judge, judge.name, None, None, identity, options)
    model = options.model or definition.model
    if model is None:
        raise GistevalError(f"judge {judge.name} needs a model: give --model")
    judge = with_parameters(judge, model, given)
    _check_limited(judge, options)
    if definition.kind == "local":
        from gisteval.models.checkpoints.placement import choose_placement
        from gisteval.models.text.chat import chat_identity

        place = choose_placement(
            options.device, options.dtype, executor=options.executor, gpus=options.gpus_per_worker
        )
        dtype = str(place.dtype).removeprefix("torch.")
        identity = digest([judge.prompt_digest(), chat_identity(model, dtype)])
        return Bench(
            judge,
            f"{judge.name}:{Path(model).name}",
            model,
            None,
            identity,
            replace(options, dtype=dtype),
            device=str(place.device),
            gpus=place.gpus,
        )
    if options.executor == "ray":
        raise GistevalError(
            f"judge {judge.name} asks a server, which no Ray worker speeds up: --concurrency does"
        )
    base_url = (options.base_url or definition.base_url).rstrip("/")
    endpoint = Endpoint(
        base_url,
        model,
        options.api_key_env or definition.api_key_env,
        options.concurrency,
        options.rate,
        options.timeout,
        options.retries,
        options.max_cost,
        Named(options.base_url is not None, options.api_key_env is not None, options.allow_host),
    )
    label = judge.name if model == definition.model else f"{judge.name}:{model}"
    identity = _identity(judge, model, base_url)
    price = _price(definition, model, options)
    return Bench(judge, label, model, base_url, identity, options, endpoint, price)


def _check_limited(judge: Judge, options: JudgeOptions) -> None:
    """Raise GistevalError where --max-cost is given and nothing limits what a reply can cost."""
    definition = judge.definition
    if options.max_cost is None or not isinstance(definition, ChatDefinition) or definition.kind == "local":
        return
    if not any(name in definition.parameters for name in LIMITS):
        raise GistevalError(
            f"judge {judge.name} sets no limit to a reply, so --max-cost can't be kept: give --judge-param "
            "max_completion_tokens=N"
        )


def _price(definition: ChatDefinition, model: str, options: JudgeOptions) -> Price | None:
    if options.price is not None:
        return Price(input=options.price[0], output=options.price[1])
    known = definition.prices.models if definition.prices else {}
    if options.max_cost is not None and model not in known:
        raise GistevalError(
            f"judge {definition.name} has no price for the model {model!r}{did_you_mean(model, known)}, so "
            "--max-cost can't be kept: give --price IN,OUT (dollars a million tokens)"
        )
    return known.get(model)
