"""Running the binary, starting servers, and saying what went wrong. Standard library only."""

import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = ROOT / "target/release/sumeru"
MODELS = Path(os.environ.get("SUMERU_TEST_DATA", ROOT / ".cache/test-data")) / "models"
SMALL = "smollm2-135m-instruct"


class Failed(Exception):
    """A case's complaint, with how to repeat it."""


class Skipped(Exception):
    """Why a case cannot run here."""


class Done:
    """A command that ended."""

    def __init__(self, command, code, said, seconds, rss_mb):
        self.command, self.code, self.said, self.seconds, self.rss_mb = command, code, said, seconds, rss_mb

    def expect(self, codes, *words):
        """The exit code is one of these, nothing crashed, and every word (or one of a tuple) was said."""
        shown = f"$ {' '.join(map(str, self.command))}\n  exit code {self.code} after {self.seconds:.1f} s, {self.rss_mb:.0f} MB\n  {self.said.strip()[:1500]}"
        if self.code < 0 or self.code == 101 or "panicked at" in self.said or "this is a bug" in self.said:
            raise Failed(f"it crashed:\n{shown}")
        if self.code not in codes:
            raise Failed(f"expected exit code {' or '.join(map(str, codes))}:\n{shown}")
        for word in words:
            choices = word if isinstance(word, tuple) else (word,)
            if not any(choice.lower() in self.said.lower() for choice in choices):
                raise Failed(f"it does not say {' or '.join(map(repr, choices))}:\n{shown}")
        return self


class Place:
    """A case's own folder and data directory, with the test models in it."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.data.mkdir()
        if MODELS.is_dir():
            (self.data / "models").symlink_to(MODELS)

    def own_models(self):
        """Replaces the link to the shared models by a folder of links, so that models can be added without touching them."""
        (self.data / "models").unlink()
        (self.data / "models").mkdir()
        for entry in MODELS.iterdir():
            (self.data / "models" / entry.name).symlink_to(entry)

    def run(self, *arguments, data=None, timeout=300, environment=None, stdin=None):
        """Runs the binary to its end; one that does not end in time is a failure."""
        command = [SUMERU, "--data", data or self.data, "--quiet", *arguments]
        started = time.monotonic()
        with tempfile.TemporaryFile() as said:
            child = subprocess.Popen(
                command, stdin=stdin or subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}
            )
            peak = 0.0
            # The kernel's figure for an ended child counts what this process had in memory when it forked; so the peak is watched.
            while child.poll() is None:
                peak = max(peak, high_water_mb(child.pid))
                if time.monotonic() - started > timeout:
                    child.kill()
                    child.wait()
                    raise Failed(f"it did not end within {timeout} s:\n$ {' '.join(map(str, command))}")
                time.sleep(0.01)
            said.seek(0)
            text = said.read().decode(errors="replace")
        return Done(command, child.returncode, text, time.monotonic() - started, peak)

    @contextlib.contextmanager
    def server(self, *options, data=None):
        """A server on a free port."""
        with tempfile.TemporaryFile("w+") as said:
            process = subprocess.Popen(
                [SUMERU, "--data", data or self.data, "serve", "--port", "0", "--json", *options], stdout=said, stderr=subprocess.STDOUT
            )
            try:
                deadline = time.monotonic() + 20
                while not (found := re.search(r"http://([\d.]+):(\d+)", read(said))):
                    if process.poll() is not None or time.monotonic() > deadline:
                        raise Failed(f"the server did not start: {read(said)[:1000]}")
                    time.sleep(0.05)
                try:
                    yield Server(process, found[1], int(found[2]))
                except Failed as complaint:
                    died = "" if process.poll() is None else f", which died with {process.returncode},"
                    raise Failed(f"{complaint}\nThe server{died} said:\n{read(said)[-1500:]}") from None
                if process.poll() is not None:
                    raise Failed(f"the server died with {process.returncode}:\n{read(said)[-1500:]}")
                if "panicked at" in read(said):
                    raise Failed(f"the server panicked:\n{read(said)[-1500:]}")
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
                    raise Failed("the server did not end within 30 s of SIGTERM") from None


def high_water_mb(pid):
    """The most memory a process had so far; 0 when it is gone."""
    try:
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        return 0.0
    return int(found[1]) / 1024 if found else 0.0


def read(file):
    """All of a file another process writes to; its position is shared, so it is put back to the end."""
    return os.pread(file.fileno(), 1 << 24, 0).decode(errors="replace")


class Server:
    """A running server."""

    def __init__(self, process, host, port):
        self.process, self.host, self.port = process, host, port

    def request(self, method, path, body=None, headers=None, timeout=120):
        """Status and parsed body (or text)."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        data = body if body is None or isinstance(body, (bytes, str)) else json.dumps(body)
        try:
            connection.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
            response = connection.getresponse()
            text = response.read().decode(errors="replace")
        finally:
            connection.close()
        try:
            return response.status, json.loads(text)
        except json.JSONDecodeError:
            return response.status, text

    def chat(self, text="Say hello.", **options):
        body = {"model": SMALL, "messages": [{"role": "user", "content": text}], "max_tokens": 8, **options}
        return self.request("POST", "/v1/chat/completions", body)

    def still_well(self):
        """It answers, soon."""
        started = time.monotonic()
        status, answer = self.chat()
        if status != 200 or not answer["choices"][0]["message"]["content"]:
            raise Failed(f"the server does not answer any more: {status} {answer}")
        if time.monotonic() - started > 20:
            raise Failed(f"the server took {time.monotonic() - started:.0f} s for eight tokens")

    def in_flight(self):
        """What /metrics counts as being in work or waiting."""
        status, text = self.request("GET", "/metrics")
        if status != 200:
            raise Failed(f"/metrics: {status} {text}")
        words = ("in_flight", "inflight", "pending", "active", "running")
        gauges = {
            line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.splitlines()
            if not line.startswith("#") and any(word in line.split("{")[0] for word in words)
        }
        if not gauges:
            raise Failed(f"/metrics counts nothing in flight:\n{text[:2000]}")
        # The request for /metrics is under way while it counts.
        return {name: count - ("http_requests" in name) for name, count in gauges.items()}

    def comes_to_rest(self, seconds=20):
        """Nothing is in flight soon."""
        deadline = time.monotonic() + seconds
        while any((left := self.in_flight()).values()):
            if time.monotonic() > deadline:
                raise Failed(f"still in flight after {seconds} s: {left}")
            time.sleep(0.1)

    def rss_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


@contextlib.contextmanager
def place():
    """A place that is gone afterwards."""
    folder = tempfile.mkdtemp(prefix="sumeru-abuse-")
    try:
        yield Place(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def expect_error(answer, status, *words):
    """An error in OpenAI's shape that says these words."""
    got, body = answer
    message = body["error"]["message"] if isinstance(body, dict) and "error" in body else None
    if got not in ([status] if isinstance(status, int) else status) or not message:
        raise Failed(f"expected status {status} with an error, got {got}: {str(body)[:500]}")
    for word in words:
        if word.lower() not in message.lower():
            raise Failed(f"the error does not say {word!r}: {message[:500]}")


def limit_files():
    """Room for a thousand connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
