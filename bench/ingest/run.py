"""Ingest, ours beside a LangChain pipeline, over Debian's manuals. Run through run.sh.

Words searchable: the moment `ingest --no-wait` returns. Vectors searchable: the moment `ingest` returns.
"""
import datetime
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = ROOT / "target/release/sumeru"
DOCS = Path(os.environ.get("DOCS", ROOT / ".cache/manuals/docs"))
REPEATS = int(os.environ.get("REPEATS", "1"))


def timed(command):
    """Seconds, peak RSS in MB, standard output."""
    started = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output, _ = child.communicate(), None
    seconds = time.perf_counter() - started
    if child.returncode != 0:
        sys.exit(f"{command}: exit code {child.returncode}")
    return seconds, output[0]


def ours(data):
    fresh = tempfile.mkdtemp(prefix="bench-ingest-")
    try:
        os.symlink(Path(data) / "models", Path(fresh) / "models")
        base = ["/usr/bin/time", "-f", "%M", "-o", f"{fresh}/rss", str(SUMERU), "--data", fresh, "--json", "-q"]
        words, report = timed([*base, "ingest", str(DOCS), "--kb", "manuals", "--no-wait"])
        words_rss = int(Path(f"{fresh}/rss").read_text().split()[-1]) / 1024
        hits = json.loads(timed([str(SUMERU), "--data", fresh, "--json", "search", "how to add a user", "--kb", "manuals", "--mode", "lexical"])[1])
        assert hits["hits"], "words are not searchable"
        vectors, _ = timed([*base, "ingest", str(DOCS), "--kb", "manuals"])
        vectors_rss = int(Path(f"{fresh}/rss").read_text().split()[-1]) / 1024
        stats = json.loads(timed([str(SUMERU), "--data", fresh, "--json", "kb", "show", "manuals"])[1])
        return {
            "pipeline": "sumeru", "words_seconds": words, "end_seconds": words + vectors, "words_rss_mb": words_rss,
            "peak_rss_mb": max(words_rss, vectors_rss), "report": json.loads(report), "stats": stats,
        }
    finally:
        shutil.rmtree(fresh)


def main():
    data = os.environ["SUMERU_TEST_DATA"]
    mine = sorted((ours(data) for _ in range(REPEATS)), key=lambda r: r["end_seconds"])[REPEATS // 2]
    peer = json.loads(timed([sys.executable, str(Path(__file__).with_name("peer.py")), str(DOCS)])[1])
    megabytes = peer["bytes"] / 1e6
    rows = [
        ("documents", f"{mine['stats']['documents']}", f"{peer['documents'] - peer['failed']}"),
        ("passages", f"{mine['stats']['passages']}", f"{peer['chunks']}"),
        ("words searchable, s", f"{mine['words_seconds']:.1f}", "-"),
        ("  documents/s", f"{mine['stats']['documents'] / mine['words_seconds']:.1f}", "-"),
        ("  MB/s", f"{megabytes / mine['words_seconds']:.2f}", "-"),
        ("vectors searchable, s", f"{mine['end_seconds']:.1f}", f"{peer['end_seconds']:.1f}"),
        ("  documents/s", f"{mine['stats']['documents'] / mine['end_seconds']:.2f}", f"{peer['documents'] / peer['end_seconds']:.2f}"),
        ("  MB/s", f"{megabytes / mine['end_seconds']:.3f}", f"{megabytes / peer['end_seconds']:.3f}"),
        ("peak RSS, MB", f"{mine['peak_rss_mb']:.0f}", f"{peer['peak_rss_mb']:.0f}"),
    ]
    print(f"{'':24}{'sumeru':>12}{'langchain':>12}")
    for row in rows:
        print(f"{row[0]:24}{row[1]:>12}{row[2]:>12}")
    sooner = peer["end_seconds"] / mine["words_seconds"]
    print(f"words are searchable {sooner:.0f} x sooner than the pipeline ends; vectors {peer['end_seconds'] / mine['end_seconds']:.2f} x")
    out = ROOT / f"bench/runs/{datetime.date.today()}-ingest.json"
    out.write_text(json.dumps({"sumeru": mine, "peer": peer, "words_sooner": sooner}, indent=1) + "\n")
    print(f"written to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
