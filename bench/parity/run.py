"""Same ids, same continuations, same vectors as independent implementations, through the product's own door.

    SUMERU_MODELS=~/.local/share/sumeru/models bench/parity/run.sh [NAME...]

Tolerances: ids are equal on every line. A greedy continuation is equal, or at its first difference the reference holds
our token within GAP of its own in log probability: both round activations to eight bits, each in its own order, so near
ties may fall either way. Where the reference's gap is wider, our engine without rounding is the judge: its own gap between
the two tokens must be within GAP, or in our favour. Vectors have a cosine of at least COSINE.
"""

import datetime
import hashlib
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import numpy as np

from corpus import ENGLISH_PROMPTS, PASSAGES, PROMPTS, corpus
from reference import E5, Bert, LlamaCpp, free_port, post

ROOT = Path(__file__).resolve().parents[2]
SUMERU = os.environ.get("SUMERU", str(ROOT / "target/release/sumeru"))
# What answers without rounding: an example of the engine.
JUDGE = os.environ.get("SUMERU_JUDGE", "cargo run -q --release -p engine --example parity --").split()
TOKENS = 64
GAP = 0.3
COSINE = 0.999

LANGUAGE_MODELS = ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b", "smollm2-135m", "gemma-3-270m"]
EMBEDDERS = {"e5-small": "passage: ", "all-minilm-l6-v2": ""}


def plain(name):
    return "".join(c for c in name.lower() if c.isalnum())


def installed(address):
    with urllib.request.urlopen(f"{address}/v1/models") as response:
        return [model["id"] for model in json.load(response)["data"]]


def match(name, names):
    """The served model a short name means: the product may call it by a longer one."""
    found = [other for other in names if plain(name) in plain(other)]
    return min(found, key=len, default=None)


def model_file(folder, name):
    found = [path for path in folder.rglob("*.gguf") if plain(name) in plain(str(path.relative_to(folder)))]
    return min(found, key=lambda path: len(str(path)), default=None)


class Sumeru:
    """The product, started as a user starts it."""

    def __init__(self, data):
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        command = [SUMERU, "--data", str(data), "serve", "--port", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.address}/healthz", timeout=1).read()
                return
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit(f"{' '.join(command)} did not become ready")
                time.sleep(0.05)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def tokenize(self, model, text):
        return [token["id"] for token in post(f"{self.address}/tokenize", {"model": model, "text": text})["tokens"]]

    def greedy(self, model, prompt, count):
        body = {"model": model, "prompt": prompt, "max_tokens": count, "temperature": 0, "logprobs": 5}
        return post(f"{self.address}/v1/completions", body)["choices"][0]["logprobs"]["tokens"]

    def embed(self, model, texts):
        answer = post(f"{self.address}/v1/embeddings", {"model": model, "input": texts})
        return np.array([entry["embedding"] for entry in sorted(answer["data"], key=lambda entry: entry["index"])])


def reference_worker(path, texts, prompts, out):
    """In a process of its own, so that the reference's memory and threads are gone before ours are used."""
    llama = LlamaCpp(path)
    ids = [llama.tokenize(text) for text in texts]
    steps = [llama.greedy(prompt, TOKENS) for prompt in prompts]
    Path(out).write_text(json.dumps({"ids": ids, "steps": steps}))
    os._exit(0)


def reference(path, texts, prompts):
    """What the reference says, kept from run to run: it does not change, and takes most of the time."""
    import xllamacpp

    version = getattr(xllamacpp, "__version__", "?")
    asked = json.dumps([path.name, path.stat().st_size, version, TOKENS, texts, prompts])
    kept = ROOT / ".cache/parity" / f"{path.stem}-{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        answer = ask_reference(path, texts, prompts)
        kept.write_text(json.dumps(answer))
    return json.loads(kept.read_text())


def ask_reference(path, texts, prompts):
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        process = multiprocessing.get_context("spawn").Process(target=reference_worker, args=(path, texts, prompts, out.name))
        process.start()
        process.join()
        return json.loads(Path(out.name).read_text())


def raw(token):
    """A token's bytes; one that is no whole character is written `bytes:\\xe4\\xbd`."""
    if token.startswith("bytes:"):
        return bytes(int(pair, 16) for pair in token[6:].split("\\x") if pair)
    return token.encode()


def characters(tokens):
    """Tokens that share a character joined, which is how llama.cpp reports them."""
    joined, pending = [], b""
    for token in tokens:
        pending += raw(token)
        text = pending.decode(errors="replace")
        if not text.endswith("\ufffd"):
            joined.append(text)
            pending = b""
    return joined + ([pending.decode(errors="replace")] if pending else [])


def first_difference(steps, tokens):
    """None if equal; else (place, gap in log probability or infinity, the two tokens)."""
    tokens = characters(tokens)
    for at, (theirs, likelihood, rivals) in enumerate(steps):
        ours = tokens[at] if at < len(tokens) else ""
        if theirs != ours:
            # An end token has no text; neither side may be without one alone.
            return at, likelihood - rivals.get(ours, float("-inf")), theirs, ours
        if not ours:
            break
    return None


def without_rounding(path, texts):
    """For each text the likeliest next tokens and their log probabilities, activations left as they are."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as lines:
        lines.write("\n".join(map(json.dumps, texts)))
        lines.flush()
        command = [*JUDGE, "exact", path, lines.name]
        answer = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True).stdout
    return [dict(json.loads(line)) for line in answer.splitlines()]


def judged(path, prompts, steps, differences):
    """The wide differences, each with the gap that unrounded activations give; the same order."""
    wide = [at for at, difference in enumerate(differences) if difference and difference[1] > GAP]
    if not wide:
        return {}
    texts = [prompts[at] + "".join(step[0] for step in steps[at][: differences[at][0]]) for at in wide]
    least = float("-inf")
    gaps = {}
    for at, exact in zip(wide, without_rounding(path, texts)):
        _, _, theirs, ours = differences[at]
        gaps[at] = exact[theirs] - exact.get(ours, least) if theirs in exact else least if ours in exact else float("inf")
    return gaps


def language_model(sumeru, served, path):
    texts = corpus()
    prompts = ENGLISH_PROMPTS if plain("smollm") in plain(served) else PROMPTS
    expected = reference(path, texts, prompts)
    wrong = [text for text, ids in zip(texts, expected["ids"]) if sumeru.tokenize(served, text) != ids]
    differences = [first_difference(steps, sumeru.greedy(served, prompt, TOKENS)) for prompt, steps in zip(prompts, expected["steps"])]
    exact = judged(path, prompts, expected["steps"], differences)
    for text in wrong[:3]:
        print(f"  {served}: other ids for {text[:80]!r}")
    for at, difference in enumerate(differences):
        if difference:
            place, gap, theirs, ours = difference
            judge = f", {exact[at]:.3f} without rounding" if at in exact else ""
            print(f"  {served}: at token {place} {ours!r} instead of {theirs!r}, gap {gap:.3f}{judge}")
    gaps = [difference[1] for difference in differences if difference]
    worst = max(gaps, default=0.0)
    refuted = sum(gap > GAP for gap in exact.values())
    return {
        "model": served, "lines": len(texts), "lines_wrong": len(wrong), "prompts": len(prompts), "equal": len(prompts) - len(gaps),
        "near_ties": sum(gap <= GAP for gap in gaps), "judged": len(exact), "refuted": refuted,
        "worst_gap": None if worst == float("inf") else worst, "passed": not wrong and not refuted,
    }


def embedder(sumeru, served, prefix, peer):
    ours = sumeru.embed(served, [prefix + text for text in PASSAGES])
    cosines = [float(np.dot(vector, peer.embed(text))) for vector, text in zip(ours, PASSAGES)]
    return {"model": served, "texts": len(PASSAGES), "least_cosine": min(cosines), "passed": min(cosines) >= COSINE}


def safetensors_folder(folder):
    return next((path.parent for path in folder.rglob("model.safetensors") if (path.parent / "config.json").exists()), None)


def rows(sumeru, models, wanted):
    names = installed(sumeru.address)
    for name in LANGUAGE_MODELS:
        served, path = match(name, names), model_file(models, name)
        if name in wanted and (not served or not path):
            yield {"model": name, "passed": False, "missing": "served name" if not served else f"file under {models}"}
        elif name in wanted:
            yield language_model(sumeru, served, path)
    for name, prefix in EMBEDDERS.items():
        if name not in wanted:
            continue
        served, folder = match(name, names), safetensors_folder(models)
        if not served or (name != "e5-small" and not folder):
            yield {"model": name, "passed": False, "missing": "served name" if not served else f"model.safetensors under {models}"}
        else:
            yield embedder(sumeru, served, prefix, E5() if name == "e5-small" else Bert(folder))


def table(results):
    lines = [("model", "ids", "continuations", "vectors", "")]
    for row in results:
        ids = f"{row['lines'] - row['lines_wrong']}/{row['lines']}" if "lines" in row else "-"
        gap = "no bound" if row.get("worst_gap", 0) is None else f"{row.get('worst_gap', 0):.3f}"
        equal = f"{row['equal']}/{row['prompts']} equal, {row['near_ties']} near ties, {row['judged']} judged, worst gap {gap}" if "equal" in row else "-"
        vectors = f"cosine >= {row['least_cosine']:.5f}" if "least_cosine" in row else "-"
        lines.append((row["model"], ids, equal, vectors, "ok" if row["passed"] else f"FAILED {row.get('missing', '')}"))
    widths = [max(len(line[column]) for line in lines) for column in range(5)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def main():
    wanted = sys.argv[1:] or LANGUAGE_MODELS + list(EMBEDDERS)
    home = Path.home() / ".local/share/sumeru"
    models = Path(os.environ.get("SUMERU_MODELS", Path(os.environ.get("SUMERU_DATA", home)) / "models"))
    data = Path(os.environ.get("SUMERU_DATA", models.parent))
    sumeru = Sumeru(data)
    try:
        results = list(rows(sumeru, models, wanted))
    finally:
        sumeru.stop()
    print(table(results))
    summary = {"date": str(datetime.date.today()), "tokens": TOKENS, "gap": GAP, "cosine": COSINE, "results": results}
    runs = ROOT / "bench/runs"
    runs.mkdir(exist_ok=True)
    paths = (runs / f"{datetime.date.today()}-parity{end}.json" for end in ("", *(f"-{n}" for n in range(2, 100))))
    next(path for path in paths if not path.exists()).write_text(json.dumps(summary, indent=1) + "\n")
    sys.exit(0 if all(row["passed"] for row in results) else 1)


if __name__ == "__main__":
    main()
