"""Coverage-guided fuzzing of one foreign format: `make fuzz`, or `python tests/faults/fuzz.py task 60`.

atheris (libFuzzer) keeps the inputs that reach new code of gisteval; half of its mutations are those of our
grammar. What it keeps lies in build/fuzz/FORMAT, and an input that breaks a promise in build/fuzz/FORMAT-*.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random

import atheris
from foreign_formats import CORPUS, FORMATS, Workspace, names_in
from foreign_grammar import mutated

FOUND = Path("build/fuzz")

with atheris.instrument_imports(include=["gisteval"]):
    import gisteval

    for module in pkgutil.walk_packages(gisteval.__path__, "gisteval."):
        if "integrations" not in module.name and "__main__" not in module.name:
            with suppress(ImportError):
                importlib.import_module(module.name)


def main(name: str, seconds: str) -> None:
    """Fuzz a format for so many seconds."""
    kind = FORMATS[name]
    space = Workspace(Path(tempfile.mkdtemp(prefix="gisteval-fuzz-")) / "workspace")
    sample = space.sample(kind)
    fields = names_in(kind, sample)
    kept = FOUND / name
    kept.mkdir(parents=True, exist_ok=True)
    (kept / "sound").write_bytes(sample)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        draw = Random(seed)
        if draw.random() < 0.5:
            return atheris.Mutate(data, longest)
        return mutated(data, kind.syntax, fields, draw)[:longest]

    options = [f"-max_total_time={seconds}", "-max_len=65536", "-timeout=90", "-rss_limit_mb=6000"]
    options += [f"-artifact_prefix={FOUND}/{name}-", "-len_control=0", "-seed=1", "-print_final_stats=1"]
    arguments = [sys.argv[0], *options, str(kept), str(CORPUS / name)]
    atheris.Setup(arguments, lambda data: space.check(kind, data) and None, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
