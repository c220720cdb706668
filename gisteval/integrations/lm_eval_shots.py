"""Few-shot examples of lm-eval's that belong to the question itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval.api.samplers import ContextSampler

from gisteval.errors import GistevalError


class OwnShots(ContextSampler):  # type: ignore[misc]
    """A sampler for `fewshot_config`: the first n of the document's shots, of its own instruction."""

    def sample(
        self, n: int, eval_doc: Mapping[str, Any] | None = None, df: Any = None, **kwargs: Any
    ) -> Sequence[dict[str, Any]]:
        """The shots as documents. Raises GistevalError if there are fewer."""
        if eval_doc is None or n > len(eval_doc["shots"]):
            held = 0 if eval_doc is None else len(eval_doc["shots"])
            raise GistevalError(f"--num_fewshot {n}: a question of this task holds {held} examples")
        return [
            {**eval_doc, "input": text, "choices": [output], "answer": 0}
            for text, output in eval_doc["shots"][:n]
        ]
