"""Labels, and the measures made of them."""

import fnmatch
import json
import math
import random
import unicodedata
from pathlib import Path

QUESTIONS = Path(__file__).with_name("questions.jsonl")


def plain(text):
    """Letters and digits only: what a label is compared by, however a document was laid out."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def questions():
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


def grade(question, document, section, text):
    """How well a passage answers; `text` already plain."""
    best = 0
    for answer in question["answers"]:
        if answer["grade"] > best and fnmatch.fnmatch("/" + document, answer["document"]):
            in_section = any(plain(part) in plain(section) for part in answer.get("section", []))
            in_text = any(all(plain(part) in text for part in wanted.split("&&")) for wanted in answer.get("text", []))
            if in_section or in_text:
                best = answer["grade"]
    return best


def judged(questions, passages):
    """For each question the grades of the passages that have one, by passage id."""
    texts = [(passage["id"], passage["document"], passage["section"], plain(passage["text"])) for passage in passages]
    return {
        question["id"]: {id: g for id, document, section, text in texts if (g := grade(question, document, section, text))}
        for question in questions
    }


def scores(ranking, grades):
    """nDCG@10, recall@5 and @10, success@5 of one ranking of passage ids."""
    gain = lambda g, rank: (2**g - 1) / math.log2(rank + 2)
    ideal = sum(gain(g, rank) for rank, g in enumerate(sorted(grades.values(), reverse=True)[:10]))
    found = sum(gain(grades.get(id, 0), rank) for rank, id in enumerate(ranking[:10]))
    recall = lambda k: len(grades.keys() & set(ranking[:k])) / min(k, len(grades))
    return {"ndcg@10": found / ideal, "recall@5": recall(5), "recall@10": recall(10), "success@5": float(recall(5) > 0)}


def mean(values):
    values = list(values)
    return sum(values) / len(values) if values else float("nan")


def difference(ours, theirs, rounds=10_000):
    """Mean difference of paired values and its 95% interval by bootstrap over the pairs; seeded, so that it can be repeated."""
    differences = [a - b for a, b in zip(ours, theirs)]
    chance = random.Random(7)
    means = sorted(mean(chance.choices(differences, k=len(differences))) for _ in range(rounds))
    return {"mean": mean(differences), "low": means[int(rounds * 0.025)], "high": means[int(rounds * 0.975)]}
