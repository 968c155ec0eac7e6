"""Start to ready, idle memory and binary size, through the product's own door."""
import datetime
import json
import os
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = ROOT / "target/release/sumeru"
REPEATS = 10


def once(data):
    port = 18080
    started = time.perf_counter()
    server = subprocess.Popen([SUMERU, "--data", data, "serve", "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=1).read()
                break
            except OSError:
                if server.poll() is not None:
                    raise SystemExit("the server ended before it was ready")
                time.sleep(0.002)
        ready = time.perf_counter() - started
        time.sleep(1)
        status = Path(f"/proc/{server.pid}/status").read_text()
        rss = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024
        return ready, rss
    finally:
        server.terminate()
        server.wait()


def main():
    with tempfile.TemporaryDirectory() as empty:
        fresh = [once(empty) for _ in range(REPEATS)]
    used = [once(os.environ["SUMERU_TEST_DATA"]) for _ in range(REPEATS)]
    result = {
        "ready_ms": {"empty": 1e3 * statistics.median(r for r, _ in fresh), "with models": 1e3 * statistics.median(r for r, _ in used)},
        "idle_rss_mb": {"empty": statistics.median(m for _, m in fresh), "with models": statistics.median(m for _, m in used)},
        "binary_mb": SUMERU.stat().st_size / 1e6,
        "repeats": REPEATS,
    }
    print(json.dumps(result, indent=1))
    (ROOT / f"bench/runs/{datetime.date.today()}-start.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
