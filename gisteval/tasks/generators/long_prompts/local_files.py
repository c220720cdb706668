"""Long prompts from local files in the forms in which others released theirs.

LongBench (Y. Bai et al., arXiv 2308.14508), SCBench (Y. Li et al., arXiv 2412.10319), CounterFact (K. Meng
et al., arXiv 2202.05262) with zsRE (O. Levy et al., arXiv 1706.04115), and RepoBench (T. Liu et al., arXiv
2306.03091). Nothing of them is bundled.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from gisteval.errors import GistevalError
from gisteval.files.tables import read_table

Row = Mapping[str, object]


def rows_of(task: str, file: str, needed: Sequence[str]) -> Iterator[Row]:
    """The rows of a file. Raises GistevalError if it is not given, or lacks a field."""
    if not file:
        raise GistevalError(f"this task reads a local file: name it, --task {task}:file=PATH")
    for number, row in enumerate(read_table(Path(file)), 1):
        absent = [name for name in needed if name not in row]
        if absent:
            raise GistevalError(
                f"{file}, row {number} has no field {absent[0]!r}: expected the form of {task}, with "
                f"{', '.join(needed)}"
            )
        yield row


def longbench(*, file: str) -> Iterator[Mapping[str, object]]:
    """Yield the rows of LongBench's JSONL: the context is the instruction."""
    for row in rows_of("longbench", file, ("context", "input", "answers")):
        choices = row.get("all_classes")
        yield {
            "instruction": row["context"],
            "input": row["input"],
            "output": _lines(row["answers"]),
            "part": row.get("dataset") or Path(file).stem,
            "length": row.get("length"),
            "choices": _lines(choices) if choices else None,
        }


def scbench(*, file: str) -> Iterator[Mapping[str, object]]:
    """Yield the turns of SCBench's JSONL: one context serves all, and earlier turns stand in the input.

    Earlier answers are the right ones, so turns can be asked in any order.
    """
    for row in rows_of("scbench", file, ("context", "multi_turns")):
        earlier: list[str] = []
        for number, turn in enumerate(_mappings(row["multi_turns"], file), 1):
            answer = _lines(turn.get("answer"))
            asked = str(turn.get("input"))
            yield {
                "instruction": row["context"],
                "input": "\n".join([*earlier, asked]),
                "output": answer,
                "part": f"turn {number}",
            }
            earlier += [asked, answer.partition("\n")[0]]


def edits(*, file: str, facts: tuple[int, ...], seed: int) -> Iterator[Mapping[str, object]]:
    """Yield questions about counterfactual edits, of which a prompt holds several, one a line.

    Parts: rewrite (the edit itself), paraphrase, and neighbourhood, which the edit must leave as it was.
    The choices are the new answer and the old one.

    Args:
        file: CounterFact's JSON or that of zsRE.
        facts: Edits of a prompt; each edit is asked about behind each number.
        seed: Which other edits stand in a prompt depends on it.
    """
    known = [_edit(row, file) for row in rows_of("edits", file, ())]
    for count in facts:
        if count > len(known):
            raise GistevalError(f"{file} holds {len(known)} edits, not {count}: ask for fewer (facts=)")
    for number, (statement, asked) in enumerate(known):
        for count in facts:
            draw = Random(f"edits {seed} {count} {number}")
            others = draw.sample([place for place in range(len(known)) if place != number], count - 1)
            lines = [known[place][0] for place in others]
            place = draw.randrange(count)
            lines.insert(place, statement)
            for part, question, answer, choices in asked:
                yield {
                    "instruction": "\n".join(lines),
                    "input": question,
                    "output": answer,
                    "part": part,
                    "facts": count,
                    "depth": round(100 * place / max(1, count - 1), 1),
                    "choices": choices,
                }


Question = tuple[str, str, str, str | None]
"""Part, question, answer and choices."""


def _edit(row: Row, file: str) -> tuple[str, list[Question]]:
    """What an edit states, and the questions about it."""
    rewrite = row.get("requested_rewrite")
    if isinstance(rewrite, Mapping):
        asked = str(rewrite["prompt"]).replace("{}", str(rewrite["subject"]))
        new, old = (str(rewrite[name]["str"]) for name in ("target_new", "target_true"))
        both = f"{new}\n{old}"
        paraphrases, near = row.get("paraphrase_prompts"), row.get("neighborhood_prompts")
        return f"{asked} {new}.", [
            ("rewrite", asked, new, both),
            *(("paraphrase", text, new, both) for text in _texts(paraphrases)),
            *(("neighbourhood", text, old, both) for text in _texts(near)),
        ]
    if absent := [name for name in ("src", "alt", "rephrase", "loc", "loc_ans") if name not in row]:
        raise GistevalError(f"{file} is no file of CounterFact or zsRE: a row has no field {absent[0]!r}")
    asked, new = str(row["src"]), str(row["alt"])
    near = str(row["loc"]).removeprefix("nq question: ").strip()
    return f"{asked} {new}", [
        ("rewrite", asked, new, None),
        ("paraphrase", str(row["rephrase"]), new, None),
        ("neighbourhood", near, str(row["loc_ans"]), None),
    ]


def code_retrieval(*, file: str) -> Iterator[Mapping[str, object]]:
    """Yield RepoBench's rows: files of a repository are the instruction, the next line is asked for."""
    needed = ("context", "import_statement", "cropped_code", "next_line")
    for row in rows_of("code_retrieval", file, needed):
        parts = _mappings(row["context"], file)
        gold = row.get("gold_snippet_index")
        yield {
            "instruction": "\n\n".join(f"# {part.get('path')}\n{part.get('snippet')}" for part in parts),
            "input": f"{row['import_statement']}\n{row['cropped_code']}",
            "output": row["next_line"],
            "facts": len(parts),
            "depth": round(100 * gold / max(1, len(parts) - 1), 1)
            if isinstance(gold, int) and gold >= 0
            else None,
        }


def _lines(value: object) -> str:
    """One text, or several as lines; a line break within a text becomes a space."""
    texts = value if isinstance(value, list) else [value]
    return "\n".join(" ".join(str(text).split()) for text in texts)


def _texts(value: object) -> list[str]:
    return [str(text) for text in value] if isinstance(value, list) else []


def _mappings(value: object, file: str) -> list[Row]:
    if not (isinstance(value, list) and all(isinstance(part, Mapping) for part in value)):
        raise GistevalError(f"{file}: expected a list of objects in each row")
    return value
