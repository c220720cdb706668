"""Preparing a judge: its definition and what flags say about it, checked before anything is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gisteval.config import RunConfig
from gisteval.errors import GistevalError, did_you_mean
from gisteval.judging.access import UserGrant
from gisteval.judging.definition import ChatDefinition, Judge, Price, load_judge
from gisteval.judging.endpoint import Endpoint
from gisteval.judging.parameters import (
    LIMIT_ALIASES,
    parse_parameters,
    with_parameters,
    without_parameter,
)
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.records.manifest import DroppedParameter, JudgeFacts
from gisteval.records.schema import digest


def judge_options(config: RunConfig) -> JudgeOptions:
    """Return what a run's configuration says about its judge."""
    return JudgeOptions(judge=config.judge, parameters=config.judge_params, allow_host=config.allow_host)


@dataclass(frozen=True)
class PreparedJudge:
    """A judge that is ready to be asked.

    Attributes:
        judge: The judge, with the parameters that it sends.
        label: The name that its verdicts bear.
        model: The model that is asked; None for a judge without one.
        base_url: The server that is asked; None for a judge without one.
        identity: Digest of all that can change its answers.
        options: What flags say about it.
        endpoint: The server with its limits; None for a judge without one.
        price: What the model costs; None if that is not known.
        device: Where a local model runs.
        gpus: GPUs that each Ray worker gets.
        dropped: Parameters that the server refused, which the judge no longer sends.
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

    def without_refused(self, name: str, reason: str) -> PreparedJudge:
        """Return the judge without a parameter that its server refuses.

        Its identity changes too, since the keys of verdicts cover what is really sent.

        Args:
            name: The parameter's name.
            reason: What the server said.

        Raises:
            GistevalError: The judge has no such parameter.
        """
        judge = without_parameter(self.judge, name)
        identity = _identity(judge, self.model, self.base_url)
        dropped = {**self.dropped, name: DroppedParameter(self.parameter(name), reason)}
        return replace(self, judge=judge, identity=identity, dropped=dropped)

    def parameter(self, name: str) -> object:
        """Return the value of a parameter; None if it is not sent."""
        definition = self.judge.definition
        return definition.parameters.get(name) if isinstance(definition, ChatDefinition) else None

    def check_access(self) -> None:
        """Check that the judge may ask its server, and that there is a key if it needs one.

        Raises:
            GistevalError: It may not, or the key is missing.
        """
        if self.endpoint is not None:
            self.endpoint.api_key()

    def facts(self) -> JudgeFacts:
        """Return what the manifest says about the judge."""
        definition = self.judge.definition
        chat = definition if isinstance(definition, ChatDefinition) else None
        return JudgeFacts(
            name=definition.name,
            version=definition.version,
            kind=definition.kind,
            model=self.model,
            base_url=self.base_url,
            orders=self.judge.orders,
            prompt=self.judge.prompt_digest(),
            identity=self.identity,
            parameters=dict(chat.parameters) if chat else {},
            dropped=self.dropped,
            thoughts=tuple(tuple(pair) for pair in chat.thoughts) if chat else (),
            note=" ".join([definition.note, *map(refusal_note, self.dropped)]).strip(),
        )


def refusal_note(name: str) -> str:
    """Return a sentence on what became of a parameter that the server refused."""
    outcome = f"sent as {LIMIT_ALIASES[name]}" if name in LIMIT_ALIASES else "left out"
    return f"The server refuses the parameter {name}, so it was {outcome}."


def _identity(judge: Judge, model: str | None, base_url: str | None) -> str:
    return digest([judge.prompt_digest(), model or "", base_url or ""])


def prepare_judge(options: JudgeOptions) -> PreparedJudge:
    """Check all that can be wrong with a judge before anything is asked.

    Raises:
        GistevalError: Something is wrong.
    """
    judge = load_judge(options.judge)
    definition = judge.definition
    changes = parse_parameters(options.parameters)
    if not isinstance(definition, ChatDefinition):
        judge = with_parameters(judge, "", changes)
        identity = digest([judge.prompt_digest()])
        return PreparedJudge(judge, judge.name, None, None, identity, options)
    model = options.model or definition.model
    if model is None:
        raise GistevalError(f"judge {judge.name} needs a model: give --model")
    judge = with_parameters(judge, model, changes)
    if definition.kind == "local":
        return _prepare_local(judge, model, options)
    _check_cost_limit(judge, options)
    return _prepare_remote(judge, definition, model, options)


def _prepare_local(judge: Judge, model: str, options: JudgeOptions) -> PreparedJudge:
    from gisteval.models.checkpoints.placement import choose_placement
    from gisteval.models.text.chat import chat_identity

    placement = choose_placement(
        options.device, options.dtype, executor=options.executor, gpus=options.gpus_per_worker
    )
    dtype = str(placement.dtype).removeprefix("torch.")
    return PreparedJudge(
        judge=judge,
        label=f"{judge.name}:{Path(model).name}",
        model=model,
        base_url=None,
        identity=digest([judge.prompt_digest(), chat_identity(model, dtype)]),
        options=replace(options, dtype=dtype),
        device=str(placement.device),
        gpus=placement.gpus,
    )


def _prepare_remote(
    judge: Judge, definition: ChatDefinition, model: str, options: JudgeOptions
) -> PreparedJudge:
    if options.executor == "ray":
        raise GistevalError(
            f"judge {judge.name} asks a server, which Ray workers can't speed up: use --concurrency instead"
        )
    base_url = (options.base_url or definition.base_url).rstrip("/")
    grant = UserGrant(options.base_url is not None, options.api_key_env is not None, options.allow_host)
    endpoint = Endpoint(
        base_url=base_url,
        model=model,
        api_key_env=options.api_key_env or definition.api_key_env,
        concurrency=options.concurrency,
        rate=options.rate,
        timeout=options.timeout,
        retries=options.retries,
        max_cost=options.max_cost,
        grant=grant,
    )
    return PreparedJudge(
        judge=judge,
        label=judge.name if model == definition.model else f"{judge.name}:{model}",
        model=model,
        base_url=base_url,
        identity=_identity(judge, model, base_url),
        options=options,
        endpoint=endpoint,
        price=_price(definition, model, options),
    )


def _check_cost_limit(judge: Judge, options: JudgeOptions) -> None:
    """Refuse --max-cost if nothing limits the length, and so the cost, of a reply."""
    definition = judge.definition
    assert isinstance(definition, ChatDefinition)
    if options.max_cost is not None and not any(name in definition.parameters for name in LIMIT_ALIASES):
        raise GistevalError(
            f"judge {judge.name} does not limit the length of a reply, which --max-cost needs: give "
            "--judge-param max_completion_tokens=N"
        )


def _price(definition: ChatDefinition, model: str, options: JudgeOptions) -> Price | None:
    if options.price is not None:
        return Price(input=options.price[0], output=options.price[1])
    known = definition.prices.models if definition.prices else {}
    if options.max_cost is not None and model not in known:
        raise GistevalError(
            f"judge {definition.name} has no price for the model {model!r}{did_you_mean(model, known)}, "
            "which --max-cost needs: give --price IN,OUT (dollars per million tokens)"
        )
    return known.get(model)
