"""The model "gist" of lm-evaluation-harness, which runs any of its tasks under prompt compression.

    import lm_eval
    import gisteval.integrations.lm_eval          # registers the model
    lm_eval.simple_evaluate("gist", "pretrained=ckpt,compress=before:Question: {question}", tasks=[...])

The command `gisteval lm-eval` does the same. The import raises MissingExtra if lm-eval is not installed.
"""

from gisteval.errors import MissingExtra

try:
    import lm_eval as _lm_eval  # noqa: F401
except ImportError as error:
    raise MissingExtra("lm-eval", "lm-eval") from error

from gisteval.integrations.lm_eval.model import GistLM
from gisteval.integrations.lm_eval.parts import Rule, parse_rule

__all__ = ["GistLM", "Rule", "parse_rule"]
