import openai
import pytest
from conftest import BILINGUAL, EMBEDDER, SMALL, raw


def test_list_has_models_and_knowledge_bases(client):
    models = {model.id: model for model in client.models.list()}
    assert {SMALL, BILINGUAL, EMBEDDER, "kb/sample"} <= models.keys()
    assert all(model.object == "model" and model.owned_by and model.created >= 0 for model in models.values())


@pytest.mark.parametrize("name", [SMALL, EMBEDDER, "kb/sample"])
def test_retrieve(client, name):
    assert client.models.retrieve(name).id == name


def test_retrieve_unknown(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-9")
    assert caught.value.code == "model_not_found"
    assert "gpt-9" in caught.value.message


def test_describes_itself():
    assert raw("GET", "/healthz")[1]["status"] == "ok"
    status, document, _ = raw("GET", "/openapi.json")
    assert status == 200 and document["openapi"].startswith("3.1")
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/models"):
        assert path in document["paths"]
    status, text, headers = raw("GET", "/metrics")
    assert status == 200 and headers["content-type"].startswith("text/plain") and "# TYPE " in text


def test_every_answer_has_a_request_id(client):
    answer = client.models.with_raw_response.list()
    other = client.models.with_raw_response.list()
    assert answer.headers["x-request-id"] and answer.headers["x-request-id"] != other.headers["x-request-id"]
