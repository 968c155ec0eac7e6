"""Ingest, ours beside a LangChain pipeline, over Debian's manuals. Run through run.sh.

Words searchable: the moment `ingest --no-wait` returns. Vectors searchable: the moment a second `ingest` returns.
DOCS=FOLDER takes other documents, REPEATS=N the median of N runs of ours, KEEP=DIR keeps what the last of them made.
RESUME=1 goes on with a run that was cut: ours as it was measured, the pipeline where it stopped. ALONE=1 measures ours only.
"""
import datetime
import json
import os
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
REACHED = ROOT / ".cache/ingest-ours.json"


def timed(command, codes=(0,)):
    """Seconds, peak RSS in MB, standard output."""
    started = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=said)
        # The kernel's own account of this child, as /usr/bin/time would print it.
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in codes:
            sys.exit(f"{' '.join(map(str, command))}: exit code {child.returncode}")
        said.seek(0)
        return seconds, usage.ru_maxrss / 1024, said.read().decode()


def ours(data):
    fresh = tempfile.mkdtemp(prefix="bench-ingest-")
    try:
        os.symlink(Path(data) / "models", Path(fresh) / "models")
        base = [str(SUMERU), "--data", fresh, "--json", "-q"]
        # 3 is "done in part": a document that cannot be read is listed in the report, and counted below.
        words, words_rss, report = timed([*base, "ingest", str(DOCS), "--kb", "manuals", "--no-wait"], codes=(0, 3))
        hits = json.loads(timed([*base, "search", "how to add a user", "--kb", "manuals", "--mode", "lexical"])[2])
        if not hits["hits"]:
            sys.exit("words are not searchable")
        vectors, vectors_rss, _ = timed([*base, "ingest", str(DOCS), "--kb", "manuals"], codes=(0, 3))
        stats = json.loads(timed([*base, "kb", "show", "manuals"])[2])
        if stats["vectors"] != stats["passages"]:
            sys.exit(f"{stats['vectors']} of {stats['passages']} passages have vectors")
        return {
            "pipeline": "sumeru", "words_seconds": words, "end_seconds": words + vectors, "words_rss_mb": words_rss,
            "peak_rss_mb": max(words_rss, vectors_rss), "report": json.loads(report), "stats": stats,
        }
    finally:
        if keep := os.environ.get("KEEP"):
            shutil.rmtree(keep, ignore_errors=True)
            shutil.move(fresh, keep)
        else:
            shutil.rmtree(fresh)


def rows(mine, peer):
    megabytes = peer["bytes"] / 1e6
    yield "documents", f"{mine['stats']['documents']}", f"{peer['documents'] - peer['failed']}"
    yield "passages", f"{mine['stats']['passages']}", f"{peer['chunks']}"
    yield "words searchable, s", f"{mine['words_seconds']:.1f}", "-"
    yield "  documents/s", f"{mine['stats']['documents'] / mine['words_seconds']:.1f}", "-"
    yield "  MB/s", f"{megabytes / mine['words_seconds']:.2f}", "-"
    yield "vectors searchable, s", f"{mine['end_seconds']:.1f}", f"{peer['end_seconds']:.1f}"
    yield "  documents/s", f"{mine['stats']['documents'] / mine['end_seconds']:.2f}", f"{peer['documents'] / peer['end_seconds']:.2f}"
    yield "  MB/s", f"{megabytes / mine['end_seconds']:.3f}", f"{megabytes / peer['end_seconds']:.3f}"
    yield "peak RSS, MB", f"{mine['peak_rss_mb']:.0f}", f"{peer['peak_rss_mb']:.0f}"


def keep(run):
    out = ROOT / "bench/runs" / f"{datetime.date.today()}-ingest.json"
    out.write_text(json.dumps(run, indent=1) + "\n")
    print(f"written to {out.relative_to(ROOT)}")


def main():
    data = os.environ.get("SUMERU_TEST_DATA", ROOT / ".cache/test-data")
    if os.environ.get("RESUME") and REACHED.exists():
        mine = json.loads(REACHED.read_text())
    else:
        print(f"{DOCS}: ours", flush=True)
        mine = sorted((ours(data) for _ in range(REPEATS)), key=lambda run: run["end_seconds"])[REPEATS // 2]
        REACHED.write_text(json.dumps(mine))
    print(json.dumps(mine), flush=True)
    if os.environ.get("ALONE"):
        keep({"sumeru": mine})
        return
    print(f"{DOCS}: LangChain (it embeds about two passages a second, and goes on where it stopped)", flush=True)
    peer = json.loads(timed([sys.executable, str(Path(__file__).with_name("peer.py")), str(DOCS), str(ROOT / ".cache/ingest-peer.db")])[2])
    print(f"{'':24}{'sumeru':>12}{'langchain':>12}")
    for name, ours_, theirs in rows(mine, peer):
        print(f"{name:24}{ours_:>12}{theirs:>12}")
    sooner = peer["end_seconds"] / mine["words_seconds"]
    print(f"words are searchable {sooner:.0f} x sooner than the pipeline ends; vectors {peer['end_seconds'] / mine['end_seconds']:.2f} x")
    keep({"sumeru": mine, "peer": peer, "words_sooner": sooner})


if __name__ == "__main__":
    main()
