"""What a run will do, decided and checked before any model is loaded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.compressors.spec import CompressorSpec
from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.errors import GistevalError
from gisteval.files.names import readable_name
from gisteval.generation.answering import Decoding
from gisteval.generation.sampling import Sampling
from gisteval.metrics import metrics_of
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_tokens, resolve
from gisteval.models.checkpoints.placement import Placement, choose_placement
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.pipeline.identity import GenerationIdentity
from gisteval.pipeline.manifest import build_identity
from gisteval.pipeline.run.contexts import check_contexts
from gisteval.pipeline.run.thinking_models import known_thinking, opened_notes
from gisteval.prompts import Template
from gisteval.records.budget import parse_budgets
from gisteval.records.choosing import choose
from gisteval.records.manifest import Identity
from gisteval.records.samples import drawn_notes, sampled
from gisteval.records.schema import Example, as_condition, digest
from gisteval.suite import Suite, SuiteOptions, System, build_suite
from gisteval.tasks import Task, load_task

DEMO = ("wordplay-llama", "wordplay-t5")
"""The demo suites, a decoder-only and an encoder-decoder one, which only the sources have."""


@dataclass(frozen=True)
class Plan:
    """Everything that is decided before a model is loaded.

    Attributes:
        config: What was asked for.
        task: The task.
        examples: By split.
        suites: The systems with their controls.
        decoding: Limits and batch size.
        placement: Device and numbers.
        identities: By system, all that can change its generations.
        opened: Notes on chat templates that open a thought.
    """

    config: RunConfig
    task: Task
    examples: Mapping[str, Sequence[Example]]
    suites: tuple[Suite, ...]
    decoding: Decoding
    placement: Placement
    identities: Mapping[str, GenerationIdentity]
    opened: tuple[str, ...] = ()

    @property
    def answers(self) -> dict[str, tuple[Example, ...]]:
        """By split, each example as often as a system answers it."""
        drawn = self.config.drawn
        return {split: tuple(sampled(items, drawn)) for split, items in self.examples.items()}

    @property
    def systems(self) -> list[System]:
        """All systems, each once, in the order of the tables."""
        return list({system.name: system for suite in self.suites for system in suite.systems}.values())

    @property
    def evaluated(self) -> set[str]:
        """Names of the systems that the run is about; the others are there for comparison."""
        return {system.name for suite in self.suites for system in suite.evaluated}

    @property
    def references(self) -> dict[str, str]:
        """The positive control of each system, by name."""
        positive_of: dict[str, str] = {}
        for suite in self.suites:
            for system in suite.systems:
                positive_of.setdefault(system.name, suite.positive.name)
        return positive_of

    @property
    def negatives(self) -> dict[str, str]:
        """The negative control of each system, by name."""
        negative_of: dict[str, str] = {}
        for suite in self.suites:
            for system in suite.systems:
                negative_of.setdefault(system.name, suite.negative.name)
        return negative_of

    @property
    def notes(self) -> tuple[str, ...]:
        """What every output must say about the systems."""
        notes = dict.fromkeys(note for suite in self.suites for note in suite.notes)
        return (*notes, *self.opened, *drawn_notes(self.config.drawn, self.config.temperature))


def plan_run(config: RunConfig) -> Plan:
    """Check everything that can be wrong before anything expensive starts."""
    task = load_task(config.task, data_dir=Path(config.data_dir) if config.data_dir else None)
    metrics_of(task.definition.metrics)  # an unknown one is found before any work is done
    examples = _examples(task, config)
    options = _suite_options(config)
    models = config.models or _demo_suites()
    suites = tuple(build_suite(resolve(model, config.allow_pickle), options) for model in models)
    _check_instructions(suites, examples, task.name)
    check_contexts([system for suite in suites for system in suite.evaluated], examples)
    thinking = config.thoughts()
    decoding = Decoding(
        config.max_new_tokens or task.definition.max_new_tokens,
        config.rows_per_batch(),
        sampling=Sampling(config.temperature, config.seed) if config.drawn else None,
        thinking=thinking,
    )
    machine = (config.device, config.dtype, config.device_map, config.quantize)
    placement = choose_placement(*machine, config.executor, config.gpus_per_worker)
    systems = _distinct(suites)
    checkpoints = {system.checkpoint.path: system.checkpoint for system in systems.values()}
    weights = {path: checkpoint.weights_digest() for path, checkpoint in checkpoints.items()}
    chats = _chat_tokenizers(checkpoints)
    opened = opened_notes(chats, thinking)
    templates = {
        path: _template_parts(checkpoint, chats.get(path)) for path, checkpoint in checkpoints.items()
    }
    shared = _Shared(config, decoding, placement, templates, weights)
    identities = {
        name: _identity(system, shared, known_thinking(chats.get(system.checkpoint.path), thinking))
        for name, system in systems.items()
    }
    return Plan(config, task, examples, suites, decoding, placement, identities, opened)


def _demo_suites() -> tuple[str, ...]:
    """The demo suites that this installation has."""
    folders = [find_content("checkpoints") / name for name in DEMO]
    return tuple(str(folder) for folder in folders if folder.is_dir())


def _examples(task: Task, config: RunConfig) -> dict[str, tuple[Example, ...]]:
    """The examples of a run by split. Raises GistevalError for a split that has none."""
    splits = config.splits or tuple(task.evaluation_splits)
    how = (config.limit, config.choose, config.seed)
    examples = {split: choose(task.examples(split), *how) for split in splits}
    for split, split_examples in examples.items():
        if not split_examples:
            raise GistevalError(f"split {split!r} of task {task.name} has no examples")
    return examples


def _suite_options(config: RunConfig) -> SuiteOptions:
    """What the configuration says about checkpoints."""
    return SuiteOptions(
        pos_control=_resolve(config.pos_control, config),
        neg_control=_resolve(config.neg_control, config),
        condition=as_condition(config.condition),
        k=config.k,
        compressors=config.compressors,
        budgets=parse_budgets(config.budgets),
        allow_pickle=config.allow_pickle,
        base=_resolve(config.base, config),
        chat_template=config.chat_template,
    )


def _chat_tokenizers(checkpoints: Mapping[Path, Checkpoint]) -> dict[Path, PromptTokenizer]:
    """The tokenizers of the checkpoints that are prompted by a chat template."""
    return {
        path: load_tokens(checkpoint)
        for path, checkpoint in checkpoints.items()
        if not isinstance(checkpoint.record.template, Template)
    }


def _check_instructions(
    suites: Sequence[Suite], examples: Mapping[str, Sequence[Example]], task: str
) -> None:
    """Raises GistevalError for a compressor that can't compress the examples' instructions."""
    texts = [example.instruction for items in examples.values() for example in items]
    asked = {(system.compressor, system.budget): system for suite in suites for system in suite.systems}
    for system in asked.values():
        system.method().check_instructions(list(dict.fromkeys(texts)), system.budget, task)


@dataclass(frozen=True)
class _Shared:
    """What the identities of a run have in common. Templates and weights are by a checkpoint's path."""

    config: RunConfig
    decoding: Decoding
    placement: Placement
    templates: Mapping[Path, Mapping[str, str]]
    weights: Mapping[Path, str]


def _identity(system: System, shared: _Shared, thinking: str | None) -> GenerationIdentity:
    """Everything but the example that can change a system's generations."""
    checkpoint, method = system.checkpoint, system.method()
    return GenerationIdentity(
        template=shared.templates[checkpoint.path],
        compressor=method.name,
        budget=system.budget,
        # A compressor that reads a checkpoint as a plain model still reads what was trained some way.
        condition=system.condition or checkpoint.record.condition,
        k=checkpoint.record.k,
        leak_window=checkpoint.record.leak_window,
        weights=shared.weights[checkpoint.path],
        tokenizer=checkpoint.tokenizer_digest(),
        max_new_tokens=shared.decoding.max_new_tokens,
        dtype=str(shared.placement.dtype).removeprefix("torch."),
        seed=shared.config.seed,
        quantize=shared.placement.quantize,
        compressor_version=method.version,
        thinking=thinking,
        settings=CompressorSpec.of(method).settings_text,
        helpers=method.helper_digests(),
        temperature=shared.config.temperature,
    )


def _resolve(name: str | None, config: RunConfig) -> Path | None:
    return resolve(name, config.allow_pickle) if name else None


def _template_parts(checkpoint: Checkpoint, tokens: PromptTokenizer | None) -> dict[str, str]:
    """What of a template can change a generation. `tokens` is None without a chat template.

    A chat template may insert the date, so the tokens that frame an empty conversation count.
    """
    template = checkpoint.record.template
    if tokens is None:
        return dict(template.to_dict())
    frame = tokens.prompts([""]) + tokens.continuations([""])
    return {**template.to_dict(), "frame": digest([str(ids) for ids in frame])}


def _distinct(suites: Sequence[Suite]) -> dict[str, System]:
    """All systems by name. Raises GistevalError if two different ones share a name."""
    systems: dict[str, System] = {}
    for system in (system for suite in suites for system in suite.systems):
        other = systems.setdefault(system.name, system)
        paths = (other.checkpoint.path, system.checkpoint.path)
        if paths[0].resolve() != paths[1].resolve() or other.compressor != system.compressor:
            raise GistevalError(
                f"{paths[0]} and {paths[1]} are both named {system.name}: change the family in one "
                "gist.json, or evaluate them in runs of their own"
            )
    return systems


def output_folder(plan: Plan) -> Path:
    """The run's folder: the one asked for, else one under runs/ named after models, task and identity."""
    if plan.config.output:
        return Path(plan.config.output)
    identity = digest([str(sorted(run_identity(plan).to_json().items()))])
    name = readable_name(f"{model_names(plan.config)}-{plan.task.name}")
    return Path("runs") / f"{name}-{identity[:8]}"


def model_names(config: RunConfig) -> str:
    """The folders' names of a run's models."""
    return "+".join(Path(model).resolve().name for model in config.models) or "demo"


def run_identity(plan: Plan) -> Identity:
    """What must be the same for a folder to be continued."""
    prefixes = {name: identity.prefix() for name, identity in plan.identities.items()}
    return build_identity(plan.task.name, plan.examples, prefixes)
