"""The proof, on the real checkpoint, that what a run computes is what the stock model computes.

rows        which examples, and what each row reads
passes      the masked pass, the stock one, one with its rounding moved; how far apart they are
alone       what is compressed by itself and in a batch
decoding    what decoding chose, and from which logits
stock       whole prompts against the stock model, for all systems of one model
check       all of them together: figures for the manifest, or InvalidRun
"""

from gisteval.generation.selfcheck.check import SelfCheck, check_cached_path, failure, measure_paths
from gisteval.generation.selfcheck.rows import choose_examples, shortened, spread
from gisteval.generation.selfcheck.stock import AgainstStock

__all__ = [
    "AgainstStock",
    "SelfCheck",
    "check_cached_path",
    "choose_examples",
    "failure",
    "measure_paths",
    "shortened",
    "spread",
]
