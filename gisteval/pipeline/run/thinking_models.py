"""What a run says of models that write thoughts before their answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gisteval.generation.answering import Decoding
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.records.reading import read_lines
from gisteval.records.run_folder import RunFolder
from gisteval.thinking import Thinking, behind_first

log = logging.getLogger(__name__)


def opened_notes(chats: Mapping[Path, PromptTokenizer], thinking: Thinking) -> tuple[str, ...]:
    """A note for each chat template that opens a thought. The notes are warned of as well."""
    notes = tuple(
        _opened_note(path, tokens, thinking)
        for path, tokens in chats.items()
        if tokens.opened_by(thinking.pair)
    )
    for note in notes:
        log.warning("%s", note)
    return notes


def known_thinking(tokens: PromptTokenizer | None, thinking: Thinking) -> str | None:
    """The rule as a part of keys; None where it is the default and no template speaks of thoughts.

    `tokens` is None for a checkpoint without a chat template.
    """
    thinks = tokens is not None and tokens.thinks(thinking.pair)
    return str(thinking) if thinks or thinking != Thinking() else None


def _opened_note(path: Path, tokens: PromptTokenizer, thinking: Thinking) -> str:
    opening, closing = thinking.pair
    scored = (
        f"the text after {closing} is scored, and the whole text is kept as raw"
        if thinking.strip
        else "the thought is scored with the answer (--thinking keep)"
    )
    return (
        f"the chat template of {path} opens a thought ({opening}): {scored}, and the loss on the reference "
        "is taken behind an empty thought."
    )


def thought_notes(systems: Sequence[str], folder: RunFolder, decoding: Decoding) -> Iterator[str]:
    """Notes on answers of some systems that never came, since the thought before them did not end."""
    for system in systems:
        for split in folder.splits:
            where = {"system": system, "split": split}
            records = [record for _, record in read_lines(folder.generations(system), where)]
            cut = [
                record
                for record in records
                if isinstance(raw := record.get("raw"), str)
                and behind_first(raw, decoding.thinking.pair).cut
            ]
            if cut:
                at_limit = sum(record.get("finished") is False for record in cut)
                yield (
                    f"{system} on {split}: {len(cut)} of {len(records)} answers end inside their thought "
                    f"and count as empty ({at_limit} at the limit of {decoding.max_new_tokens} new tokens; "
                    "--max-new-tokens raises it)."
                )
