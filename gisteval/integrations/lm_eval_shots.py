"""Few-shot examples for lm-eval that belong to the question itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.samplers import ContextSampler

from gisteval.errors import GistevalError, counted


class OwnShots(ContextSampler):  # type: ignore[misc]
    """A sampler for `fewshot_config` that takes the first n shots of the question's own instruction."""

    def sample(
        self, n: int, eval_doc: Mapping[str, Any] | None = None, df: Any = None, **kwargs: Any
    ) -> Sequence[dict[str, Any]]:
        """Return the first n shots as documents.

        Args:
            n: Number of shots.
            eval_doc: The document of the question.
            df: Not used.
            **kwargs: Not used.

        Raises:
            GistevalError: The document has fewer shots.
        """
        if eval_doc is None or n > len(eval_doc["shots"]):
            available = 0 if eval_doc is None else len(eval_doc["shots"])
            raise GistevalError(
                f"--num_fewshot {n}: a question of this task has {counted(available, 'example')}"
            )
        return [
            {**eval_doc, "input": text, "choices": [output], "answer": 0}
            for text, output in eval_doc["shots"][:n]
        ]
