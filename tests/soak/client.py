"""HTTP by hand on asyncio's sockets, since client libraries take longer than the server; and the house it is sent to."""

import asyncio
import contextlib
import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import model

sys.path.append(str(Path(__file__).resolve().parents[1] / "abuse"))
import harness  # noqa: E402
from harness import Failed  # noqa: E402

harness.SUMERU = Path(os.environ.get("SUMERU_BIN", harness.SUMERU))
TINY = "tiny"
# Seconds after which a request is lost.
PATIENCE = 300


class Refused(Exception):
    """429."""


class Connection:
    """A connection that is kept open from one request to the next."""

    def __init__(self, server):
        self.server, self.reader, self.writer = server, None, None

    async def ask(self, method, path, body=b""):
        """Status and the whole body. An answer that is cut or malformed is a failure."""
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.server.host, self.server.port, limit=1 << 20)
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.server.host}:{self.server.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        try:
            async with asyncio.timeout(PATIENCE):
                head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
                length = re.search(r"\r\ncontent-length: (\d+)", head)
                body = await self.reader.readexactly(int(length[1])) if length else await self.chunks()
        except TimeoutError:
            raise Failed(f"no answer within {PATIENCE} s to {body.decode()}") from None
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise Failed(f"an answer was cut: {error!r}") from None
        return int(head[9:12]), body

    async def chunks(self):
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        await self.reader.readexactly(2)
        return body

    def close(self, rudely=False):
        """Says goodbye, or does not."""
        if self.writer is not None:
            self.writer.transport.abort() if rudely else self.writer.close()
        self.reader = self.writer = None


class Watch:
    """Looks at a server beside the requests."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    async def get(self, path):
        connection = Connection(self.server)
        status, body = await connection.ask("GET", path)
        connection.close()
        if status != 200:
            raise Failed(f"{path}: {status} {body[:300]}")
        return body.decode()

    async def engine(self):
        return next(one for one in json.loads(await self.get("/v1/engine"))["models"] if one["name"] == self.name)

    async def metrics(self):
        """Each line's name, with its labels, and value."""
        lines = (line.rsplit(" ", 1) for line in (await self.get("/metrics")).splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in lines}

    async def look(self):
        """What is to stay within bounds."""
        engine, status = await self.engine(), Path(f"/proc/{self.server.process.pid}/status").read_text()
        return {
            "rss_mb": round(self.server.rss_mb(), 2),
            "cache_mb": round(engine["cache_used"] / 1e6, 2),
            "pending": engine["pending"],
            "in_flight": int((await self.metrics())["sumeru_http_requests_in_flight"]) - 1,  # its own
            "threads": int(re.search(r"Threads:\s+(\d+)", status)[1]),
            "files": self.server.files(),
        }

    async def comes_to_rest(self, seconds=20):
        """Soon nothing is in flight or pending, no slot is held and nothing was answered with a 5xx."""
        deadline = time.monotonic() + seconds
        while (now := await self.look())["pending"] or now["in_flight"]:
            if time.monotonic() > deadline:
                raise Failed(f"not at rest after {seconds} s: {now}")
            await asyncio.sleep(0.1)
        # The engine's thread sleeps only when all slots are free.
        before = self.cpu()
        await asyncio.sleep(1)
        if self.cpu() - before > 0.2:
            raise Failed(f"nothing is pending, yet it computes: {self.cpu() - before:.2f} s of CPU within a second; a slot is held")
        errors = {name: count for name, count in (await self.metrics()).items() if re.search(r'requests_total.*status="5', name)}
        if errors:
            raise Failed(f"answered with {errors}")
        return await self.look()

    def cpu(self):
        """Seconds it has computed so far."""
        fields = Path(f"/proc/{self.server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class House(harness.Place):
    """A data directory with one model in it: the tiny one, or one installed among the test models."""

    def __init__(self, folder, name, cache_mb):
        self.folder, self.name = Path(folder), name
        self.data = self.folder / "data"
        (self.data / "models").mkdir(parents=True)
        if name == TINY:
            file = self.folder / "tiny.gguf"
            model.write(file)
            self.run("models", "add", file, "--name", TINY).expect((0,))
        else:
            (self.data / "models" / name).symlink_to(harness.MODELS / name)
            file = next((harness.MODELS / name).glob("*.gguf"))
        # What is remembered may take a quarter of what the weights leave.
        self.options = ["--context", "1024", "--memory", str(file.stat().st_size + 4 * cache_mb * 1_000_000)]


def run(work):
    """Runs it to its end; of many complaints the first is raised."""
    try:
        asyncio.run(work)
    except BaseExceptionGroup as group:
        failed = group.subgroup(Failed)
        while isinstance(failed, BaseExceptionGroup):
            failed = failed.exceptions[0]
        raise failed or group from None


@contextlib.contextmanager
def serving(name, cache_mb, *options):
    """A server of one model."""
    harness.limit_files()
    with tempfile.TemporaryDirectory(prefix="sumeru-soak-") as folder:
        house = House(folder, name, cache_mb)
        with house.server(*house.options, *options) as server:
            yield server
