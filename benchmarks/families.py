"""The matrix of docs/models.md: every text family that transformers knows, tiny and random.

    python benchmarks/families.py [NAME ...]

Without names the table in docs/models.md is written anew. Families are held against the stock model row by
row (float32, a batch of rows from 14 to 67 tokens, windows of 16).
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import transformers

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "fixtures"))

from family_check import LARGEST, Differences, differences, family_tokens  # noqa: E402
from tiny_families import Family, families, refusal, tiny_config, tiny_model  # noqa: E402

from gisteval.errors import one_line  # noqa: E402
from gisteval.models.checkpoints.loading import ADAPTERS  # noqa: E402
from gisteval.models.running.architecture import ENCODER_DECODER, architecture_of  # noqa: E402
from gisteval.models.running.windows import layer_windows  # noqa: E402

PAGE = ROOT / "docs" / "models.md"
START, END = "<!-- families: made by make families -->", "<!-- end of families -->"
HEADER = (
    "| family | self-check, nats | stock model, nats | decoding | window | evict |\n"
    "|---|---|---|---|---|---|\n"
)


def measured(family: Family) -> Differences:
    """Both paths and the stock model on one batch."""
    architecture = architecture_of(tiny_config(family).to_dict(), family.name)
    model = ADAPTERS[architecture](tiny_model(family), family_tokens())
    return differences(model.endless())


def windows(family: Family) -> str:
    """What kinds of layers there are, as the table has it."""
    config = tiny_config(family)
    if architecture_of(config.to_dict(), family.name) is ENCODER_DECODER:
        return "none"
    found = {"all" if window is None else window.kind for window in layer_windows(config)}
    return "none" if found == {"all"} else ", ".join(sorted(found))


def row(family: Family) -> tuple[str, bool]:
    """A line of the table, and whether the family is as it should be."""
    reason = refusal(family)
    if reason is not None:
        return _line(family, f"refused: {reason}"), True
    try:
        found = measured(family)
    except ImportError as error:
        return _line(family, f"not built here: {one_line(error).split('. ')[0]}"), True
    except Exception as error:  # a line of the table, so that one family can't hide the others
        return _line(family, f"FAILED: {type(error).__name__}: {one_line(error)[:150]}"), False
    good = found.worst <= LARGEST
    evict = "yes" if found.evicted <= LARGEST else f"no ({_nats(found.evicted)})"
    figures = (_nats(found.masked), _nats(found.stock), _nats(found.decoded))
    return _line(family, *figures, windows(family), evict), good


def _line(family: Family, *cells: str) -> str:
    return f"| {' | '.join((family.name, *cells, *('',) * (5 - len(cells))))} |"


def _nats(value: float) -> str:
    return f"{value:.0e}"


def table(names: list[str]) -> Iterator[tuple[str, bool]]:
    """All rows, those that are run first."""
    chosen = [family for family in families() if not names or family.name in names]
    rows = []
    for number, family in enumerate(chosen, 1):
        print(f"{number}/{len(chosen)} {family.name}", file=sys.stderr, flush=True)
        rows.append(row(family))
    yield from sorted(rows, key=lambda found: "| refused" in found[0] or "| not built" in found[0])


def main() -> int:
    """Returns 1 if a family is neither equal to the stock model nor refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="families; all if none is named")
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    rows = list(table(options.names))
    text = HEADER + "\n".join(line for line, _ in rows) + "\n"
    bad = [line for line, good in rows if not good]
    if options.names:
        print(text, end="")
        return int(bool(bad))
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(START)
    new = f"{before}{START}\n\n{_counts(rows)}\n\n{text}\n{END}{rest.split(END)[1]}"
    PAGE.write_text(new, encoding="utf-8")
    print("\n".join(bad) if bad else f"{len(rows)} families, none differs from the stock model")
    return int(bool(bad))


def _counts(rows: list[tuple[str, bool]]) -> str:
    refused = sum("| refused" in line for line, _ in rows)
    unbuilt = sum("| not built" in line for line, _ in rows)
    return (
        f"transformers {transformers.__version__}: {len(rows)} families and variants, "
        f"{len(rows) - refused - unbuilt} run and equal, {refused} refused, {unbuilt} not built here."
    )


if __name__ == "__main__":
    sys.exit(main())
