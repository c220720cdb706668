"""Ours, transformers and lm-eval as sides of `engines.py`; each imports its packages when it is made."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

Answers = list[list[int]] | list[str]
Input = dict[str, Any]
"""text, ids, and the text that those ids are: of what stands between prompt and answer."""
Prompt = dict[str, Any]
"""The same of a prompt, with its inputs."""

SLOTS = 4
BATCH = 16
"""Rows at a time, where an engine is told."""


class Side(ABC):
    """An engine with its settings.

    packages: those whose versions are recorded. keeps: whether a prompt that one call read is there for the
    next one. readings: how often all inputs together make it read their prompt, if it keeps it.
    """

    packages: ClassVar[tuple[str, ...]]
    keeps = True
    readings = 1

    @abstractmethod
    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        """Greedy answers as token ids, or as texts, in the order of the inputs."""


class Ours(Side):
    """This project: a prompt is compressed once, and all inputs run behind it."""

    packages = ("torch", "transformers")

    def __init__(self, job: dict[str, Any], compressor: str, budget: str | None, dtype: str) -> None:
        import torch

        from gisteval.compressors.spec import CompressorSpec
        from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
        from gisteval.models.checkpoints.loading import load_model
        from gisteval.records.budget import Budget

        torch.set_num_threads(job["threads"])
        checkpoint = inspect_checkpoint(Path(job["model"]))
        self.model = load_model(checkpoint, torch.device("cpu"), getattr(torch, dtype))
        self.compressor = CompressorSpec.parse(compressor).build()
        self.budget = Budget.parse(budget) if budget else None
        self.compressed: dict[str, Any] = {}

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        from gisteval.generation.answering import Answering, Decoding, Window, plan_windows
        from gisteval.generation.outcomes import Answer
        from gisteval.records.schema import Example

        text, decoding = prompt["text"], Decoding(new_tokens, with_loss=False)
        if text not in self.compressed:
            (self.compressed[text],) = self.compressor.compress(self.model, [text], self.budget)
        examples = [Example(f"{n}", "prose", "all", text, x["text"], "") for n, x in enumerate(inputs)]
        answering = Answering(self.model, self.compressor, self.budget, decoding)
        answering.take(self.compressed)
        found: dict[str, str] = {}
        for window in plan_windows(self.model, self.compressor, self.budget, examples, decoding):
            if not isinstance(window, Window):  # what is too long
                continue
            for batch in window.batches:
                for answers in answering.answer(window.groups, [examples[index] for index in batch]):
                    found |= {one.example.id: one.output for one in answers if isinstance(one, Answer)}
        return [found[example.id] for example in examples]


class Transformers(Side):
    """`generate` of transformers, batches padded on the left: every row reads the whole prompt."""

    packages = ("torch", "transformers")
    keeps = False

    def __init__(self, job: dict[str, Any]) -> None:
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        torch.set_num_threads(job["threads"])
        self.torch, self.ends = torch, job["ends"]
        self.model = AutoModelForCausalLM.from_pretrained(job["model"], dtype=torch.float32)
        self.config = GenerationConfig(
            do_sample=False,
            eos_token_id=job["ends"],
            pad_token_id=job["ends"][0],
            suppress_tokens=job["suppressed"] or None,
        )

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        found: list[list[int]] = []
        for start in range(0, len(inputs), BATCH):
            rows = [[*prompt["ids"], *x["ids"]] for x in inputs[start : start + BATCH]]
            found += self.generate(rows, new_tokens)
        return found

    def generate(self, rows: list[list[int]], new_tokens: int, cache: Any = None) -> list[list[int]]:
        """rows: token ids; cache: states of what stands before them, a row each, or None."""
        torch, width = self.torch, max(map(len, rows))
        self.config.max_new_tokens = new_tokens
        before = cache.get_seq_length() if cache else 0
        # generate wants ids for what is cached, too; it runs only those behind.
        ids = torch.tensor([[0] * (before + width - len(row)) + row for row in rows])
        mask = torch.tensor([[1] * before + [0] * (width - len(row)) + [1] * len(row) for row in rows])
        out = self.model.generate(
            ids,
            attention_mask=mask,
            past_key_values=cache,
            generation_config=self.config,
        )
        return out[:, ids.shape[1] :].tolist()  # type: ignore[no-any-return]


class CopiedCache(Transformers):
    """`generate` behind a prompt that was read once: its cache is copied for every row of a batch."""

    keeps = True

    def __init__(self, job: dict[str, Any]) -> None:
        super().__init__(job)
        self.caches: dict[str, Any] = {}

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        from copy import deepcopy

        if prompt["text"] not in self.caches:
            with self.torch.inference_mode():
                ids = self.torch.tensor([prompt["ids"]])
                read = self.model(ids, use_cache=True, logits_to_keep=1)
            self.caches[prompt["text"]] = read.past_key_values
        found: list[list[int]] = []
        for start in range(0, len(inputs), BATCH):
            rows = [x["ids"] for x in inputs[start : start + BATCH]]
            cache = deepcopy(self.caches[prompt["text"]])
            cache.batch_repeat_interleave(len(rows))
            found += self.generate(rows, new_tokens, cache)
        return found


class ContinuousBatching(Transformers):
    """`generate_batch` of transformers: rows of different lengths in one pass, on pages of one cache."""

    page = 32

    def __init__(self, job: dict[str, Any]) -> None:
        from transformers import ContinuousBatchingConfig

        super().__init__(job)
        longest = max(len(prompt["ids"]) for prompt in job["prompts"])
        pages = (longest + 2 * self.page + job["new_tokens"]) // self.page + 1
        self.batching = ContinuousBatchingConfig(
            page_size=self.page,
            num_blocks=SLOTS * pages + 64,
            max_batch_tokens=1024,
            max_requests_per_batch=BATCH,
            use_async_batching=False,
        )

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        self.config.max_new_tokens = new_tokens
        found = self.model.generate_batch(
            [[*prompt["ids"], *x["ids"]] for x in inputs],
            generation_config=self.config,
            continuous_batching_config=self.batching,
            progress_bar=False,
            warmup=False,
        )
        order = sorted(found, key=lambda name: int(name.split("_")[-1]))
        return [list(found[name].generated_tokens) for name in order]


class HarnessModel(Side):
    """lm-eval's HFLM, `generate_until`."""

    packages = ("lm_eval", "torch", "transformers")
    keeps = False

    def __init__(self, job: dict[str, Any]) -> None:
        import torch
        from lm_eval.models.huggingface import HFLM

        torch.set_num_threads(job["threads"])
        self.model = HFLM(
            pretrained=job["model"],
            dtype="float32",
            device="cpu",
            batch_size=BATCH,
            max_length=job["context"],
            add_bos_token=False,
        )
        self.model.model.generation_config.suppress_tokens = job["suppressed"] or None
        self.until = job["end_texts"]

    def answer(self, prompt: Prompt, inputs: Sequence[Input], new_tokens: int) -> Answers:
        from lm_eval.api.instance import Instance

        settings = {"until": self.until, "max_gen_toks": new_tokens, "do_sample": False}
        texts = [prompt["written"] + x["written"] for x in inputs]
        requests = [Instance("generate_until", {}, (text, settings), n) for n, text in enumerate(texts)]
        return [text.strip() for text in self.model.generate_until(requests, disable_tqdm=True)]
