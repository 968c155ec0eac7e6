"""Passages in the order in which they answer."""

import pytest
from conftest import BILINGUAL, SMALL, raw

LOGS = ["Lunch is served at noon in the canteen.", "Access logs are kept for 180 days.", "The QS-200 weighs 142 g."]
LEAVE = ["食堂中午十二点开饭。", "没有休完的年假最多可以结转 5 天到下一年。", "密码长度不得少于 14 个字符。"]


@pytest.mark.parametrize(
    ("query", "documents"), [("How long are access logs kept?", LOGS), ("年假可以结转几天？", LEAVE)]
)
def test_the_answer_comes_first(query, documents):
    status, answer, _ = raw("POST", "/v1/rerank", {"model": BILINGUAL, "query": query, "documents": documents})
    assert status == 200
    scores = [result["relevance_score"] for result in answer["results"]]
    assert answer["results"][0]["index"] == 1 and answer["results"][0]["document"]["text"] == documents[1]
    assert scores == sorted(scores, reverse=True) and all(0 <= score <= 1 for score in scores)
    assert answer["usage"]["total_tokens"] > 100


def test_some_without_their_texts():
    body = {"model": BILINGUAL, "query": "How long are access logs kept?", "documents": [{"text": text} for text in LOGS], "top_n": 2, "return_documents": False}
    status, answer, _ = raw("POST", "/v1/rerank", body)
    assert status == 200 and len(answer["results"]) == 2 and "document" not in answer["results"][0]


def test_many_at_once_are_as_one_by_one():
    documents = [f"Passage {number} is about the number {number}." for number in range(40)]
    body = {"model": SMALL, "query": "Which passage is about 7?", "documents": documents}
    together = {result["index"]: result["relevance_score"] for result in raw("POST", "/v1/rerank", body)[1]["results"]}
    for number in (0, 7, 39):
        alone = raw("POST", "/v1/rerank", {**body, "documents": [documents[number]]})[1]["results"][0]
        assert alone["relevance_score"] == together[number]


def test_a_passage_that_is_too_long_is_named():
    body = {"model": SMALL, "query": "x", "documents": ["short", "long " * 20_000]}
    status, answer, _ = raw("POST", "/v1/rerank", body)
    assert status == 400 and answer["error"]["param"] == "documents[1]" and answer["error"]["code"] == "context_length_exceeded"
