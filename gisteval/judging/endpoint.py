"""Where a judge's requests go, how fast, and with which key."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from gisteval.errors import GistevalError
from gisteval.judging.access import UserGrant, key_for


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server and the limits of asking it.

    Attributes:
        base_url: The server's address, such as http://host:8000/v1.
        model: The model's name.
        api_key_env: The environment variable that holds the key.
        concurrency: The most requests at the server at a time.
        rate: The most requests a minute; None for no limit.
        timeout: Seconds for one whole attempt, from the connection to the last byte.
        retries: How often a failed request is repeated.
        max_cost: The most dollars to spend; None for no limit.
        grant: What the user allowed on the command line.
    """

    base_url: str
    model: str
    api_key_env: str
    concurrency: int = 8
    rate: float | None = None
    timeout: float = 60.0
    retries: int = 4
    max_cost: float | None = None
    grant: UserGrant = field(default_factory=UserGrant)

    def __post_init__(self) -> None:
        """Check the address.

        Raises:
            GistevalError: It is no http or https URL, or it holds a user, a password or a query.
        """
        try:
            parts = urlsplit(self.base_url)
        except ValueError as error:
            raise GistevalError(f"the server's URL can't be read ({error}): check --base-url") from error
        if parts.username or parts.password or parts.query:
            raise GistevalError(
                "the server's URL holds a user, password or query, which the manifest would store: put the "
                "key into an environment variable and name it with --api-key-env"
            )
        try:
            is_valid = parts.scheme in ("http", "https") and parts.hostname and (parts.port or 1)
        except ValueError:
            is_valid = False
        if not is_valid:
            raise GistevalError(f"--base-url must be like http://host:8000/v1, not {self.base_url!r}")

    @property
    def workers(self) -> int:
        """Comparisons in progress. While one waits for the server, another is prepared or read."""
        return 2 * self.concurrency

    def api_key(self) -> str | None:
        """Return the key that the server gets, or None. Raises GistevalError as `key_for` does."""
        return key_for(self.base_url, self.api_key_env, self.grant)
