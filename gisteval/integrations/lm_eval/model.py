"""GistLM: a checkpoint as a model of lm-eval, with a part of every context compressed."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.model import TemplateLM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window
from tqdm import tqdm

from gisteval.errors import GistevalError, one_line
from gisteval.integrations.lm_eval.arguments import (
    device_name,
    load_reader,
    parse_budget,
    row_limit,
    rule_of,
    spec_of,
)
from gisteval.integrations.lm_eval.batches import Compression, Piece, RequestRow
from gisteval.integrations.lm_eval.decoding import Decoding, read_decoding
from gisteval.integrations.lm_eval.parts import NOTHING, Parts
from gisteval.integrations.lm_eval.runner import RequestRunner
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import resolve
from gisteval.models.checkpoints.placement import choose_placement
from gisteval.models.text.chat_templates import TemplateFailed, render
from gisteval.records.schema import as_condition


@register_model("gist")
class GistLM(TemplateLM):  # type: ignore[misc]
    r"""A checkpoint that lm-eval can evaluate.

    It is read as a gist checkpoint, a positive or a negative control, or through a compressor. Without
    compression its answers are those of lm-eval's HFLM, request by request.

    Args:
        pretrained: Folder or hub name of the checkpoint.
        compress: The rule of what is compressed (see parts.Rule). By default a checkpoint with a condition
            compresses what its template does ("until:Instruction: {instruction}\n"), and another one
            nothing.
        compressor: The compressor's spec. By default that of the condition.
        budget: The compressor's budget, as in `gisteval run`.
        condition: The condition of a checkpoint that does not record one.
        k: Number of gist tokens, if it differs from the checkpoint's.
        base: The base of an adapter, if it differs from the recorded one.
        allow_pickle: Whether weights in pickle files may be loaded.
        dtype: Data type of the weights, or "auto".
        device: Device, or "auto".
        device_map: How the weights are spread over devices.
        quantize: How the weights are quantised.
        batch_size: Rows of a batch, or "auto".
        max_batch_size: Most rows of an "auto" batch.
        max_length: Longest sequence in tokens.
        **settings: Further settings of the compressor, which arrive here because lm-eval cuts its
            arguments at commas.

    Raises:
        GistevalError: An argument is wrong, or the checkpoint can't be loaded.
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
        """Load a checkpoint. The class explains the arguments."""
        super().__init__()
        self.checkpoint = inspect_checkpoint(
            resolve(pretrained, allow_pickle),
            as_condition(condition),
            k,
            allow_pickle,
            resolve(base, allow_pickle) if base else None,
        )
        self.rule = rule_of(compress, self.checkpoint)
        self.explicit = compress is not None
        parameters = inspect.signature(GistLM.__init__).parameters
        arguments = [name for name in parameters if name not in ("self", "settings")]
        spec = spec_of(compressor, settings, arguments, self.checkpoint, self.rule)
        self.compressor, method = str(spec), spec.build()
        amount = parse_budget(budget, method)
        self.placement = choose_placement(device_name(device, device_map), dtype, device_map, quantize)
        self._device = self.placement.device
        self.reader, self.tokens = load_reader(self.checkpoint, self.placement, pretrained)
        if self.rule is None:
            self.reader.suppressed_ids = []  # HFLM suppresses nothing
        self.tokenizer = self.tokens.tokenizer
        self.compression = Compression(method, amount)
        self.max_length = min(max_length or self.reader.context, self.reader.context)
        limit = row_limit(batch_size, max_batch_size)
        self.runner = RequestRunner(self.reader, self.compression, limit, str(self.checkpoint.path))

    @property
    def eot_token_id(self) -> int | None:
        """Id of the tokenizer's end token, or else of the model's. None if neither has one."""
        if self.tokenizer.eos_token_id is not None:
            return int(self.tokenizer.eos_token_id)
        return min(self.reader.end_ids, default=None)

    @property
    def prefix_token_id(self) -> int:
        """Id of the token before a text that nothing precedes."""
        return self.tokens.prefix_id

    @property
    def tokenizer_name(self) -> str:
        """Name of the tokenizer in lm-eval's cache of requests."""
        return str(self.tokenizer.name_or_path).replace("/", "__")

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **kwargs: Any) -> list[int]:
        """Return a text's token ids, with the tokenizer's start token unless told otherwise."""
        return self.tokens.rest(string) if add_special_tokens is False else self.tokens.whole(string)

    def apply_chat_template(
        self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True
    ) -> str:
        """Return a conversation as one text, by the tokenizer's chat template."""
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
        """Return what lm-eval's results.json says about the model and the compression of its prompts."""
        record, compression = self.checkpoint.record, self.compression
        return {
            "model_num_parameters": self.reader.model.num_parameters(),
            "model_dtype": str(self.reader.dtype),
            "gist_device_map": self.placement.device_map,
            "gist_quantize": self.placement.quantize,
            "model_sha": self.checkpoint.weights_digest(),
            "gist_condition": record.condition,
            "gist_k": record.k,
            "gist_compressor": self.compressor,
            "gist_budget": None if compression.budget is None else str(compression.budget),
            "gist_compress": NOTHING if self.rule is None else f"{self.rule.kind}:{self.rule.marker}",
            "gist_prompts": compression.prompts,
            "gist_source_tokens": compression.source_tokens,
            "gist_kept": compression.kept,
        }

    def loglikelihood(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[tuple[float, bool]]:
        """Score each request's continuation behind its context.

        Returns:
            For each request, the summed log-likelihood in nats, and whether greedy decoding gives the
            continuation.
        """
        pieces = []
        for request in requests:
            context, continuation = request.args
            parts = self._parts(request, context)
            pieces.append(self._piece(request, parts, *self.tokens.pair(parts, continuation)))
        answers = [
            (score.log_likelihood, score.is_greedy) for score in self.runner.score(pieces, disable_tqdm)
        ]
        for request, answer in zip(requests, answers, strict=True):
            self.cache_hook.add_partial("loglikelihood", request.args, answer)
        return answers

    def loglikelihood_rolling(
        self, requests: Sequence[Instance], disable_tqdm: bool = False
    ) -> list[float]:
        """Score whole texts in windows of the longest sequence.

        The texts have no context, so only a rule that the user gave compresses a part of them. That part
        is not scored, and every window of the rest is run behind it.

        Returns:
            The summed log-likelihood of each text, in nats.
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
        for owner, score in zip(owners, self.runner.score(pieces, disable_tqdm), strict=True):
            totals[owner] += score.log_likelihood
        for request, total in zip(requests, totals, strict=True):
            self.cache_hook.add_partial("loglikelihood_rolling", request.args, total)
        return totals

    def generate_until(self, requests: Sequence[Instance], disable_tqdm: bool = False) -> list[str]:
        """Return greedy answers, cut before the first stop text.

        Raises:
            GistevalError: The task asks for sampling, or a context does not fit.
        """
        end = None if self.eot_token_id is None else self.tokenizer.decode(self.eot_token_id)
        by_decoding: dict[Decoding, list[int]] = {}
        rows = []
        for number, request in enumerate(requests):
            context, settings = request.args
            decoding = read_decoding(settings, end)
            by_decoding.setdefault(decoding, []).append(number)
            parts = self._parts(request, context)
            room = self._room(request, parts.prompt, decoding.max_new_tokens)
            ids = tuple(self.tokens.plain(parts)[-room:])
            rows.append(RequestRow(parts.prompt, ids, 1, decoding.max_new_tokens))
        answers = [""] * len(requests)
        with tqdm(total=len(rows), desc="generate_until", disable=disable_tqdm) as bar:
            for decoding, numbers in by_decoding.items():
                chosen = [rows[number] for number in numbers]
                for batch in self.runner.batches(chosen):
                    texts = self.runner.generate(batch, decoding)
                    for placed, text in zip(batch, texts, strict=True):
                        number = numbers[placed.index]
                        answers[number] = text
                        self.cache_hook.add_partial("generate_until", requests[number].args, text)
                    bar.update(len(batch))
        return answers

    def _loglikelihood_tokens(self, requests: Any, **kwargs: Any) -> list[tuple[float, bool]]:
        """Score requests that are tokenised already. Nothing is compressed."""
        pieces = [Piece("", tuple(context), tuple(answer)) for _, context, answer in requests]
        return [(score.log_likelihood, score.is_greedy) for score in self.runner.score(pieces, True)]

    def _parts(self, request: Instance, text: str) -> Parts:
        """Split a text by the rule. An empty one (an unconditional context) has nothing to compress."""
        if self.rule is None or not text:
            return Parts("", text)
        return self.rule.split(text, request.doc, _where(request))

    def _room(self, request: Instance, prompt: str, answer: int) -> int:
        """Most tokens of the plain part. Like HFLM, the caller drops the rest from its left."""
        room = self.max_length - answer - self.compression.measure(self.reader, prompt)
        if room < 1:
            raise GistevalError(
                f"{_where(request)}: its compressed part and {answer} tokens of answer do not fit into "
                f"{self.max_length} tokens: take fewer examples (--num_fewshot) or a smaller max_gen_toks"
            )
        return room

    def _piece(self, request: Instance, parts: Parts, context: list[int], answer: list[int]) -> Piece:
        if not answer:
            raise GistevalError(
                f"{_where(request)}: its continuation has no tokens, so nothing can be scored"
            )
        # The answer's last token is predicted, but never read.
        room = self._room(request, parts.prompt, len(answer) - 1)
        return Piece(parts.prompt, tuple(context[-room:]), tuple(answer))


def _where(request: Instance) -> str:
    return f"task {request.task_name}, document {request.doc_id}"
