"""GistLM: a gisteval checkpoint as a model of lm-eval's, with a part of every context compressed."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import torch
from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.models.utils import postprocess_generated_text
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from gisteval.compressors.base import check_budget
from gisteval.compressors.spec import CompressorSpec, settings_of
from gisteval.errors import GistevalError, did_you_mean, one_line
from gisteval.integrations.lm_eval.arguments import compressor_spec, row_limit, rule_of
from gisteval.integrations.lm_eval.batches import Compression, Piece, Placed, Row, batches, questions
from gisteval.integrations.lm_eval.decoding import Decoding, StopTexts, read_decoding
from gisteval.integrations.lm_eval.parts import NOTHING, Parts
from gisteval.integrations.lm_eval.tokens import TaskTokens
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_placed, resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.models.running.continuation import Continuation, Decoded, Scored
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.text.chat_templates import TemplateFailed, render
from gisteval.records.budget import Budget
from gisteval.records.schema import as_condition

CPU_ROWS = 16
"""Rows scored at a time on a CPU unless told: more gain nothing, and leave its caches."""


@register_model("gist")
class GistLM(TemplateLM):  # type: ignore[misc]
    """lm-eval's view of a checkpoint, read as gist, positive or negative control, or through a compressor.

    Without compression its answers are HFLM's, request by request.
    """

    def __init__(
        self,
        pretrained: str,
        compress: str | None = None,
        compressor: str | None = None,
        budget: int | str | None = None,
        condition: str | None = None,
        k: int | None = None,
        base: str | None = None,
        allow_pickle: bool = False,
        dtype: str = "auto",
        device: str | None = None,
        device_map: str | None = None,
        quantize: str | None = None,
        batch_size: int | str = "auto",
        max_batch_size: int | None = None,
        max_length: int | None = None,
        **settings: Any,
    ) -> None:
        r"""compress: the rule of what is compressed (see parts.Rule); by default a checkpoint with a
        condition compresses what its template does ("until:Instruction: {instruction}\n"), another nothing.

        compressor: a spec, by default the condition's own. lm-eval cuts arguments at commas, so further
        settings of the compressor arrive as `settings`. k, condition, base, budget: as in `gisteval run`.
        batch_size: rows, or "auto". max_length: of a sequence in tokens. Raises GistevalError.
        """
        super().__init__()
        checkpoint = inspect_checkpoint(
            resolve(pretrained, allow_pickle),
            as_condition(condition),
            k,
            allow_pickle,
            resolve(base, allow_pickle) if base else None,
        )
        self.checkpoint = checkpoint
        self.rule = rule_of(compress, checkpoint)
        self.explicit = compress is not None
        amount = None if budget is None else Budget.parse(str(budget))
        spec = compressor_spec(compressor, checkpoint, self.rule)
        _check_settings(spec, settings)
        parsed = CompressorSpec.parse(spec, settings)
        self.compressor, method = str(parsed), parsed.build()
        check_budget([] if amount is None else [amount], [method])
        # "cuda:0" is what lm-eval says unless told; like HFLM, take what there is.
        missing = device is not None and device.startswith("cuda") and not torch.cuda.is_available()
        unsaid = device is None or missing or (device_map is not None and device == "cuda:0")
        self.placement = choose_placement(
            "auto" if device is None or unsaid else device, dtype, device_map, quantize
        )
        self._device = self.placement.device
        loaded = load_placed(checkpoint, self.placement)
        if not isinstance(loaded, DecoderModel):
            raise GistevalError(
                f"{pretrained} is an encoder-decoder: the lm-eval model reads decoder-only checkpoints, "
                "gisteval run evaluates this one"
            )
        tokens = TaskTokens(loaded.tokens.tokenizer, loaded.tokens.template, loaded.tokens.k)
        self.reader = DecoderModel(loaded.model, tokens, loaded.leak_window)
        if self.rule is None:
            self.reader.suppressed_ids = []  # HFLM suppresses nothing
        self.tokens = tokens
        self.tokenizer = tokens.tokenizer
        self.compression = Compression(method, amount)
        self.max_length = min(max_length or self.reader.context, self.reader.context)
        self.limit = row_limit(batch_size, max_batch_size)

    @property
    def eot_token_id(self) -> int | None:
        """Id of the end token: the tokenizer's, else the model's; None where neither has one."""
        if self.tokenizer.eos_token_id is not None:
            return int(self.tokenizer.eos_token_id)
        return min(self.reader.end_ids, default=None)

    @property
    def prefix_token_id(self) -> int:
        """Id of what stands before a text that nothing precedes."""
        return self.tokens.prefix_id

    @property
    def tokenizer_name(self) -> str:
        """Identity of the tokenizer in lm-eval's cache of requests."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """A text's tokens: with the tokenizer's own start, unless told otherwise."""
        return self.tokens.rest(string) if add_special_tokens is False else self.tokens.whole(string)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """The conversation as one text, by the tokenizer's chat template."""
        try:
            return render(
                self.tokenizer,
                chat_history,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
            )
        except TemplateFailed as error:
            raise GistevalError(
                f"{self.tokenizer.name_or_path}: its chat template can't be used ({one_line(error)})"
            ) from error

    def get_model_info(self) -> dict[str, Any]:
        """What results.json says of the model, and of how much its prompts were compressed."""
        record, done = self.checkpoint.record, self.compression
        return {
            "model_num_parameters": self.reader.model.num_parameters(),
            "model_dtype": str(self.reader.dtype),
            "gist_device_map": self.placement.device_map,
            "gist_quantize": self.placement.quantize,
            "model_sha": self.checkpoint.weights_digest(),
            "gist_condition": record.condition,
            "gist_k": record.k,
            "gist_compressor": self.compressor,
            "gist_budget": None if done.budget is None else str(done.budget),
            "gist_compress": NOTHING if self.rule is None else f"{self.rule.kind}:{self.rule.marker}",
            "gist_prompts": done.prompts,
            "gist_source_tokens": done.source_tokens,
            "gist_kept": done.kept,
        }

    def loglikelihood(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Of each continuation behind its context, summed, and whether greedy decoding would give it."""
        pieces = []
        for request in requests:
            context, continuation = request.args
            parts = self._parts(request, context)
            pieces.append(self._piece(request, parts, *self.tokens.pair(parts, continuation)))
        answers = [(found.log_likelihood, found.is_greedy) for found in self._score(pieces, disable_tqdm)]
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", request.args, answer)
        return answers

    def loglikelihood_rolling(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Of whole texts, in windows of the longest sequence.

        They have no context, so only a rule that was given compresses a part of them: that part is not
        scored, and every window of the rest stands behind it.
        """
        pieces, owners = [], []
        for number, request in enumerate(requests):
            (text,) = request.args
            parts = self._parts(request, text) if self.explicit else Parts("", text)
            ids = self.tokens.rest(parts.plain) if parts.prompt else self.tokens.whole(parts.plain)
            room = self._room(request, parts.prompt, 0)
            for window in get_rolling_token_windows(ids, self.prefix_token_id, room, 1):
                pieces.append(self._piece(request, parts, *make_disjoint_window(window)))
                owners.append(number)
        totals = [0.0] * len(requests)
        for owner, found in zip(owners, self._score(pieces, disable_tqdm), strict=True):
            totals[owner] += found.log_likelihood
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Greedy answers, cut before the first stop text. Raises GistevalError if sampling is asked for."""
        end = None if self.eot_token_id is None else self.tokenizer.decode(self.eot_token_id)
        kinds: dict[Decoding, list[int]] = {}
        rows = []
        for number, request in enumerate(requests):
            context, settings = request.args
            decoding = read_decoding(settings, end)
            kinds.setdefault(decoding, []).append(number)
            parts = self._parts(request, context)
            room = self._room(request, parts.prompt, decoding.max_new_tokens)
            ids = tuple(self.tokens.plain(parts)[-room:])
            rows.append(Row(parts.prompt, ids, 1, decoding.max_new_tokens))
        answers = [""] * len(requests)
        with tqdm(total=len(rows), desc="generate_until", disable=disable_tqdm) as bar:
            for decoding, numbers in kinds.items():
                chosen = [rows[number] for number in numbers]
                for batch in batches(self.reader, self.compression, chosen, self.limit):
                    texts = self._generate(batch, decoding)
                    for placed, text in zip(batch, texts, strict=True):
                        number = numbers[placed.index]
                        answers[number] = text
                        self.cache_hook.add_partial("generate_until", requests[number].args, text)
                    bar.update(len(batch))
        return answers

    def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> list[tuple[float, bool]]:
        """Of tokens that something else split; nothing is compressed."""
        pieces = [Piece("", tuple(context), tuple(answer)) for _, context, answer in requests]
        return [(found.log_likelihood, found.is_greedy) for found in self._score(pieces, True)]

    def _parts(self, request: Instance, text: str) -> Parts:
        """A text with nothing in it (the unconditional side of a task) has nothing to compress."""
        if self.rule is None or not text:
            return Parts("", text)
        return self.rule.split(text, request.doc, _where(request))

    def _room(self, request: Instance, prompt: str, answer: int) -> int:
        """Tokens that the plain part may have; HFLM, too, drops what is over from its left."""
        room = self.max_length - answer - self.compression.measure(self.reader, prompt)
        if room < 1:
            raise GistevalError(
                f"{_where(request)}: its compressed part and {answer} tokens of answer do not fit into "
                f"{self.max_length} tokens: take fewer examples (--num_fewshot) or a smaller max_gen_toks"
            )
        return room

    def _piece(self, request: Instance, parts: Parts, context: list[int], answer: list[int]) -> Piece:
        if not answer:
            raise GistevalError(f"{_where(request)}: a continuation has no tokens: nothing can be scored")
        # The answer's last token is predicted, but never read.
        room = self._room(request, parts.prompt, len(answer) - 1)
        return Piece(parts.prompt, tuple(context[-room:]), tuple(answer))

    def _score(self, pieces: Sequence[Piece], quiet: bool) -> list[Scored]:
        limit = self.limit or (CPU_ROWS if self._device.type == "cpu" else None)
        rows, members = questions(pieces, limit)
        found: dict[int, Scored] = {}

        def read(batch: list[Placed]) -> list[list[Scored]]:
            answers = [[pieces[number].answer for number in members[placed.index]] for placed in batch]
            flat = [answer for some in answers for answer in some]
            if len(flat) == len(batch):
                prompts = [placed.compressed for placed in batch]
                scored = iter(self.reader.scores(prompts, [placed.row.input for placed in batch], flat))
            else:
                running = self._run(batch)
                repeats = [row for row, some in enumerate(answers) for _ in some]
                running.take_rows(torch.tensor(repeats, device=self.device))
                scored = iter(running.scores(flat))
            return [[next(scored) for _ in some] for some in answers]

        with tqdm(total=len(pieces), desc="loglikelihood", disable=quiet) as bar:
            for batch in batches(self.reader, self.compression, rows, limit):
                scored = chain.from_iterable(self.compression.halving.run(read, batch))
                for placed, some in zip(batch, scored, strict=True):
                    found.update(zip(members[placed.index], some, strict=True))
                    bar.update(len(some))
        if not all(math.isfinite(score.log_likelihood) for score in found.values()):
            raise self._not_finite()
        return [found[number] for number in range(len(pieces))]

    def _run(self, batch: Sequence[Placed]) -> Continuation:
        return self.reader.run(
            [placed.compressed for placed in batch], [placed.row.input for placed in batch]
        )

    def _generate(self, batch: Sequence[Placed], decoding: Decoding) -> Iterator[str]:
        stop = StopTexts(self.tokenizer, decoding.until) if decoding.until else None

        def answer(part: list[Placed]) -> list[Decoded]:
            return self._run(part).decode(decoding.max_new_tokens, stop)

        for decoded in chain.from_iterable(self.compression.halving.run(answer, batch)):
            if not decoded.finite:
                raise self._not_finite()
            text = self.tokenizer.decode(decoded.token_ids, skip_special_tokens=True)
            yield postprocess_generated_text(text, list(decoding.until), None)

    def _not_finite(self) -> GistevalError:
        return GistevalError(
            f"{self.checkpoint.path} gives logits that are no numbers: its weights are damaged, or they "
            "need another dtype (dtype=float32)"
        )


def _where(request: Instance) -> str:
    return f"task {request.task_name}, document {request.doc_id}"


def _check_settings(spec: str, given: Mapping[str, Any]) -> None:
    """Raises GistevalError for an argument that is neither ours nor a setting of the compressor."""
    parameters = inspect.signature(GistLM.__init__).parameters
    known = [name for name in parameters if name not in ("self", "settings")]
    known += [name for name in settings_of(spec) if name not in known]
    for name in given:
        if name not in known:
            raise GistevalError(
                f"model argument {name!r} is unknown{did_you_mean(name, known)}: choose from "
                f"{', '.join(known)}"
            )
