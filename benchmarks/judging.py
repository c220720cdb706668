"""Speed and memory of judging against a loopback server that answers after a fixed time.

    python benchmarks/judging.py [--pairs 20000] [--latency 0.05] [--concurrency 32]

Prints comparisons a second against the ideal (concurrency / latency), memory at the start and the end, the
time of the same comparisons on a copy of the run with the replies in the cache, and that of the results and
the report, which is the same for both. The server is a process of its own that sends one prepared answer,
so that what is measured is gisteval.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "fixtures"))

from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.pipeline.judge.judge_run import judge_missing
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.pipeline.judge.prepared import prepare_judge
from gisteval.pipeline.judge.results import write_judging
from gisteval.records.manifest import Role
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example

CONTENT = json.dumps({"reason": "The first answer does what was asked.", "choice": "A"})
BODY = json.dumps(
    {
        "choices": [{"message": {"role": "assistant", "content": CONTENT}}],
        "usage": {"prompt_tokens": 400, "completion_tokens": 20},
    }
).encode()
RESPONSE = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY)
) + BODY


def serve(port: multiprocessing.Queue[int], latency: float) -> None:
    """Answer every request after `latency` seconds."""

    class Server(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport
            self.data = b""

        def data_received(self, data: bytes) -> None:
            self.data += data
            end = self.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self.data[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            if len(self.data) >= end + 4 + length:
                self.data = self.data[end + 4 + length :]
                asyncio.get_running_loop().call_later(latency, self.transport.write, RESPONSE)

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
        port.put(server.sockets[0].getsockname()[1])
        async with server:
            while True:  # a loop that sleeps wakes up to two milliseconds late
                await asyncio.sleep(0)

    asyncio.run(run())


def make_run(path: Path, pairs: int) -> None:
    """A run of one candidate and its control, whose outputs of 40 words differ everywhere."""
    examples = [Example(f"e{n}", "t", "s", f"Say what {n} is.", "", f"answer {n}") for n in range(pairs)]
    roles: dict[str, Role] = {"pos": "positive", "gist-1": "candidate"}
    systems = [make_system(name, role, reference="pos") for name, role in roles.items()]
    folder = claim_run(path, {"s": examples}, systems)
    for system in systems:
        records = (
            make_generation(system, example, f"{system.name} {example.id} " + "word " * 40)
            for example in examples
        )
        write_records(folder.generations(system.name), records)
    folder.write_results([], "benchmark")


def resident() -> float:
    """Memory of this process now, in MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--concurrency", type=int, default=32)
    given = parser.parse_args()
    found: multiprocessing.Queue[int] = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(found, given.latency), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{found.get()}/v1"
    ideal = given.concurrency / given.latency
    with tempfile.TemporaryDirectory() as place:
        prepared = prepare_judge(
            JudgeOptions(
                "openai", base_url=url, concurrency=given.concurrency, cache=Path(place, "c.sqlite")
            )
        )
        for name, pairs in (("warm", 200), ("first", given.pairs), ("second", given.pairs)):
            make_run(Path(place, name), pairs)
        judge_missing(RunFolder.open(Path(place, "warm")), prepared)
        times = {}
        for name in ("first", "second"):
            folder = RunFolder.open(Path(place, name))
            before, cpu, start = resident(), time.process_time(), time.perf_counter()
            judge_missing(folder, prepared)
            times[name] = time.perf_counter() - start
            cpu = time.process_time() - cpu
            count = sum(
                1 for system in ("pos", "gist-1") for _ in folder.read_verdicts("openai", system, "s")
            )
            rate = count / times[name]
            print(
                f"{name}: {count} comparisons in {times[name]:.2f} s, {rate:.0f} a second "
                f"({rate / ideal:.2f} of the ideal {ideal:.0f}), {1e3 * cpu / count:.3f} ms of processor a "
                f"comparison, memory {before:.0f} -> {resident():.0f} MB"
            )
            server.terminate()  # what is remembered needs none
        print(f"from the cache {times['first'] / times['second']:.0f} times faster")
        start = time.perf_counter()
        write_judging(folder)
        print(f"results and report in {time.perf_counter() - start:.1f} s")
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}")


if __name__ == "__main__":
    main()
