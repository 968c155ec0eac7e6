"""Clients without manners, and servers in each other's way."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness import SMALL, Failed, expect_error


def story(**options):
    body = {"model": SMALL, "messages": [{"role": "user", "content": "Tell a very long story."}], "max_tokens": 4000, "stream": True, **options}
    return json.dumps(body).encode()


def post(server, body, path="/v1/chat/completions", buffer=None):
    """A connection on which a request has been written, and nothing read."""
    connection = socket.socket()
    if buffer:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)  # before connecting, or it has no effect
    connection.settimeout(60)
    connection.connect((server.host, server.port))
    head = f"POST {path} HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    connection.sendall(head.encode() + body)
    return connection


def case_port_in_use(place):
    """The port is taken: said with its number and what to do."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place.run("serve", "--port", str(port), timeout=20).expect((1, 2), str(port), "--port")


def case_wrong_hosts(place):
    """Hosts that do not exist; beyond the loopback without a key."""
    place.run("serve", "--host", "no.such.host.invalid", "--port", "0", environment={"SUMERU_API_KEY": "k"}, timeout=30).expect((1, 2), "no.such.host.invalid")
    place.run("serve", "--host", "0.0.0.0", "--port", "0", timeout=20).expect((1, 2), "SUMERU_API_KEY")


def case_two_servers(place):
    """A second server, or an ingest beside it, is refused and names the process that holds the data directory."""
    (place.folder / "a.txt").write_text("hello\n")
    with place.server() as server:
        place.run("serve", "--port", "0", timeout=20).expect((1,), str(server.process.pid))
        place.run("ingest", place.folder / "a.txt", "--kb", "a", timeout=20).expect((1,), str(server.process.pid))
        place.run("kb", "list", timeout=20).expect((0,))
        server.still_well()
    place.run("ingest", place.folder / "a.txt", "--kb", "a", "--no-wait", timeout=20).expect((0,))


def case_killed_server(place):
    """After kill -9 the data directory is free again."""
    for _ in range(2):
        with place.server() as server:
            server.still_well()
            server.process.kill()
            server.process.wait()
            server.process.poll = lambda: None  # it died as it should
    place.run("kb", "list").expect((0,))
    with place.server() as server:
        server.still_well()


def case_invalid_json(place):
    """Bodies that are no JSON, too deep, too long or cut short."""
    with place.server() as server:
        for body in (b"", b"{", b"nonsense", b"\xff\xfe\x00", b"[]", b"null", b"[" * 200_000, b'{"a":' * 100_000, b'{"model": NaN}'):
            expect_error(server.request("POST", "/v1/chat/completions", body), 400)
        expect_error(server.request("POST", "/v1/embeddings", b"{}"), 400, "model")
        with post(server, b'{"model":') as cut:
            cut.shutdown(socket.SHUT_WR)
        cut = socket.create_connection((server.host, server.port))
        cut.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        cut.close()
        head = {"Content-Length": str(10**11)}
        with socket.create_connection((server.host, server.port), timeout=30) as huge:
            lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
            huge.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nHost: {server.host}:{server.port}\r\nContent-Type: application/json\r\n{lines}\r\n".encode())
            answer = huge.recv(4096).decode(errors="replace")
            if " 413 " not in answer.split("\r\n")[0]:
                raise Failed(f"a body of 100 GB was not refused with 413: {answer[:200]!r}")
        server.still_well()
        server.comes_to_rest()


def case_prompt_of_10_mb(place):
    """10 MB of prompt: the context's size and the prompt's are named."""
    with place.server() as server:
        started = time.monotonic()
        expect_error(server.chat("The quick brown fox jumps. " * 400_000), 400, "8192")
        seconds = time.monotonic() - started
        if seconds > 60:
            raise Failed(f"the refusal took {seconds:.0f} s")
        expect_error(server.chat("我" * 3_500_000), 400, "8192")
        server.still_well()
        return f"{seconds:.1f} s to refuse, {server.rss_mb():.0f} MB"


def case_disconnect_1000(place):
    """A thousand clients leave in the middle of a stream; then the server is as before."""
    with place.server() as server:
        server.still_well()
        memory, files = server.rss_mb(), server.files()

        def leave(number):
            connection = post(server, story(seed=number, temperature=1))
            try:
                if number % 3:  # a third leaves before the first word
                    connection.recv(1 + number % 500)
            finally:
                connection.close()

        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(leave, range(1000)))
        seconds = time.monotonic() - started
        server.comes_to_rest()
        server.still_well()
        if server.rss_mb() > memory + 300:
            raise Failed(f"memory grew from {memory:.0f} to {server.rss_mb():.0f} MB")
        time.sleep(1)
        if server.files() > files + 20:
            raise Failed(f"open files grew from {files} to {server.files()}")
        return f"{seconds:.0f} s; memory {memory:.0f} to {server.rss_mb():.0f} MB, files {files} to {server.files()}"


def case_slow_client(place):
    """A client that does not read, and one that writes a byte a second, hold nobody up."""
    with place.server() as server:
        server.still_well()
        deaf = [post(server, story(max_tokens=2000), buffer=2048) for _ in range(2)]
        slow = [socket.create_connection((server.host, server.port)) for _ in range(50)]
        for connection in slow:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHo")
        started = time.monotonic()
        for _ in range(3):
            server.still_well()
        seconds = time.monotonic() - started
        for connection in deaf + slow:
            connection.close()
        server.comes_to_rest()
        return f"three answers in {seconds:.1f} s beside them"


def case_crowd(place):
    """Two hundred at once: each is answered, or told that the queue is full; none waits for ever."""
    with place.server() as server:
        server.still_well()
        ends = {}
        lock = threading.Lock()

        def ask(number):
            status, answer = server.request("POST", "/v1/chat/completions", json.loads(story(stream=False, max_tokens=4, seed=number)), timeout=300)
            if status not in (200, 429, 503):
                raise Failed(f"status {status}: {answer}")
            if status != 200 and answer["error"]["code"] != "queue_full":
                raise Failed(f"not named: {answer}")
            with lock:
                ends[status] = ends.get(status, 0) + 1

        with ThreadPoolExecutor(200) as pool:
            list(pool.map(ask, range(200)))
        server.comes_to_rest()
        server.still_well()
        return ", ".join(f"{count} x {status}" for status, count in sorted(ends.items()))


def case_memory_budget(place):
    """Models take turns in the memory they are allowed; one that can never fit is refused by name; nothing is killed."""
    small, large, texts = "smollm2-135m-instruct", "qwen2.5-coder-0.5b-instruct", "multilingual-e5-small"

    def ask(server, model, tokens=4):
        return server.request("POST", "/v1/completions", {"model": model, "prompt": "One", "max_tokens": tokens, "temperature": 0})

    with place.server("--memory", "700M", "--context", "1024") as server:
        for model in (small, large, small, large):
            status, answer = ask(server, model)
            if status != 200:
                raise Failed(f"{model}: {status} {answer}")
            if server.request("POST", "/v1/embeddings", {"model": texts, "input": "x"})[0] != 200:
                raise Failed("the embedding model found no room")
        if server.rss_mb() > 1100:
            raise Failed(f"{server.rss_mb():.0f} MB are in use")
        # While one is at work the other waits for it, or is told to come again.
        with ThreadPoolExecutor(8) as pool:
            ends = [status for status, _ in pool.map(lambda n: ask(server, (small, large)[n % 2], 60), range(8))]
        if set(ends) - {200, 429} or 200 not in ends:
            raise Failed(f"statuses {ends}")
        server.comes_to_rest()
        memory = server.rss_mb()
    with place.server("--memory", "300M") as server:
        status, answer = ask(server, large)
        if status != 400 or answer["error"]["code"] != "model_too_large" or large not in answer["error"]["message"]:
            raise Failed(f"{status} {answer}")
        if ask(server, small)[0] != 200:
            raise Failed("the small one fits")
    return f"{memory:.0f} MB; of eight for two models at once {ends.count(200)} x 200, {ends.count(429)} x 429"


def case_stop_while_streaming(place):
    """SIGTERM lets a short stream end, and does not wait for ever for one that nobody reads."""
    with place.server() as server:
        server.still_well()
        with post(server, story(max_tokens=30)) as short, post(server, story(max_tokens=4000)) as deaf:
            short.recv(10)
            deaf.recv(10)
            server.process.terminate()
            text = b""
            while piece := short.recv(65536):
                text += piece
            if b"[DONE]" not in text:
                raise Failed("the stream was cut instead of drained")
            started = time.monotonic()
            try:
                server.process.wait(60)
            except Exception:
                raise Failed("the server did not end within 60 s of SIGTERM while a client did not read") from None
            server.process.poll = lambda: None  # it ended as it should
            return f"ended after {time.monotonic() - started:.1f} s"


def case_uploads(place):
    """Uploads that are broken, unnamed, named upwards, or for a base with a bad name."""
    with place.server() as server:
        form = {"Content-Type": "multipart/form-data; boundary=B"}
        path = "/v1/knowledge_bases/a/documents"
        part = lambda name: f'--B\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\npurple umbrella\r\n--B--\r\n'.encode()
        for body in (b"", b"--B", b"nonsense", b"--B\r\n\r\nx\r\n--B--\r\n"):
            expect_error(server.request("POST", path, body, form), 400)
        expect_error(server.request("POST", path, part("a.txt"), {"Content-Type": "application/json"}), (400, 415))
        expect_error(server.request("POST", "/v1/knowledge_bases/..%2Fevil/documents", part("a.txt"), form), (400, 404))
        for name in ("../../evil.txt", "/etc/evil.txt", "a/../../evil.txt", "..\\evil.txt"):
            status, answer = server.request("POST", path, part(name), form)
            if status not in (202, 400):
                raise Failed(f"{name}: {status} {answer}")
        if list(place.folder.rglob("evil.txt")) and not all("kb" in str(found) for found in place.folder.rglob("evil.txt")):
            raise Failed(f"a file was written to {list(place.folder.rglob('evil.txt'))}")
        status, answer = server.request("POST", path, part("good.txt"), form)
        if status != 202 or answer["accepted"] != ["good.txt"]:
            raise Failed(f"a good upload: {status} {answer}")
        deadline = time.monotonic() + 60
        while not server.request("POST", "/v1/knowledge_bases/a/search", {"query": "purple umbrella", "mode": "lexical"})[1].get("hits"):
            if time.monotonic() > deadline:
                raise Failed("the upload is not searchable within 60 s")
            time.sleep(0.2)
        server.still_well()
