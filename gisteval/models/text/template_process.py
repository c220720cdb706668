"""The program that renders chat templates for `gisteval.models.text.chat_templates`, alone in its process.

Arguments: where modules lie (JSON), seconds of processor time a text, bytes of memory, characters a text.
Each line of stdin is a request, each line of stdout its answer, all of them JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any


def main(places: str, seconds: str, memory: str, longest: str) -> None:
    """Answer requests until stdin ends. The system ends a request that takes too long, and this with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the program that asks decides when to end
    sys.path[:] = json.loads(places)
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever a library prints is no answer
    from transformers.utils.chat_template_utils import render_jinja_template

    _limit_memory(int(memory))
    for line in sys.stdin:
        _limit_time(float(seconds))
        answer = _answer(render_jinja_template, json.loads(line), int(longest))
        _limit_time(0)
        print(json.dumps(answer), file=answers, flush=True)


def _answer(render: Any, request: dict[str, Any], longest: int) -> dict[str, str]:
    try:
        (text,), _ = render(**request)
        if len(text) > longest:
            return {"error": f"it makes over {longest:,} characters of one conversation"}
        return {"text": text}
    except MemoryError:
        return {"error": "it fills the memory"}
    except Exception as error:  # a template is a program, which can fail in every way
        return {"error": str(error)[:1000] or type(error).__name__}


def _limit_time(seconds: float) -> None:
    """Let the system end the process after so much of its own time; 0: never. Windows can't."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)


def _limit_memory(more: int) -> None:
    """Let the process grow by so many bytes, where the system says how large it is now."""
    try:
        import resource

        with open("/proc/self/statm", encoding="ascii") as stream:
            now = int(stream.read().split()[0]) * resource.getpagesize()
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (now + more, most))
    except (ImportError, OSError, ValueError):
        pass  # the limit of time remains


if __name__ == "__main__":
    main(*sys.argv[1:])
