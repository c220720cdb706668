"""Whether gists stay healthy while they are trained: the norm and the entropy of their states."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from gisteval.models.checkpoints.loading import ADAPTERS
from gisteval.models.running.architecture import Architecture
from gisteval.models.running.state_values import summarised
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.training.adapters import stock_model
from gisteval.training.rows import LogEntry, TrainingRow

PROBED = 64
"""Training prompts whose gists are looked at."""


class GistHealth(TrainerCallback):  # type: ignore[misc]
    """Notes, at each step that is saved, how large gist states are and how much they differ."""

    def __init__(
        self, architecture: Architecture, tokens: PromptTokenizer, rows: Sequence[TrainingRow]
    ) -> None:
        """Prepare.

        Args:
            architecture: The model's.
            tokens: The tokenizer with its template and gist tokens.
            rows: The training rows; their first prompts are looked at.
        """
        self._adapter, self._tokens = ADAPTERS[architecture], tokens
        self._prompts = list(dict.fromkeys(row.prompt for row in rows))[:PROBED]

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: Any = None,
        **kwargs: object,
    ) -> None:
        """Look at the gists before the Trainer saves its log. Nothing of the training changes."""
        step = state.global_step
        if step % int(args.save_steps) and step != state.max_steps:
            return
        stock = stock_model(model)
        stock.eval()  # T5 drops out while it is trained
        found = summarised(self._adapter(stock, self._tokens).encode(self._prompts, self._tokens.k))
        stock.train()
        if found is not None:
            noted = {"step": step, "gist_norm": found.norm, "gist_entropy": found.entropy}
            state.log_history.append(noted)


def gist_history(log: Sequence[LogEntry]) -> list[tuple[int, float, float]]:
    """Return step, norm and entropy in nats of each look at the gists, from the trainer's log."""
    return [
        (int(entry["step"]), float(entry["gist_norm"]), float(entry["gist_entropy"]))
        for entry in log
        if "gist_norm" in entry
    ]
