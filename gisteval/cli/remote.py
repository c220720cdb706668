"""Addresses of runs in a bucket on the command line: `gisteval report s3://bucket/run`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from gisteval.errors import GistevalError

_ADDRESS = re.compile(r"(?:--[a-z-]+=)?((?:s3|memory)://(.*))")
"""An argument, or an option with its value, and in it the address and what follows its scheme.

A memory holds runs for the time of one process: for tests, and for programs that call `main`.
"""


@contextmanager
def local_arguments(arguments: Sequence[str]) -> Iterator[list[str]]:
    """The arguments with a folder of this machine for each address. The folders are mirrors inside.

    An error that names such a folder names its address.

    Raises:
        GistevalError: A bucket can't be read or written, or an address names no folder of one.
    """
    found = [_address(argument) for argument in arguments]
    if not any(found):
        yield list(arguments)
        return
    from gisteval.records.remote.mirror import Mirror
    from gisteval.records.remote.mirrored import mirrored

    mirrors = {address: Mirror(address) for address in dict.fromkeys(found) if address}
    changed = [
        argument.replace(address, str(mirrors[address].folder)) if address else argument
        for argument, address in zip(arguments, found, strict=True)
    ]
    try:
        with ExitStack() as open_mirrors:
            for mirror in mirrors.values():
                open_mirrors.enter_context(mirrored(mirror))
            yield changed
    except GistevalError as error:
        for address, mirror in mirrors.items():
            error.args = (str(error).replace(f"{mirror.folder} ", f"{address} "),)
        raise


def _address(argument: str) -> str | None:
    """The address in an argument; None if there is none. Raises GistevalError if it names no folder."""
    match = _ADDRESS.fullmatch(argument)
    if match is None:
        return None
    bucket, _, path = match[2].strip("/").partition("/")
    if not bucket or not path:
        raise GistevalError(f"{match[1]} names no folder of a bucket: give s3://BUCKET/FOLDER")
    return match[1]
