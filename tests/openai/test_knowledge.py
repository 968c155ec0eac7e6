"""A knowledge base as a model, and its own paths."""

import pathlib
import time

import pytest
from conftest import BILINGUAL, raw, user

SAMPLE = pathlib.Path(__file__).parents[2] / "examples" / "sample-kb"
CARRIED = "没有休完的年假可以结转几天？"


def check(annotations, text):
    """Citations in OpenAI's shape, with ours beside it."""
    assert annotations, f"no citation in {text!r}"
    for annotation in annotations:
        fields = annotation if isinstance(annotation, dict) else annotation.model_dump()
        assert fields["type"] == "url_citation"
        link, citation = fields["url_citation"], fields["citation"]
        assert text[link["start_index"] : link["end_index"]] == citation["marker"]
        status, document, _ = raw("GET", link["url"])
        assert status == 200, link["url"]
        begin, end = citation["span"]
        assert document["text"][begin:end] == citation["quote"], "the quotation stands in the document"


@pytest.fixture(scope="module")
def cited(client):
    return client.chat.completions.create(model="kb/sample", messages=user(CARRIED), temperature=0, max_tokens=120)


def test_an_answer_has_citations(cited):
    message = cited.choices[0].message
    assert message.content.strip() and cited.model.startswith("kb/sample")
    check(message.annotations, message.content)
    assert cited.usage.prompt_tokens > 100, "the passages are part of the prompt"


def test_the_citation_names_the_right_document(cited):
    documents = {annotation.model_dump()["citation"]["document"].rsplit("/", 1)[-1] for annotation in cited.choices[0].message.annotations}
    assert "leave-policy.zh.md" in documents


def test_an_answer_can_be_sent_back(client, cited):
    """Clients keep whole messages in their history, annotations and all."""
    history = [*user(CARRIED), cited.choices[0].message.model_dump(exclude_none=True), *user("每周可以远程办公几天？")]
    answer = client.chat.completions.create(model="kb/sample", messages=history, temperature=0, max_tokens=80)
    assert answer.choices[0].message.content.strip()


def test_no_answer_is_said_without_citations(client):
    answer = client.chat.completions.create(model="kb/sample", messages=user("Who won the chess world championship in 1972?"), temperature=0, max_tokens=60)
    assert answer.choices[0].message.content.strip() and not answer.choices[0].message.annotations


@pytest.fixture(scope="module")
def one_language():
    """Makes a knowledge base that holds one document of the sample; gone afterwards."""
    made = []

    def make(document):
        name = f"openai-suite-{document.split('.')[1]}"
        if name not in made:
            made.append(name)
            raw("DELETE", f"/v1/knowledge_bases/{name}")
            assert raw("POST", "/v1/knowledge_bases", {"name": name})[0] == 201
            part = f'--B\r\nContent-Disposition: form-data; name="files"; filename="{document}"\r\n\r\n'.encode()
            body = part + (SAMPLE / document).read_bytes() + b"\r\n--B--\r\n"
            path = f"/v1/knowledge_bases/{name}/documents"
            status, answer, _ = raw("POST", path, body, {"Content-Type": "multipart/form-data; boundary=B"})
            assert status == 202, answer
            until = time.monotonic() + 60
            while time.monotonic() < until:
                about = raw("GET", f"/v1/knowledge_bases/{name}")[1]
                if about["passages"] and about["vectors"] == about["passages"]:
                    break
                time.sleep(0.2)
        return f"kb/{name}"

    yield make
    for name in made:
        raw("DELETE", f"/v1/knowledge_bases/{name}")


@pytest.mark.parametrize(
    ("document", "question", "said"),
    [
        ("leave-policy.zh.md", "How long are access logs kept?", "The documents do not contain an answer to this question."),
        ("leave-policy.zh.md", "What is the hotel limit per night in Shanghai?", "The documents do not contain an answer to this question."),
        ("expense-policy.en.md", "访问日志保存多久？", "文档中没有找到这个问题的答案。"),
        ("expense-policy.en.md", "病假有几天？", "文档中没有找到这个问题的答案。"),
    ],
)
def test_figures_of_another_language_are_no_answer(client, one_language, document, question, said):
    """The small model takes whatever figures it is shown; that they stand there proves nothing by itself."""
    message = client.chat.completions.create(model=one_language(document), messages=user(question)).choices[0].message
    assert (message.content, message.annotations or []) == (said, [])


@pytest.mark.parametrize(
    ("document", "question", "figure", "quote"),
    [
        ("leave-policy.zh.md", "How long is the marriage leave?", "13", "婚假：13 天"),
        ("leave-policy.zh.md", "What hours must I be online when I work remotely?", "9:30", "9:30 至 17:00"),
        ("expense-policy.en.md", "国内每天的餐补是多少？", "120", "The daily meal allowance is CNY 120"),
        ("expense-policy.en.md", "超过多少天提交的报销不予支付？", "60", "Claims submitted after 60 days are not paid"),
    ],
)
def test_another_language_answers(client, one_language, document, question, figure, quote):
    message = client.chat.completions.create(model=one_language(document), messages=user(question)).choices[0].message
    assert figure in message.content
    check(message.annotations, message.content)
    assert quote in message.annotations[0].model_dump()["citation"]["quote"]


def test_streamed(client, cited):
    stream = client.chat.completions.create(
        model="kb/sample", messages=user(CARRIED), temperature=0, max_tokens=120, stream=True, stream_options={"include_usage": True}
    )
    text, annotations, usage = "", [], None
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            annotations += (choice.delta.model_extra or {}).get("annotations") or []
    assert text.strip() and usage.completion_tokens > 0
    check(annotations, text)


def test_the_model_can_be_chosen_and_so_can_the_search(client):
    answer = client.chat.completions.create(
        model=f"kb/sample@{BILINGUAL}", messages=user("How soon must I submit an expense claim?"), temperature=0, max_tokens=80,
        extra_body={"search_mode": "lexical"},
    )
    assert "30" in answer.choices[0].message.content


def test_a_wrong_search_mode_is_named():
    body = {"model": "kb/sample", "messages": user("x"), "search_mode": "fuzzy"}
    status, answer, _ = raw("POST", "/v1/chat/completions", body)
    assert status == 400 and answer["error"]["param"] == "search_mode"


@pytest.mark.parametrize("mode", ["hybrid", "lexical", "vector"])
@pytest.mark.parametrize(
    ("question", "document"),
    [("年假可以结转到下一年吗？", "leave-policy.zh.md"), ("hotel limit per night in Shanghai", "expense-policy.en.md")],
)
def test_search(mode, question, document):
    status, answer, _ = raw("POST", "/v1/knowledge_bases/sample/search", {"query": question, "top": 5, "mode": mode})
    assert status == 200 and answer["vectors_ready"] == 1
    assert document in [hit["document"].rsplit("/", 1)[-1] for hit in answer["hits"][:3]]
    for hit in answer["hits"]:
        assert hit["span"][0] < hit["span"][1] and hit["text"]


def test_search_crosses_languages():
    """A Chinese question, an English section, no word in common."""
    status, answer, _ = raw("POST", "/v1/knowledge_bases/sample/search", {"query": "访问日志保存多久？", "top": 3, "mode": "vector"})
    assert status == 200
    assert any("180 days" in hit["text"] for hit in answer["hits"])


def test_a_knowledge_base_comes_and_goes():
    name = "openai-suite"
    raw("DELETE", f"/v1/knowledge_bases/{name}")
    status, made, _ = raw("POST", "/v1/knowledge_bases", {"name": name})
    assert status == 201 and made["name"] == name
    assert raw("POST", "/v1/knowledge_bases", {"name": name})[0] == 409
    assert raw("POST", "/v1/knowledge_bases", {"name": "../evil"})[0] == 400
    assert name in [kb["name"] for kb in raw("GET", "/v1/knowledge_bases")[1]["knowledge_bases"]]
    assert raw("DELETE", f"/v1/knowledge_bases/{name}")[0] == 204
    assert raw("GET", f"/v1/knowledge_bases/{name}")[0] == 404
