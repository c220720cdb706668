"""Many-shot prompts of any task: the shots are the instruction, the question is the input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random

from gisteval.errors import GistevalError, counted

SHOT = "{instruction}Input: {input}\nOutput: {output}"
QUESTION = "{instruction}Input: {input}"


def many_shot(
    *, task: str, shots: tuple[int, ...], pool: str, split: str, group: str, examples: int, seed: int
) -> Iterator[Mapping[str, object]]:
    """Yield the examples of a task's split behind shots of another split of it.

    Args:
        task: The task, as `--task` names it.
        shots: How many shots stand in a prompt; each example is asked once with each number.
        pool: The split of the shots. No shot has the content of the example.
        split: The split of the questions.
        group: "instruction": shots of the question's own instruction alone, which stands once in front;
            "task": shots of any instruction, each with its own.
        examples: How many questions.
        seed: Which shots are drawn depends on it.

    Raises:
        GistevalError: There are fewer shots than asked for.
    """
    from gisteval.tasks.definition import load_task

    source = load_task(task)
    known = list(source.examples(pool))
    by_text: dict[str, list[int]] = {}
    for place, example in enumerate(known):
        by_text.setdefault(example.instruction if group == "instruction" else "", []).append(place)
    for number, asked in enumerate(islice(source.examples(split), examples)):
        own = group == "instruction"
        places = [
            place
            for place in by_text.get(asked.instruction if own else "", [])
            if known[place].content_id != asked.content_id
        ]
        for count in shots:
            if len(places) < count:
                raise GistevalError(
                    f"task many_shot: {task}/{pool} has {counted(len(places), 'shot')} for {asked.id}, "
                    f"not {count}: ask for fewer, or for shots of any instruction (group=task)"
                )
            chosen = Random(f"many shot {seed} {count} {number}").sample(places, count)
            texts = [
                SHOT.format(
                    instruction="" if own else f"Instruction: {known[place].instruction}\n",
                    input=known[place].input,
                    output=known[place].output,
                )
                for place in chosen
            ]
            yield {
                "instruction": "\n\n".join([*([asked.instruction] if own else []), *texts]),
                "input": asked.input
                if own
                else QUESTION.format(instruction=f"Instruction: {asked.instruction}\n", input=asked.input),
                "output": asked.output,
                "facts": count,
                "part": f"{count} shots",
            }
