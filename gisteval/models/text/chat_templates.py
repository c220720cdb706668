"""Chat templates of others, rendered in a process of their own that has limits of time and memory.

A template is a program. transformers renders it in Jinja's sandbox, which bounds what the program reaches,
but neither how long it runs nor how much it writes, and Python can't stop what runs in its own process.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

SECONDS = 10.0
"""Of processor time for one conversation; real templates take less than a thousandth of one."""

MEMORY = 2 << 30
"""Bytes that the process may need beside what it is made of."""

LONGEST = 64 << 20
"""Characters that one conversation may become."""

_PASSED_ON = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "TZ")
"""Environment variables of the process; it needs no key."""


PROGRAM = Path(__file__).with_name("template_process.py")
"""What the process runs."""


class TemplateFailed(Exception):
    """A chat template that can't be rendered; the message says why."""


def render(
    tokenizer: PreTrainedTokenizerBase, conversation: Sequence[dict[str, str]], **options: Any
) -> str:
    """The conversation as one text, by the tokenizer's chat template, as `apply_chat_template` makes it.

    Raises TemplateFailed where the template does not render, or takes too long or too much memory.
    """
    try:
        template = tokenizer.get_chat_template()
    except ValueError as error:  # several of them, and none is the default
        raise TemplateFailed(str(error)) from error
    request = {
        **tokenizer.special_tokens_map,
        **options,
        "conversations": [list(conversation)],
        "chat_template": template,
    }
    return _process.render(json.dumps(request, default=str))


class _RenderingProcess:
    """The process, started by the first text and again after one that ended it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def render(self, request: str) -> str:
        with self._lock:
            process = self._started()
            assert process.stdin is not None and process.stdout is not None
            try:
                print(request, file=process.stdin, flush=True)
                line = process.stdout.readline()
            except BrokenPipeError:
                line = ""
            except BaseException:  # interrupted: the next text must not get this one's answer
                self.close()
                raise
            if not line:
                code = process.wait()
                self.close()
                late = code == -getattr(signal, "SIGPROF", 0)
                raise TemplateFailed(
                    f"it takes over {SECONDS:g} s" if late else f"the process that renders it ended: {code}"
                )
        answer = json.loads(line)
        if "error" in answer:
            raise TemplateFailed(answer["error"])
        return str(answer["text"])

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None or self._owner != os.getpid():  # a fork must not share the pipes
            self._owner = os.getpid()
            places = json.dumps([place for place in sys.path if place])
            self._process = subprocess.Popen(
                [sys.executable, "-I", str(PROGRAM), places, str(SECONDS), str(MEMORY), str(LONGEST)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                encoding="ascii",
                env={name: os.environ[name] for name in _PASSED_ON if name in os.environ}
                | {"OMP_NUM_THREADS": "1"},
            )
            atexit.register(self.close)
        return self._process

    def close(self) -> None:
        """End the process; only the program that started it does."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                if stream is not None:
                    stream.close()


_process = _RenderingProcess()
