"""Embeddings beside sentence-transformers and onnxruntime: the same weights and texts, two threads. Run through run.sh.

Each round takes every engine once, in turn, with texts none has seen; ratios are medians of rounds. Ours is asked through HTTP, the others in
their own process, tokenising included. REPEATS=N rounds."""

import json
import os
import statistics
from pathlib import Path

import numpy as np
import torch

from embedders import OnnxRuntime, Ours, SentenceTransformers, Weights, speed
from servers import DATA, ROOT, ours, run_file

MODEL = "multilingual-e5-small"
REPEATS = int(os.environ.get("REPEATS", "5"))
# Tokens of a text, and texts in a round.
SIZES = {32: 256, 256: 64}
# Weights in 4 bits are the same; activations in 8 bits and odd characters' ids are not.
ALIKE = 0.995


def texts(tokenizer, size, count, at):
    """So many texts of so many tokens, none seen before."""
    text = "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*/*.md")))
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    # Begin and end are added.
    starts = [(at + 7919 * i) % (len(ids) - size) for i in range(count)]
    return [tokenizer.decode(ids[start : start + size - 2]) for start in starts]


def main():
    torch.set_num_threads(2)
    folder = ROOT / ".cache/embedders"
    folder.mkdir(parents=True, exist_ok=True)
    weights = Weights(next((DATA / "models" / MODEL).glob("*.gguf")))
    peers = [SentenceTransformers(weights, folder), OnnxRuntime(weights, folder, 32), OnnxRuntime(weights, folder, 8)]
    tokenizer = weights.tokenizer()
    rows = []
    print(f"{'texts in a second':32} {'sumeru':>9} {'beside':>9} {'ratio':>6} {'cosine':>8}")
    with ours(MODEL, 1, embeds=True) as server:
        mine = Ours(server)
        for size, count in SIZES.items():
            rounds, likeness = [], {}
            for repeat in range(REPEATS + 1):
                asked = texts(tokenizer, size, count, repeat * 101)
                turn = [mine, *peers] if repeat % 2 else [*peers, mine]
                got = {embedder.name: speed(embedder, asked) for embedder in turn}
                vectors = {name: result[1] for name, result in got.items()}
                likeness = {name: float((vectors[name] * vectors["sumeru"]).sum(-1).mean()) for name in vectors}
                # The first round is for loading and for memory to settle.
                if repeat:
                    rounds.append({name: result[0] for name, result in got.items()})
            if min(likeness[name] for name in ("sentence-transformers", "onnxruntime")) < ALIKE:
                raise SystemExit(f"the vectors are not those of the same model: {likeness}")
            tokens = mine.tokens / count
            for peer in peers:
                ratio = statistics.median(row["sumeru"] / row[peer.name] for row in rounds)
                a, b = (statistics.median(row[name] for row in rounds) for name in ("sumeru", peer.name))
                print(f"{size:4} tokens, {peer.name:20} {a:9.1f} {b:9.1f} {ratio:6.2f} {likeness[peer.name]:8.5f}", flush=True)
                rows.append({"tokens": size, "counted": tokens, "texts": count, "peer": peer.name, "ratio": ratio, "cosine": likeness[peer.name],
                             "rounds": [[row["sumeru"], row[peer.name]] for row in rounds]})
    if os.environ.get("KEEP_RUN", "1") == "1":
        out = run_file("embeddings")
        out.write_text(json.dumps({"model": MODEL, "rows": rows}, indent=1) + "\n")
        print(f"written to {out.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
