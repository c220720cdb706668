"""The paper's released outputs, and the examples they answer.

The files hold no ids. Files of one model family decode the same examples in the same way, but for long
inputs, which are cut a few tokens earlier or later depending on k; other families' tokenizers lose other
letters, so each family has examples of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from gisteval.importer.layout import OutputFile
from gisteval.importer.prompt_text import PromptText, prompt_of_output_row, prompt_of_verdict, text_key
from gisteval.importer.rows import read_rows, texts
from gisteval.schema import Example


@dataclass(frozen=True, slots=True)
class ReleasedOutput:
    """A row of an output file."""

    prompt: PromptText
    reference: str
    output: str


def read_output_file(file: OutputFile) -> list[ReleasedOutput]:
    """The rows in file order. Raises GistevalError naming the file and what is wrong with it."""
    # Not pandas: it reads an output "None" or an empty one as a missing value.
    rows = read_rows(file.path)
    columns = (texts(rows, name, file.path) for name in ("x", "y_pred", "y_true"))
    return [
        ReleasedOutput(prompt_of_output_row(prompt, reference), reference, output)
        for prompt, output, reference in zip(*columns, strict=True)
    ]


class ExampleIndex:
    """The examples of one family on one split, gathered from its files in the order they are first seen."""

    def __init__(self, task: str, split: str, name: str) -> None:
        """name: begins the ids, such as "LLaMA-human"."""
        self._task, self._split, self._name = task, split, name
        self._entries: list[_Entry] = []
        self._by_instruction: dict[str, list[int]] = {}

    def add(self, rows: Iterable[ReleasedOutput]) -> list[int]:
        """Numbers of one file's rows; new examples are added, the longer version of a cut input is kept."""
        found: list[int] = []
        for row in rows:
            entry = _Entry(row.prompt, row.reference)
            number = self._match(entry, set(found))
            if number is None:
                number = len(self._entries)
                self._by_instruction.setdefault(entry.instruction_key, []).append(number)
                self._entries.append(entry)
            elif len(entry.input_key) > len(self._entries[number].input_key):
                self._entries[number] = entry
            found.append(number)
        return found

    def add_prompt(self, prompt: str) -> None:
        """An example that only a verdict tells of; its reference is not known, so it is empty."""
        if not self._alike(_Entry(prompt_of_verdict(prompt), "")):
            self.add([ReleasedOutput(prompt_of_verdict(prompt), "", "")])

    def examples(self) -> list[Example]:
        """All examples known so far."""
        return [
            Example(
                id=f"{self._name}-{number:04}",
                task=self._task,
                split=self._split,
                instruction=entry.prompt.instruction,
                input=entry.prompt.input,
                output=entry.reference,
            )
            for number, entry in enumerate(self._entries, 1)
        ]

    def number_of(self, prompt: str) -> int | None:
        """The example a verdict's prompt belongs to; None if there is none, or several."""
        numbers = self._alike(_Entry(prompt_of_verdict(prompt), ""))
        return numbers[0] if len(numbers) == 1 else None

    def _match(self, entry: _Entry, taken: set[int]) -> int | None:
        """The example of a row; one that another row of the file has taken only if it is the very same."""
        alike = [n for n in self._alike(entry) if self._entries[n].reference_key == entry.reference_key]
        lengths = {n: abs(len(self._entries[n].input_key) - len(entry.input_key)) for n in alike}
        free = {n: length for n, length in lengths.items() if length == 0 or n not in taken}
        return min(free, key=free.__getitem__) if free else None

    def _alike(self, wanted: _Entry) -> list[int]:
        """Those with the same prompt; without any, those where one of the two inputs is cut off."""
        numbers = self._by_instruction.get(wanted.instruction_key, [])
        inputs = {n: self._entries[n].input_key for n in numbers}
        equal = [n for n, key in inputs.items() if key == wanted.input_key]
        return equal or [n for n, key in inputs.items() if _one_begins_other(key, wanted.input_key)]


class _Entry:
    """An example with what it is compared by."""

    __slots__ = ("input_key", "instruction_key", "prompt", "reference", "reference_key")

    def __init__(self, prompt: PromptText, reference: str) -> None:
        self.prompt, self.reference = prompt, reference
        self.instruction_key, self.input_key = text_key(prompt.instruction), text_key(prompt.input)
        self.reference_key = text_key(reference)


def _one_begins_other(one: str, other: str) -> bool:
    return bool(one and other) and (one.startswith(other) or other.startswith(one))


def as_task_examples(found: Sequence[Example], known: Iterable[Example]) -> list[Example]:
    """The examples with ids and texts of the task's own data, where they differ in white space only.

    So their content ids are those of a run on that task. The others stay as they are.
    """
    by_key = {_example_key(example): example for example in known}
    joined = []
    for example in found:
        own = by_key.get(_example_key(example))
        joined.append(example if own is None else replace(own, task=example.task, split=example.split))
    return joined


def _example_key(example: Example) -> tuple[str, str, str]:
    return text_key(example.instruction), text_key(example.input), text_key(example.output)
