"""One pass of a decoder over prompts that nothing follows yet, and what is kept of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from gisteval.models.running.cache import GrowingCache
from gisteval.models.running.compressed import Accounting, Kept, Nothing, Prefix
from gisteval.models.running.layer_masks import decoder_layers
from gisteval.models.running.observe import LayerView, See, Select, SelectEach, checked, observed
from gisteval.models.running.padding import pad_left, positions
from gisteval.models.running.rotation import UNKNOWN, Kind, Rotation, kind_of, rotary_of, rotation_of
from gisteval.models.running.slots import Columns
from gisteval.models.running.windows import text_config

if TYPE_CHECKING:
    from gisteval.models.running.decoder import DecoderModel

CHUNK = 1024
"""Tokens that run at once where a mask is needed: so it grows with the length, not with its square."""

LATER = 9
"""Position at which a token's keys are compared with those at position 0."""


class Prefill:
    """Left-padded prompts about to run, on their own or behind others. It is run once.

    Prompts that run on their own, are equally long and need no mask are run without one, in one piece.
    Others run in chunks, each behind the states of those before it.
    """

    def __init__(
        self,
        model: DecoderModel,
        prompts: Sequence[Sequence[int]],
        behind: Sequence[Prefix | Nothing] | None = None,
    ) -> None:
        """See `DecoderModel.encode`."""
        self.model = model
        self.prompts = prompts
        before = behind or [Nothing(0, Accounting(0, 0, 0, 0))] * len(prompts)
        self.starts = [prompt.next_position for prompt in before]
        self.cache, columns = model.start(before)
        self.ids, self.present = pad_left(prompts, model.device)
        starts = torch.tensor(self.starts, device=model.device)
        self.places = positions(self.present, starts)
        self.columns: Columns = columns.followed_by(self.present, self.places)
        self.unmasked = behind is None and model.runs_unmasked(min(map(len, prompts)))

    def run(self) -> GrowingCache:
        """The states of all tokens."""
        own = self.ids.shape[1]
        for start in range(0, own, own if self.unmasked else CHUNK):
            ids, places = self.ids, self.places
            with ExitStack() as stack:
                mask = None
                if not self.unmasked:
                    end = min(start + CHUNK, own)
                    ids, places = ids[:, start:end], places[:, start:end]
                    seen = self.columns.first(self.columns.count - own + end)
                    mask = stack.enter_context(self.model.masked(seen, places))
                self.model.body(
                    input_ids=ids,
                    attention_mask=mask,
                    position_ids=places,
                    past_key_values=self.cache,
                    use_cache=True,
                )
        return self.cache

    def last(self, keep: int | None) -> list[Prefix]:
        """Prefixes of each prompt's last `keep` slots; None for all."""
        filled = self.run().filled()
        prefixes = []
        for row, prompt in enumerate(self.prompts):
            kept = len(prompt) if keep is None else min(keep, len(prompt))
            layers = tuple(
                (
                    layer.keys[row, :, layer.length - kept :].clone(),
                    layer.values[row, :, layer.length - kept :].clone(),
                )
                for layer in filled
            )
            accounting = self.model.account(prompt, kept, _bytes(layers))
            prefixes.append(Prefix(layers, self.starts[row] + len(prompt), accounting))
        return prefixes

    def selected(self, select: Select) -> list[Prefix]:
        """Prefixes of the slots that are selected, layer by layer."""
        return self.selected_each(lambda view: [select(view)], 1)[0]

    def selected_each(self, select: SelectEach, ways: int) -> list[list[Prefix]]:
        """The same for several selections of each layer, a list of prefixes for each of them."""
        states: list[list[list[tuple[Tensor, Tensor]]]] = [[[] for _ in self.prompts] for _ in range(ways)]
        kept: list[list[list[Tensor]]] = [[[] for _ in self.prompts] for _ in range(ways)]

        def see(view: LayerView) -> None:
            _, heads, columns, _ = view.keys.shape
            first = torch.arange(heads, device=view.keys.device)[:, None] * columns
            # The slots of a row's heads one behind the other: copied once, if at all, for all selections.
            states_of = zip(view.keys, view.values, strict=True)
            rows = [(keys.flatten(0, 1), values.flatten(0, 1)) for keys, values in states_of]
            for way_states, way_kept, selected in zip(states, kept, select(view), strict=True):
                for row, indices in enumerate(checked(selected, view)):
                    is_there = indices >= 0
                    places = (indices + (columns - len(self.prompts[row]))).clamp(min=0) + first
                    keys, values = rows[row]
                    taken = _taken(keys, places, is_there), _taken(values, places, is_there)
                    way_states[row].append(taken)
                    way_kept[row].append((indices + self.starts[row]).where(is_there, -1))

        self.show(see)
        return [
            [
                self._prefix(row, tuple(layers), tuple(places))
                for row, (layers, places) in enumerate(zip(own_states, own_kept, strict=True))
            ]
            for own_states, own_kept in zip(states, kept, strict=True)
        ]

    def _prefix(self, row: int, layers: tuple[tuple[Tensor, Tensor], ...], kept: Kept) -> Prefix:
        """All layers are made as wide as the widest; only slots that hold something are counted."""
        prompt, start = self.prompts[row], self.starts[row]
        size = sum(
            int((places >= 0).sum()) * sum(state.shape[2] * state.itemsize for state in pair)
            for pair, places in zip(layers, kept, strict=True)
        )
        accounting = self.model.account_selected(prompt, kept, size, start)
        width = max(places.shape[1] for places in kept)
        wide = tuple((_widened(keys, width), _widened(values, width)) for keys, values in layers)
        filled = tuple(pad(places, (width - places.shape[1], 0), value=-1) for places in kept)
        return Prefix(wide, start + len(prompt), accounting, filled)

    def show(self, see: See) -> None:
        """Run, and show each layer; its states are dropped as soon as it has been seen.

        Of prompts in chunks the queries wait until the last chunk has run through the layer.
        """
        blocks = decoder_layers(self.model.model)
        kinds = self.model.rotations
        config = text_config(self.model.model.config)
        softcap = getattr(config, "attn_logit_softcapping", None)
        chunks: dict[int, list[tuple[Tensor, Any]]] = defaultdict(list)

        def attended(
            layer: int, queries: Tensor, keys: Tensor, values: Tensor, scaling: float, embeddings: Any
        ) -> None:
            chunks[layer].append((queries, embeddings))
            if keys.shape[2] < self.columns.count:
                return
            queries, embeddings = _joined(chunks.pop(layer))
            own = self.ids.shape[1]
            rotary = rotary_of(self.model.body, config, layer)
            rotation = rotation_of(blocks[layer], embeddings, rotary)
            see(
                LayerView(
                    layer,
                    queries,
                    keys[:, :, -own:],
                    values[:, :, -own:],
                    self.places,
                    self.present,
                    scaling,
                    self.prompts,
                    _known(kinds[layer], rotation),
                    self.model.windows[layer],
                    softcap,
                )
            )
            self.cache.layers[layer].release()

        with observed(self.model.model, attended):
            self.run()


def _joined(chunks: Sequence[tuple[Tensor, Any]]) -> tuple[Tensor, Any]:
    """Queries, (rows, heads, tokens, size), and position embeddings of all tokens, by those of chunks."""
    if len(chunks) == 1:
        return chunks[0]
    queries, embeddings = zip(*chunks, strict=True)
    # Those of other forms say nothing of a rotation, see `rotation_of`.
    joined = None
    if all(isinstance(given, tuple) and all(part.dim() == 3 for part in given) for given in embeddings):
        joined = tuple(torch.cat(parts, dim=1) for parts in zip(*embeddings, strict=True))
    return torch.cat(queries, dim=2), joined


def _known(kind: Kind, rotation: Rotation | None) -> Rotation | None:
    if kind == "none":
        return None
    return rotation if kind == "undone" and rotation is not None else UNKNOWN


def rotation_kinds(model: DecoderModel) -> tuple[Kind, ...]:
    """What each layer of a decoder does to its keys, by a token whose states are surely not zero."""
    blocks = decoder_layers(model.model)
    table = model.model.get_input_embeddings().weight
    token = int(table.detach().float().norm(dim=1).argmax())

    def keys_at(position: int) -> list[tuple[Tensor, Rotation | None]]:
        found: list[tuple[Tensor, Rotation | None]] = []

        def attended(layer: int, queries: Tensor, keys: Tensor, *others: Any) -> None:
            found.append((keys.clone(), rotation_of(blocks[layer], others[-1])))

        with observed(model.model, attended):
            Prefill(model, [[token]], [Nothing(position, Accounting(0, 0, 0, 0))]).run()
        return found

    pairs = zip(keys_at(0), keys_at(LATER), strict=True)
    return tuple(kind_of(first, later, at, then) for (first, at), (later, then) in pairs)


def _widened(states: Tensor, width: int) -> Tensor:
    """Slots of (kv heads, slots, size) behind zeros, `width` together."""
    missing = width - states.shape[1]
    return pad(states, (0, 0, missing, 0)) if missing else states


def _taken(slots: Tensor, places: Tensor, is_there: Tensor) -> Tensor:
    """Slots of a list, (slots, size), at (kv heads, slots) places; zeros where none is there.

    Whole slots are copied: to gather their elements one by one takes ten times as long.
    """
    taken = slots.index_select(0, places.flatten()).view(*places.shape, slots.shape[1])
    return taken if bool(is_there.all()) else taken.where(is_there[:, :, None], 0)


def _bytes(layers: Sequence[tuple[Tensor, Tensor]]) -> int:
    return sum(state.nbytes for pair in layers for state in pair)
