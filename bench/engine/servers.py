"""The two servers side by side, asked by the same client."""

import contextlib
import datetime
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = os.environ.get("SUMERU_BIN", ROOT / "target/release/sumeru")
DATA = Path(os.environ.get("SUMERU_TEST_DATA", ROOT / ".cache/test-data"))


def run_file(kind):
    """Where a run of today is kept, beside those there are."""
    paths = (ROOT / "bench/runs" / f"{datetime.date.today()}-{kind}{end}.json" for end in ("", *(f"-{n}" for n in range(2, 100))))
    return next(path for path in paths if not path.exists())


def limits(model, threads="1,2"):
    """What `sumeru bench` measures: speeds beside the machine's limits, with each number of threads."""
    command = [SUMERU, "--data", DATA, "bench", model, "--threads", threads, "--json"]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


class Server:
    """An OpenAI-compatible server and the process that is it."""

    def __init__(self, name, address, process, load, model):
        self.name, self.address, self.process, self.load, self.model = name, address, process, load, model

    def post(self, path, body):
        request = urllib.request.Request(self.address + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        return urllib.request.urlopen(request, timeout=1200)

    def complete(self, prompt, tokens, **more):
        """Seconds to the first piece of text and to the end, and the text."""
        body = {"model": self.model, "prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True, **more}
        started, first, text, pieces = time.perf_counter(), None, [], 0
        with self.post("/v1/completions", body) as response:
            for line in response:
                if not line.startswith(b"data: {"):
                    continue
                choices = json.loads(line[6:]).get("choices")
                if choices and choices[0].get("text"):
                    first = first or time.perf_counter() - started
                    text.append(choices[0]["text"])
                    pieces += 1
        return first or time.perf_counter() - started, time.perf_counter() - started, "".join(text)

    def chat(self, content, tokens, **more):
        """Seconds to the whole answer, and its tokens."""
        messages = [{"role": "user", "content": content}]
        body = {"model": self.model, "messages": messages, "max_tokens": tokens, "temperature": 0, **more}
        started = time.perf_counter()
        with self.post("/v1/chat/completions", body) as response:
            answer = json.load(response)
        return time.perf_counter() - started, answer["usage"]["completion_tokens"]

    def memory(self):
        """Peak resident megabytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


@contextlib.contextmanager
def ours(model, slots, *more, embeds=False):
    command = [SUMERU, "--data", DATA, "serve", "--port", "0", "--json", "--slots", str(slots), *more]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            address = next(found[0] for line in process.stdout if (found := re.search(r"http://[\d.:]+", line)))
            server = Server("sumeru", address, process, 0, model)
            started = time.perf_counter()
            server.post("/v1/embeddings", {"model": model, "input": "a"}).read() if embeds else server.complete("a", 1)
            server.load = time.perf_counter() - started
            yield server
        finally:
            process.terminate()


# A build of the peer for this very processor; without it the one from the package index.
NATIVE = os.environ.get("LLAMA_SERVER")


@contextlib.contextmanager
def llama_cpp(path, slots, context):
    """llama.cpp's server; one of the package index, or the binary that LLAMA_SERVER names."""
    if NATIVE:
        with native(path, slots, context) as server:
            yield server
        return
    command = [sys.executable, Path(__file__).with_name("peer.py"), path, str(slots), str(context)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            address, load = process.stdout.readline().split()
            yield Server("llama.cpp", address, process, float(load), "peer")
        finally:
            process.kill()


@contextlib.contextmanager
def native(path, slots, context):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [NATIVE, "-m", path, "--port", str(port), "-t", "2", "-tb", "2", "-np", str(slots), "-c", str(slots * context)]
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        address = f"http://127.0.0.1:{port}"
        try:
            while True:
                with contextlib.suppress(OSError), urllib.request.urlopen(address + "/health"):
                    break
                time.sleep(0.01)
                if process.poll() is not None:
                    raise RuntimeError(f"{NATIVE} ended with {process.returncode}")
            yield Server("llama.cpp", address, process, time.perf_counter() - started, "peer")
        finally:
            process.kill()
