"""Plugins by name: built-in ones as lazy "module:attribute" references, outside ones by entry point."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from gisteval.errors import GistevalError, did_you_mean


@lru_cache
def installed_plugins(group: str, path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The entry points of a group, read once for each `sys.path`, as reading takes milliseconds."""
    return tuple(entry_points(group=group))


class Registry:
    """The plugins of one kind. Nothing is imported before it is asked for."""

    def __init__(
        self, kind: str, group: str, builtin: Mapping[str, str], aliases: Mapping[str, str] | None = None
    ) -> None:
        """Keep the references.

        Args:
            kind: The word used in messages.
            group: Entry-point group of outside plugins.
            builtin: "module:attribute" by name.
            aliases: Present names of plugins by those that they had before.
        """
        self.kind = kind
        self._group = group
        self._builtin = dict(builtin)
        self._aliases = dict(aliases or {})

    def references(self) -> dict[str, str]:
        """Every known name with its "module:attribute". Raises GistevalError on a name taken twice."""
        references = dict(self._builtin)
        for entry in installed_plugins(self._group, tuple(sys.path)):
            if references.get(entry.name, entry.value) != entry.value:
                raise GistevalError(
                    f"{self.kind} {entry.name!r} is registered twice: {references[entry.name]} and "
                    f"{entry.value}: uninstall or rename one"
                )
            references[entry.name] = entry.value
        return references

    def names(self) -> list[str]:
        """Known names, sorted."""
        return sorted(self.references())

    @property
    def builtin(self) -> frozenset[str]:
        """Names of our own plugins."""
        return frozenset(self._builtin)

    def current(self, name: str) -> str:
        """The present name of a plugin that may be given by an old one."""
        return self._aliases.get(name, name)

    def former(self, name: str) -> str:
        """The first name that a plugin had."""
        return next((old for old, new in self._aliases.items() if new == name), name)

    def check(self, name: str) -> str:
        """The "module:attribute" of a name. Raises GistevalError for an unknown one."""
        references = self.references()
        name = self.current(name)
        if name not in references:
            raise GistevalError(
                f"{self.kind} {name!r} is unknown{did_you_mean(name, references)}: "
                f"choose from {', '.join(sorted(references))}"
            )
        return references[name]

    def load(self, name: str) -> Any:
        """The plugin itself. Raises GistevalError for an unknown name."""
        module, _, attribute = self.check(name).partition(":")
        return getattr(importlib.import_module(module), attribute)


MOVED_MODULES = {"gisteval.tasks.wordplay.generate": "gisteval.tasks.generators.wordplay.generate"}
"""Modules that task files of others may still name by their old place, for one release."""


def current_reference(reference: str) -> str:
    """A "module:attribute" with the module's present place."""
    module, colon, attribute = reference.partition(":")
    return f"{MOVED_MODULES.get(module, module)}{colon}{attribute}"


GENERATORS = Registry(
    "generator",
    "gisteval.generators",
    {
        "wordplay-train": "gisteval.tasks.generators.wordplay.generate:train_examples",
        "wordplay-paraphrases": "gisteval.tasks.generators.wordplay.paraphrase:paraphrases",
        "bbh": "gisteval.tasks.generators.bbh:questions",
        "bbh-files": "gisteval.tasks.generators.bbh:make",
        "needle": "gisteval.tasks.generators.long_prompts.needle:needles",
        "variable_tracking": "gisteval.tasks.generators.long_prompts.variables:chains",
        "common_words": "gisteval.tasks.generators.long_prompts.words:common_words",
        "frequent_words": "gisteval.tasks.generators.long_prompts.words:frequent_words",
        "questions": "gisteval.tasks.generators.long_prompts.questions:questions",
        "rules": "gisteval.tasks.generators.long_prompts.rules:rules",
        "instructions": "gisteval.tasks.generators.long_prompts.instructions:instructions",
        "stress": "gisteval.tasks.generators.long_prompts.stress:stress",
        "longbench": "gisteval.tasks.generators.long_prompts.local_files:longbench",
        "scbench": "gisteval.tasks.generators.long_prompts.local_files:scbench",
        "edits": "gisteval.tasks.generators.long_prompts.local_files:edits",
        "code_retrieval": "gisteval.tasks.generators.long_prompts.local_files:code_retrieval",
        "many_shot": "gisteval.tasks.generators.long_prompts.many_shot:many_shot",
    },
)

COMPRESSORS = Registry(
    "compressor",
    "gisteval.compressors",
    {
        "empty": "gisteval.compressors.empty:Empty",
        "full": "gisteval.compressors.full:Full",
        "gist": "gisteval.compressors.gist.gist:Gist",
        "segments": "gisteval.compressors.gist.segments:SegmentGists",
        "keyword": "gisteval.compressors.pruning.tfidf:Keyword",
        "llmlingua2": "gisteval.compressors.pruning.llmlingua2:LLMLingua2",
        "precomputed": "gisteval.compressors.pruning.precomputed:Precomputed",
        "random_words": "gisteval.compressors.pruning.random_words:RandomWords",
        "self_information": "gisteval.compressors.pruning.self_information:SelfInformation",
        "stopwords": "gisteval.compressors.pruning.stopwords:StopWords",
        "tfidf": "gisteval.compressors.pruning.tfidf:TfIdf",
        "truncate": "gisteval.compressors.pruning.truncate:Truncate",
        "pool": "gisteval.compressors.pooling:Pool",
        "soft": "gisteval.compressors.soft:Soft",
        "expected@query": "gisteval.compressors.eviction.query:ExpectedQuery",
        "snapkv@query": "gisteval.compressors.eviction.query:SnapKVQuery",
        "tova@query": "gisteval.compressors.eviction.query:TovaQuery",
        "expected": "gisteval.compressors.eviction.expected:ExpectedAttention",
        "first": "gisteval.compressors.eviction.first:FirstSlots",
        "h2o": "gisteval.compressors.eviction.h2o:HeavyHitters",
        "keydiff": "gisteval.compressors.eviction.keydiff:KeyDiff",
        "knorm": "gisteval.compressors.eviction.knorm:KeyNorm",
        "observed": "gisteval.compressors.eviction.observed:ObservedAttention",
        "random": "gisteval.compressors.eviction.random:RandomEviction",
        "snapkv": "gisteval.compressors.eviction.snapkv:SnapKV",
        "streaming": "gisteval.compressors.eviction.streaming:Streaming",
        "stride": "gisteval.compressors.eviction.stride:Stride",
        "tova": "gisteval.compressors.eviction.tova:Tova",
        "window": "gisteval.compressors.eviction.window:RecentWindow",
    },
    {"none": "full", "nothing": "empty"},
)

METRICS = Registry(
    "metric",
    "gisteval.metrics",
    {
        "rougeL": "gisteval.metrics.rouge:RougeLMetric",
        "rougeL-unicode": "gisteval.metrics.unicode_words:UnicodeRougeL",
        "exact_match": "gisteval.metrics.text:ExactMatch",
        "exact_match_pos": "gisteval.metrics.text:ControlMatch",
        "nll": "gisteval.metrics.loss:Nll",
        "string_match_all": "gisteval.metrics.matching:StringMatchAll",
        "string_match_part": "gisteval.metrics.matching:StringMatchPart",
        "instruction_followed": "gisteval.metrics.checks:InstructionFollowed",
        "secret_kept": "gisteval.metrics.checks:SecretKept",
        "answer_match": "gisteval.metrics.matching:AnswerMatch",
        "choice": "gisteval.metrics.matching:Choice",
        "chrF": "gisteval.metrics.chrf:Chrf",
        "length": "gisteval.metrics.text:Length",
        "output_tokens": "gisteval.metrics.sizes:OutputTokens",
        "unfinished": "gisteval.metrics.sizes:Unfinished",
        "source_tokens": "gisteval.metrics.sizes:SourceTokens",
        "template_tokens": "gisteval.metrics.sizes:TemplateTokens",
        "kept": "gisteval.metrics.sizes:Kept",
        "kept_instruction": "gisteval.metrics.compression:KeptInstruction",
        "bytes": "gisteval.metrics.sizes:Bytes",
        "compression_requested": "gisteval.metrics.compression:Requested",
        "compression_achieved": "gisteval.metrics.compression:Achieved",
        "compression_ratio_of_means": "gisteval.metrics.compression:OfMeans",
        "win_rate": "gisteval.metrics.judged:WinRate",
        "win_rate_adjusted": "gisteval.metrics.judged:AdjustedWinRate",
    },
)

WRAPPERS = Registry(
    "compressor behind a plus",
    "gisteval.wrappers",
    {
        "adakv": "gisteval.compressors.eviction.adakv:AdaKV",
        "pyramid": "gisteval.compressors.eviction.pyramid:Pyramid",
        "single": "gisteval.compressors.eviction.single:Single",
        "int4": "gisteval.compressors.quantised:Int4",
        "int8": "gisteval.compressors.quantised:Int8",
    },
)
"""Compressors around another one, as in "keydiff+int4"."""


CONDITION_COMPRESSOR = {"gist": "gist", "pos_control": "full", "neg_control": "empty"}
"""What reads a checkpoint as it was trained, by its condition."""

SEGMENTS = "segments"
"""What reads a gist checkpoint that was trained on prompts in segments."""

ORACLE = "@query"
"""Ends the names of compressors that see the input: oracles, of which nothing can be reused."""

ORACLE_NOTE = (
    f"{ORACLE} marks an oracle: it sees the input and makes a prefix for each example, of which nothing "
    "can be reused. It bounds what the same slots could do."
)

UNCOMPRESSED = CONDITION_COMPRESSOR["pos_control"]
"""What reads a plain model with its whole prompt."""


def split_specs(text: str) -> list[str]:
    """Compressor specs in a text that separates them by commas, as it does their settings.

    "gist,snapkv:window=32,kernel=7" holds two: a part with a setting and no name goes on with the one
    before it.
    """
    specs: list[str] = []
    for part in text.split(","):
        goes_on = specs and ":" in specs[-1] and "=" in part and ":" not in part.partition("=")[0]
        if goes_on:
            specs[-1] += f",{part}"
        elif part.strip():
            specs.append(part)
    return specs


def current_spec(text: str) -> str:
    """A record's compressor by its present name."""
    name, colon, settings = text.partition(":")
    return f"{COMPRESSORS.current(name)}{colon}{settings}"


def keeps_gists(spec: str) -> bool:
    """Whether a record's compressor keeps k gist tokens a prompt, not a segment. Needs no model code."""
    return _name(spec) == CONDITION_COMPRESSOR["gist"]


def may_use_gists(spec: str) -> bool:
    """Whether a record's compressor may keep k gist tokens: ours say so, nobody knows of others."""
    return keeps_gists(spec) or _name(spec) not in COMPRESSORS.builtin


def is_oracle(spec: str) -> bool:
    """Whether a record's compressor sees the input, so that what it keeps serves one example alone."""
    return _name(spec).endswith(ORACLE)


def compresses(spec: str) -> bool:
    """Whether a record's compressor keeps a part of the prompt, and neither all nor nothing of it."""
    return _name(spec) not in (CONDITION_COMPRESSOR["pos_control"], CONDITION_COMPRESSOR["neg_control"])


def _name(spec: str) -> str:
    return current_spec(spec).partition(":")[0].partition("+")[0]
