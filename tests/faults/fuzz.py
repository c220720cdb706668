"""Coverage-guided fuzzing of foreign formats: `make fuzz`, or `python tests/faults/fuzz.py 60 task judge`.

atheris (libFuzzer) keeps the inputs that reach new code of gisteval; half of its mutations are those of our
grammar. What it keeps lies in build/fuzz/FORMAT, and an input that breaks a promise in build/fuzz/FORMAT-*.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from random import Random

import atheris
from foreign_formats import CORPUS, FORMATS, Format, Workspace, names_in
from foreign_grammar import mutated

FOUND = Path("build/fuzz")

with atheris.instrument_imports(include=["gisteval"]):
    import gisteval

    for module in pkgutil.walk_packages(gisteval.__path__, "gisteval."):
        if "integrations" not in module.name and "__main__" not in module.name:
            with suppress(ImportError):
                importlib.import_module(module.name)


def main(seconds: str, *names: str) -> None:
    """Fuzz each format for so many seconds, in a fork of its own: the fuzzer ends its process."""
    space = Workspace(Path(tempfile.mkdtemp(prefix="gisteval-fuzz-")) / "workspace")
    codes = {}
    for name in names:
        print(f"{name}: {seconds} s", flush=True)
        child = os.fork()
        if not child:
            fuzz(space, FORMATS[name], seconds)
        codes[name] = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if failed := [name for name, code in codes.items() if code]:
        sys.exit(f"a promise was broken by an input of {', '.join(failed)}: see {FOUND}")


def fuzz(space: Workspace, kind: Format, seconds: str) -> None:
    """Fuzz one format and end the process."""
    name, sample = kind.name, space.sample(kind)
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
