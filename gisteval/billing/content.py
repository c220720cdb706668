"""What a bill says: costs by way, flips and quality, as one object that JSON can hold."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from gisteval.billing.quality import QualityCost
from gisteval.billing.totals import WayCost
from gisteval.billing.ways import Stretch


@dataclass(frozen=True, slots=True)
class Flip:
    """Where two ways cost the same. uses: None if they never do, or not above one use."""

    first: str
    then: str
    uses: float | None


@dataclass(frozen=True, slots=True)
class Flips:
    """How the cheapest way depends on the uses of a prompt.

    Attributes:
        prompt_tokens: Length of the mean prompt, for which this holds.
        model: Whose prices they are; or what was measured.
        uses_seen: Mean uses of a prompt in the log: within a lifetime of the provider's cache, or in all.
        cheapest: The cheapest way from each number of uses on.
        flips: Where each pair of ways costs the same.
    """

    prompt_tokens: float
    model: str
    uses_seen: float
    cheapest: tuple[Stretch, ...]
    flips: tuple[Flip, ...]


@dataclass(frozen=True, slots=True)
class Served:
    """A log served in one place: by a provider, or by oneself. costs: the cheapest way first."""

    where: str
    costs: tuple[WayCost, ...]
    flips: Flips


@dataclass(frozen=True, slots=True)
class Bill:
    """All that is known of a log's costs.

    Attributes:
        requests: Number of requests.
        prompts: Number of prompts that they share.
        days: Time from the first request to the last.
        kept: Share of the prompt that compression keeps in the ways of the provider.
        served: By the provider, and then by oneself where a profile was given.
        quality: Systems of a run.
        sources: Where prices and times are from.
        notes: What a reader must know.
    """

    requests: int
    prompts: int
    days: float
    kept: float
    served: tuple[Served, ...]
    quality: tuple[QualityCost, ...]
    sources: tuple[str, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        """The bill as what JSON holds."""
        return asdict(self)
