"""Which server a judge may ask, and which API key that server gets.

A judge's file may come from anybody; the command line is the user's own. So a file may name a server only
if it belongs to a known vendor or runs on this machine, and a key only if it is that vendor's. Everything
else needs a flag. No key crosses a network in plain text, and a key that a server sends back is never
stored.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gisteval.errors import GistevalError

DEFAULT_KEY_VARIABLE = "OPENAI_API_KEY"
"""Its key goes to a server given by --base-url, unless --api-key-env names another variable."""

KNOWN_VENDORS = {
    "api.openai.com": DEFAULT_KEY_VARIABLE,
    "api.anthropic.com": "ANTHROPIC_API_KEY",
    "api.deepseek.com": "DEEPSEEK_API_KEY",
    "api.groq.com": "GROQ_API_KEY",
    "api.mistral.ai": "MISTRAL_API_KEY",
    "api.together.xyz": "TOGETHER_API_KEY",
    "generativelanguage.googleapis.com": "GEMINI_API_KEY",
    "openrouter.ai": "OPENROUTER_API_KEY",
}
"""Hosts that any judge may name over https, each with the variable whose key goes there without a flag."""

_HTML_ENTITIES = {"&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "apos"}

SHORTEST_KEY = 4
"""Characters. Redacting a shorter key from a reply would also remove words and choices."""

NO_KEY = "none"
"""Sent where there is no key: servers that users run themselves accept anything."""


@dataclass(frozen=True, slots=True)
class UserGrant:
    """What the user allowed on the command line, as opposed to what the judge's file asks for.

    Attributes:
        base_url: Whether --base-url was given.
        key_variable: Whether --api-key-env was given.
        host: The `host` or `host:port` of --allow-host.
    """

    base_url: bool = True
    key_variable: bool = True
    host: str | None = None


def is_loopback(base_url: str) -> bool:
    """Whether the server is on this machine."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_host(base_url: str, grant: UserGrant) -> None:
    """Refuse a server that the user did not allow and that a judge's file may not name by itself.

    Raises:
        GistevalError: The judge's file names such a server.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    host_and_port = f"{host}:{parts.port}" if parts.port else host
    if grant.base_url or (grant.host is not None and grant.host.lower() in (host, host_and_port)):
        return
    if not (_is_known_vendor(base_url) or is_loopback(base_url)):
        raise GistevalError(
            f"the judge's file names the server {base_url}, which would receive the run's texts: allow it "
            f"with --allow-host {host_and_port}, or name another server with --base-url"
        )


def _is_known_vendor(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "https" and parts.hostname in KNOWN_VENDORS and parts.port in (None, 443)


def key_for(base_url: str, variable: str, grant: UserGrant) -> str | None:
    """Return the key that a server gets, read from the environment.

    Args:
        base_url: The server's address.
        variable: The environment variable that holds the key.
        grant: What the user allowed.

    Returns:
        The key, or None if the server gets none.

    Raises:
        GistevalError: The user did not allow this key for this server, the key can't be sent, or a server
            on another machine needs a key and there is none.
    """
    check_host(base_url, grant)
    host = urlsplit(base_url).hostname
    is_vendors_own = _is_known_vendor(base_url) and KNOWN_VENDORS.get(host or "") == variable
    is_default = grant.base_url and variable == DEFAULT_KEY_VARIABLE
    if not (grant.key_variable or is_vendors_own or is_default):
        if variable != DEFAULT_KEY_VARIABLE or _is_known_vendor(base_url):
            raise GistevalError(
                f"the judge's file asks to send the key in {variable} to {host}: allow it with "
                f"--api-key-env {variable}, or name another variable"
            )
        return None
    if urlsplit(base_url).scheme == "http" and not is_loopback(base_url):
        if grant.key_variable and os.environ.get(variable):
            raise GistevalError(
                f"the key in {variable} would go to {host} in plain text: give an https --base-url, or "
                "leave out --api-key-env"
            )
        return None
    return _checked_key(variable, os.environ.get(variable, "").strip(), base_url)


def _checked_key(variable: str, key: str, base_url: str) -> str | None:
    if not key:
        if is_loopback(base_url):
            return None
        raise GistevalError(
            f"no API key for {base_url}: set {variable}, or name another variable with --api-key-env"
        )
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise GistevalError(
            f"the key in {variable} holds a line break, a space or a non-ASCII character: set it again"
        )
    if len(key) < SHORTEST_KEY:
        raise GistevalError(
            f"the key in {variable} has fewer than {SHORTEST_KEY} characters, too few to redact it from "
            "what the server sends back: unset it if the server needs no key, or set the real one"
        )
    return key


class KeyRedactor:
    """Replaces a key in texts by [key], whether it is plain, escaped, or broken by white space."""

    def __init__(self, key: str | None) -> None:
        """Compile the pattern of a key; with None, texts stay as they are."""
        self._key = key
        # Every count is bounded, so a long run of one character takes linear time.
        gap = r"(?:\s|\\{1,4}[nrt]){0,3}"
        self._pattern = None if key is None else re.compile(gap.join(map(_character_pattern, key)))

    def __call__(self, text: str) -> str:
        """Return the text with [key] in place of every form of the key."""
        if self._pattern is None or self._key is None:
            return text
        return self._pattern.sub("[key]", text.replace(self._key, "[key]"))


def _character_pattern(letter: str) -> str:
    """A pattern of one character: plain, or escaped as in JSON (also twice), URLs, HTML or Python."""
    code = ord(letter)
    entity = f"|&{_HTML_ENTITIES[letter]};" if letter in _HTML_ENTITIES else ""
    digits = "".join(f"[{digit}{digit.upper()}]" for digit in f"{code:02x}")
    return (
        rf"(?:\\{{0,4}}{re.escape(letter)}|\\{{1,4}}(?:u00|u\{{0{{0,4}}|x){digits}\}}?|%{digits}"
        rf"|&#(?:0{{0,4}}{code}|[xX]0{{0,4}}{digits});?{entity})"
    )
