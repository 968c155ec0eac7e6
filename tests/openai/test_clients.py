"""Other people's clients, unmodified: LangChain and the `llm` command."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import BILINGUAL, EMBEDDER, SMALL, URL
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings


@pytest.fixture(scope="module")
def chat():
    return ChatOpenAI(base_url=f"{URL}/v1", api_key="-", model=SMALL, temperature=0, max_tokens=24, max_retries=0)


def test_langchain_chat(chat):
    answer = chat.invoke([SystemMessage("Be brief."), HumanMessage("Name a colour.")])
    assert answer.content.strip() and answer.usage_metadata["output_tokens"] > 0
    assert answer.response_metadata["model_name"] == SMALL


def test_langchain_stream(chat):
    chat.invoke("Name three colours.")  # see conftest.settled
    pieces = [piece.content for piece in chat.stream("Name three colours.")]
    assert len([piece for piece in pieces if piece]) > 3 and "".join(pieces) == chat.invoke("Name three colours.").content


def test_langchain_tools():
    @tool
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    model = ChatOpenAI(base_url=f"{URL}/v1", api_key="-", model=BILINGUAL, temperature=0, max_tokens=64, max_retries=0)
    plain = model.invoke("What is 2 + 3?")
    answer = model.bind_tools([add]).invoke("What is 2 + 3?")
    assert answer.usage_metadata["input_tokens"] > plain.usage_metadata["input_tokens"] + 30
    assert answer.content or answer.tool_calls


def test_langchain_embeddings():
    # Its length check would send the ids of OpenAI's own tokenizer, which no other model knows.
    embeddings = OpenAIEmbeddings(base_url=f"{URL}/v1", api_key="-", model=EMBEDDER, check_embedding_ctx_length=False)
    one, two, far = embeddings.embed_documents(["annual leave", "年假", "copper price"])
    likeness = lambda a, b: sum(x * y for x, y in zip(a, b))
    assert likeness(one, two) > likeness(one, far) and len(embeddings.embed_query("annual leave")) == 384


@pytest.fixture(scope="module")
def llm(tmp_path_factory):
    home = tmp_path_factory.mktemp("llm")
    (home / "extra-openai-models.yaml").write_text(
        f"- model_id: small\n  model_name: {SMALL}\n  api_base: {URL}/v1\n"
        f"- model_id: sample\n  model_name: kb/sample\n  api_base: {URL}/v1\n"
    )

    def run(*arguments):
        command = [str(Path(sys.executable).with_name("llm")), *arguments]
        environment = {**os.environ, "LLM_USER_PATH": str(home), "OPENAI_API_KEY": "-"}
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_llm_command(llm):
    assert "small" in llm("models")
    asked = ["-m", "small", "Name three colours.", "-o", "temperature", "0", "-o", "max_tokens", "24"]
    llm(*asked)  # see conftest.settled
    streamed = llm(*asked)
    whole = llm("-m", "small", "--no-stream", "Name three colours.", "-o", "temperature", "0", "-o", "max_tokens", "24")
    assert streamed.strip() and streamed == whole


def test_llm_command_asks_a_knowledge_base(llm):
    answer = llm("-m", "sample", "密码至少要多少个字符？", "-o", "temperature", "0", "-o", "max_tokens", "80")
    assert "14" in answer
