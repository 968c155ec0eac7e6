"""Start to ready, idle memory and binary size, through the product's own door; with --clean-build also the time of a build from nothing."""
import argparse
import datetime
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = ROOT / "target/release/sumeru"
REPEATS = 10


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def once(data):
    """Seconds until /healthz answers, and resident megabytes a second later."""
    port = free_port()
    started = time.perf_counter()
    server = subprocess.Popen([SUMERU, "--data", data, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).read()
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("the server ended before it was ready") from None
                time.sleep(0.002)
        ready = time.perf_counter() - started
        time.sleep(1)
        status = Path(f"/proc/{server.pid}/status").read_text()
        rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
        return ready, rss
    finally:
        server.terminate()
        server.wait()


def clean_build():
    """Seconds of `cargo build --release` into an empty folder; the UI must have been built."""
    folder = tempfile.mkdtemp(prefix="bench-build-")
    try:
        started = time.perf_counter()
        subprocess.run(["cargo", "build", "--release", "--workspace", "--bins"], cwd=ROOT, check=True, env={**os.environ, "CARGO_TARGET_DIR": folder})
        return time.perf_counter() - started
    finally:
        shutil.rmtree(folder)


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--clean-build", action="store_true", help="takes many minutes")
    options = options.parse_args()
    with tempfile.TemporaryDirectory() as empty:
        fresh = [once(empty) for _ in range(REPEATS)]
    # The models of the tests, in a directory of its own: another process may be writing to theirs.
    models = Path(os.environ.get("SUMERU_TEST_DATA", ROOT / ".cache/test-data")) / "models"
    with tempfile.TemporaryDirectory() as data:
        (Path(data) / "models").symlink_to(models)
        used = [once(data) for _ in range(REPEATS)]
    result = {
        "ready_ms": {"empty": 1e3 * statistics.median(r for r, _ in fresh), "with models": 1e3 * statistics.median(r for r, _ in used)},
        "idle_rss_mb": {"empty": statistics.median(m for _, m in fresh), "with models": statistics.median(m for _, m in used)},
        "binary_mb": SUMERU.stat().st_size / 1e6,
        "repeats": REPEATS,
    }
    if options.clean_build:
        result["clean_build_seconds"] = clean_build()
    print(json.dumps(result, indent=1))
    runs = ROOT / "bench/runs"
    runs.mkdir(exist_ok=True)
    (runs / f"{datetime.date.today()}-start.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
