"""Which server is asked, and which key it gets: a judge's file is foreign, the command line is the user's.

A file may name a server only if it is a known vendor's or on this machine, and a key only if it is that
vendor's. All else needs a flag. No key crosses a network in plain text, and none is kept that a server
sends back.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gisteval.errors import GistevalError

OWN_VARIABLE = "OPENAI_API_KEY"
"""The variable that a server named by --base-url gets where no other is named by flag."""

KNOWN = {
    "api.openai.com": OWN_VARIABLE,
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
}
"""Hosts that any judge may name, over https, each with the one variable that goes there unasked."""

_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}

SHORTEST_KEY = 4
"""A shorter one could not be cut out of a reply without cutting words and choices."""

NO_KEY = "none"
"""What is sent where no key is: servers of one's own take any."""


@dataclass(frozen=True, slots=True)
class Named:
    """What the user named on the command line, not the judge's file.

    url: --base-url; key: --api-key-env; host: the `host` or `host:port` of --allow-host.
    """

    url: bool = True
    key: bool = True
    host: str | None = None


def is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(base_url: str, named: Named) -> None:
    """Raise GistevalError for a server that neither the user named nor any judge may name."""
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    place = f"{host}:{parts.port}" if parts.port else host
    if named.url or (named.host is not None and named.host.lower() in (host, place)):
        return
    if not (_is_known(base_url) or is_loopback(base_url)):
        raise GistevalError(
            f"the judge's file names the server {base_url}, which would get the run's texts: give "
            f"--allow-host {place} if it shall, or another server with --base-url"
        )


def _is_known(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "https" and parts.hostname in KNOWN and parts.port in (None, 443)


def key_for(base_url: str, variable: str, named: Named) -> str | None:
    """The key that goes to a server, from the environment; None where none does.

    Raises GistevalError for a key that the user has not bound to this server, for one that can't be sent,
    and where a server elsewhere needs one and there is none.
    """
    check_host(base_url, named)
    host = urlsplit(base_url).hostname
    known = _is_known(base_url) and KNOWN.get(host or "") == variable
    if not (named.key or known or (named.url and variable == OWN_VARIABLE)):
        if variable != OWN_VARIABLE or _is_known(base_url):
            raise GistevalError(
                f"the judge's file wants the key in {variable} sent to {host}: give --api-key-env "
                f"{variable} if it shall go there, or name another variable"
            )
        return None
    if urlsplit(base_url).scheme == "http" and not is_loopback(base_url):
        if named.key and os.environ.get(variable):
            raise GistevalError(
                f"the key in {variable} would go to {host} in plain text: give an https --base-url, or "
                "leave --api-key-env out"
            )
        return None
    return _checked(variable, os.environ.get(variable, "").strip(), base_url)


def _checked(variable: str, key: str, base_url: str) -> str | None:
    if not key:
        if is_loopback(base_url):
            return None
        raise GistevalError(
            f"no API key for {base_url}: set {variable}, or name another variable with --api-key-env"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise GistevalError(
            f"the key in {variable} holds a line break, a space or a character beyond ASCII: set it anew"
        )
    if len(key) < SHORTEST_KEY:
        raise GistevalError(
            f"the key in {variable} has fewer than {SHORTEST_KEY} characters, and could not be cut out of "
            "what the server sends back: unset it for a server that needs none, or set the real one"
        )
    return key


class Cutter:
    """Cuts a key out of texts, however it is written there: as it is, escaped, or with gaps."""

    def __init__(self, key: str | None) -> None:
        self._key = key
        # Every count is bounded, so a long run of one character takes linear time.
        gap = r"(?:\s|\\{1,4}[nrt]){0,3}"
        self._form = None if key is None else re.compile(gap.join(map(_forms, key)))

    def __call__(self, text: str) -> str:
        """The text with [key] for every form of the key."""
        if self._form is None or self._key is None:
            return text
        return self._form.sub("[key]", text.replace(self._key, "[key]"))


def _forms(letter: str) -> str:
    """A pattern of one character: plain, or escaped as in JSON (also twice), URLs, HTML or Python."""
    code = ord(letter)
    entity = f"|&{_ENTITIES[letter]};" if letter in _ENTITIES else ""
    digits = "".join(f"[{digit}{digit.upper()}]" for digit in f"{code:02x}")
    return (
        rf"(?:\\{{0,4}}{re.escape(letter)}|\\{{1,4}}(?:u00|u\{{0{{0,4}}|x){digits}\}}?|%{digits}"
        rf"|&#(?:0{{0,4}}{code}|[xX]0{{0,4}}{digits});?{entity})"
    )
