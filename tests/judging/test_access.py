"""Which key goes to which server, and that none comes back."""

from __future__ import annotations

import html
import json
import time
from urllib.parse import quote

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.access import KeyRedactor, UserGrant, key_for

FILE = UserGrant(base_url=False, key_variable=False)
"""Server and variable are from the judge's file."""

KEYS = {"OPENAI_API_KEY": "sk-open-1", "MISTRAL_API_KEY": "mi-1234", "AWS_SECRET_ACCESS_KEY": "aws-1234"}


@pytest.fixture(autouse=True)
def keys(monkeypatch) -> None:
    for name, key in KEYS.items():
        monkeypatch.setenv(name, key)


@pytest.mark.parametrize(
    ("url", "variable", "grant", "key"),
    [
        ("https://api.openai.com/v1", "OPENAI_API_KEY", FILE, "sk-open-1"),
        ("https://API.openai.com:443/v1", "OPENAI_API_KEY", FILE, "sk-open-1"),
        ("https://api.mistral.ai/v1", "MISTRAL_API_KEY", FILE, "mi-1234"),
        ("https://judge.example/v1", "OPENAI_API_KEY", UserGrant(True, False), "sk-open-1"),
        ("https://judge.example/v1", "AWS_SECRET_ACCESS_KEY", UserGrant(True, True), "aws-1234"),
        ("https://judge.example/v1", "MISTRAL_API_KEY", UserGrant(False, True, "judge.example"), "mi-1234"),
        ("https://judge.example/v1", "OPENAI_API_KEY", UserGrant(False, False, "judge.example"), None),
        ("http://127.0.0.1:8000/v1", "OPENAI_API_KEY", UserGrant(True, False), "sk-open-1"),
        ("http://[::1]:8000/v1", "OPENAI_API_KEY", UserGrant(True, False), "sk-open-1"),
        ("http://127.0.0.1:8000/v1", "OPENAI_API_KEY", FILE, None),
        ("http://10.0.0.7:8000/v1", "OPENAI_API_KEY", UserGrant(True, False), None),
    ],
)
def test_a_key_goes_where_the_user_bound_it(
    url: str, variable: str, grant: UserGrant, key: str | None
) -> None:
    assert key_for(url, variable, grant) == key


@pytest.mark.parametrize(
    ("url", "variable", "grant", "message"),
    [
        ("https://evil.example/v1", "OPENAI_API_KEY", FILE, "--allow-host evil.example, or"),
        ("https://api.openai.com.evil.example/v1", "OPENAI_API_KEY", FILE, "--allow-host"),
        ("https://api.openai.com:8443/v1", "OPENAI_API_KEY", FILE, "--allow-host api.openai.com:8443"),
        ("http://api.openai.com/v1", "OPENAI_API_KEY", FILE, "--allow-host"),
        ("http://169.254.169.254/v1", "OPENAI_API_KEY", FILE, "--allow-host"),
        ("http://10.0.0.7/v1", "OPENAI_API_KEY", FILE, "--allow-host"),
        ("http://2130706433/v1", "OPENAI_API_KEY", FILE, "--allow-host"),
        ("https://evil.example/v1", "OPENAI_API_KEY", UserGrant(False, True), "--allow-host"),
        (
            "https://evil.example/v1",
            "OPENAI_API_KEY",
            UserGrant(False, True, "other.example"),
            "--allow-host",
        ),
        ("http://127.0.0.2:9/v1", "AWS_SECRET_ACCESS_KEY", FILE, "--api-key-env AWS_SECRET_ACCESS_KEY"),
        ("https://api.openai.com/v1", "AWS_SECRET_ACCESS_KEY", FILE, "--api-key-env AWS"),
        ("https://api.openai.com/v1", "MISTRAL_API_KEY", FILE, "--api-key-env MISTRAL"),
        ("https://api.mistral.ai/v1", "OPENAI_API_KEY", FILE, "--api-key-env OPENAI"),
        ("https://judge.example/v1", "AWS_SECRET_ACCESS_KEY", UserGrant(True, False), "--api-key-env AWS"),
        ("http://judge.example/v1", "OPENAI_API_KEY", UserGrant(True, True), "in plain text"),
        ("https://judge.example/v1", "NO_SUCH_KEY", UserGrant(), "set NO_SUCH_KEY"),
    ],
)
def test_no_key_goes_elsewhere(url: str, variable: str, grant: UserGrant, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        key_for(url, variable, grant)


@pytest.mark.parametrize("key", ["sk-a\nHost: evil", "sk a b c", "sk-ключ", "sk-\x7fabc", "xyz"])
def test_a_key_that_is_none_is_not_sent(key: str, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    with pytest.raises(GistevalError, match="the key in OPENAI_API_KEY") as caught:
        key_for("http://127.0.0.1:1/v1", "OPENAI_API_KEY", UserGrant())
    assert key not in str(caught.value)


@pytest.mark.parametrize("key", ["sk-planted/0123456789+abc=", "k3y/", "a&b<c>%d"])
def test_a_key_is_redacted_in_every_form(key: str) -> None:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in key)
    forms = [
        key,
        escaped,
        escaped.upper().replace("\\U", "\\u"),
        escaped.replace("\\", "\\\\"),
        f"\\u{ord(key[0]):04X}{key[1:]}",
        key.replace("/", "\\/"),
        json.dumps(json.dumps(key.replace("/", "\\/"))),
        "".join(f"\\x{ord(letter):02x}" for letter in key),
        quote(key, safe=""),
        "".join(f"%{ord(letter):02x}" for letter in key),
        html.escape(key),
        "".join(f"&#{ord(letter)};" for letter in key),
        "".join(f"&#x{ord(letter):X};" for letter in key),
        key[:3] + " \n" + key[3:],
    ]
    for form in forms:
        redacted = KeyRedactor(key)(f"before {form} after {form}.")
        assert redacted.count("[key]") == 2 and key[1:] not in redacted, form
        assert html.unescape(redacted).startswith(("before [key] after", 'before "')), form


def test_redacting_takes_linear_time() -> None:
    redact = KeyRedactor("\\sk/-0123456789")
    for letter in "\\ s%&x\n-":
        text = letter * 400_000
        start = time.process_time()
        assert redact(text) == text
        assert time.process_time() - start < 5.0, letter
