"""Words that keys, records and lists are made of."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from gisteval.tasks.generators.long_prompts.haystack import prose

ADJECTIVES = tuple(
    """amber ancient autumn brave bright broken calm careful clever cold copper crisp curious distant dusty
    eager early empty faint fancy fierce frosty gentle giant golden grand happy hidden hollow honest
    humble icy jolly kind lazy little lively lonely lucky mellow mild modern narrow noble orange
    pale patient plain polite proud quick quiet rapid rare rough royal rusty shiny silent silver
    simple sleepy slender smooth solid steady stormy sunny swift tame tender tidy tiny velvet warm
    wild wise woven young""".split()  # noqa: SIM905
)
NOUNS = tuple(
    """acorn anchor apple arrow badge barrel basket beacon bell bottle bridge bucket button cabin camel
    candle carpet castle cedar chair clock cloud comet compass coral cradle curtain desk dolphin
    drum eagle engine falcon feather fiddle forest fossil garden goblet hammer harbor helmet island
    jacket kettle ladder lantern lemon letter locket magnet maple marble meadow mirror mitten needle
    orchard otter paddle parrot pebble pencil pigeon pillow planet pocket puppet quilt rabbit ribbon
    river saddle shovel spoon statue teapot temple tunnel violin wagon walnut whistle window""".split()  # noqa: SIM905
)
FIRST_NAMES = tuple(
    """Ada Amir Anna Ben Carla Chen Clara Dario Elena Emil Fatima Felix Grace Hana Hugo Ines Ivan Jana
    Jonas Kofi Lena Leo Mara Mei Nils Nora Omar Paula Pedro Rosa Ruben Sara Sven Tara Tom Uma Vera
    Viktor Yara Zoe""".split()  # noqa: SIM905
)
CITIES = tuple(
    """Accra Athens Bergen Bogota Cairo Cork Dakar Delhi Dublin Geneva Hanoi Havana Jakarta Kyoto Lagos
    Lima Lisbon London Madrid Malmo Manila Milan Nairobi Oslo Paris Perth Porto Prague Quito Riga
    Rome Seoul Sofia Sydney Tallinn Tunis Turin Vienna Warsaw Zagreb""".split()  # noqa: SIM905
)


@cache
def list_words() -> tuple[str, ...]:
    """Distinct lower-case words of four to nine letters of the prose, the frequent ones first."""
    counts = Counter(re.findall(r"\b[a-z]{4,9}\b", " ".join(prose())))
    return tuple(sorted(counts, key=lambda word: (-counts[word], word)))
