"""Evals through the official client: made, run over models, over given answers and over files, read, stopped, removed."""

import json
import time

import openai
import pytest
from conftest import BILINGUAL, EMBEDDER, SMALL, raw

ITEMS = [
    {"question": "1+1=? Answer with the number only.", "expected": "2"},
    {"question": "What is the capital of France? Answer with one word.", "expected": "Paris"},
    {"question": "中国的首都是哪个城市？只回答城市名。", "expected": "北京"},
    {"question": "请把“你好”翻译成英文，只回答一个词。", "expected": "Hello"},
]
SCHEMA = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "expected": {"type": "string"}},
    "required": ["question", "expected"],
}
SAME = {"type": "string_check", "name": "same", "input": "{{sample.output_text}}", "reference": "{{item.expected}}", "operation": "ilike"}


def near(metric, threshold=0.5):
    compared = {"input": "{{sample.output_text}}", "reference": "{{item.expected}}"}
    return {"type": "text_similarity", "name": metric, **compared, "evaluation_metric": metric, "pass_threshold": threshold}


JUDGES = [
    {
        "type": "label_model",
        "name": "verdict",
        "model": BILINGUAL,
        "input": [
            {"role": "system", "content": "You compare an answer with the expected one."},
            {"role": "user", "content": "Expected: {{item.expected}}\nAnswer: {{ sample.output_text }}\nIs the answer right or wrong?"},
        ],
        "labels": ["right", "wrong"],
        "passing_labels": ["right"],
    },
    {
        "type": "score_model",
        "name": "score",
        "model": BILINGUAL,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "问题：{{item.question}}\n回答：{{sample.output_text}}\n回答有多好？"}]}],
        "range": [0, 10],
        "pass_threshold": 5,
        "sampling_params": {"temperature": 0, "max_completions_tokens": 600},
    },
]


def make(client, criteria, **more):
    config = {"type": "custom", "item_schema": SCHEMA, "include_sample_schema": True}
    return client.evals.create(data_source_config=config, testing_criteria=criteria, **more)


def content(items, samples=None):
    rows = [{"item": item} for item in items]
    for row, sample in zip(rows, samples or []):
        row["sample"] = {"output_text": sample}
    return {"type": "file_content", "content": rows}


def lines(items, samples=None):
    """The same rows as a file has them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in content(items, samples)["content"]).encode()


def asked(model, items, kind="completions", **sampling):
    template = [
        {"role": "developer", "content": "Answer briefly."},
        {"role": "user", "content": {"type": "input_text", "text": "{{item.question}}"}},
    ]
    return {
        "type": kind,
        "model": model,
        "source": content(items),
        "input_messages": {"type": "template", "template": template},
        "sampling_params": {"temperature": 0, "max_completion_tokens": 24, "seed": 1, **sampling},
    }


def ended(client, run, seconds=600):
    for _ in range(seconds * 4):
        now = client.evals.runs.retrieve(run.id, eval_id=run.eval_id)
        if now.status not in ("queued", "in_progress"):
            return now
        time.sleep(0.25)
    raise AssertionError(f"the run did not end: {now}")


@pytest.fixture
def judged(client):
    made = make(client, [SAME, near("fuzzy_match"), near("cosine", 0.9), *JUDGES], name="首都 and sums", metadata={"team": "hr"})
    yield made
    client.evals.delete(made.id)


def test_a_model_answers_and_graders_judge(client, judged):
    assert judged.object == "eval" and judged.metadata == {"team": "hr"} and judged.name == "首都 and sums"
    assert judged.data_source_config.type == "custom" and "item" in judged.data_source_config.schema_["properties"]
    assert [criterion.type for criterion in judged.testing_criteria] == ["string_check", "text_similarity", "text_similarity", "label_model", "score_model"]
    run = client.evals.runs.create(judged.id, name="first", data_source=asked(BILINGUAL, ITEMS), metadata={"n": "1"})
    assert run.object == "eval.run" and run.status in ("queued", "in_progress") and run.model == BILINGUAL
    done = ended(client, run)
    assert done.status == "completed" and done.error is None, done
    counts = done.result_counts
    assert counts.total == len(ITEMS) == counts.passed + counts.failed + counts.errored and counts.errored == 0, done
    assert [result.testing_criteria for result in done.per_testing_criteria_results] == ["same", "fuzzy_match", "cosine", "verdict", "score"]
    assert all(result.passed + result.failed == len(ITEMS) for result in done.per_testing_criteria_results)
    # One answer and two verdicts for each row, all by one model.
    (usage,) = done.per_model_usage
    assert usage.run_model_name == BILINGUAL and usage.invocation_count == 3 * len(ITEMS)
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 100
    status, body, _ = raw("GET", done.report_url)
    assert status == 200 and body["id"] == run.id
    assert [row["item"] for row in body["data_source"]["source"]["content"]] == ITEMS

    items = list(client.evals.runs.output_items.list(run.id, eval_id=judged.id, limit=2))
    assert [item.datasource_item_id for item in items] == list(range(len(ITEMS)))
    for item in items:
        assert item.datasource_item == ITEMS[item.datasource_item_id]
        sample = item.sample
        assert [message.role for message in sample.input] == ["developer", "user"] and sample.model == BILINGUAL
        assert sample.output[0].role == "assistant" and sample.output[0].content and sample.usage.completion_tokens > 0
        assert (sample.temperature, sample.seed, sample.max_completion_tokens, sample.error) == (0, 1, 24, None)
        same, fuzzy, cosine, verdict, score = item.results
        expected = item.datasource_item["expected"]
        assert same.passed == (expected.lower() in sample.output[0].content.lower()) and same.score == float(same.passed)
        assert 0 <= fuzzy.score <= 1 and fuzzy.passed == (fuzzy.score >= 0.5) and -1 <= cosine.score <= 1.0001
        assert verdict.sample["output"][0]["content"] in ("right", "wrong")
        assert verdict.passed == (verdict.sample["output"][0]["content"] == "right") and verdict.type == "label-model-grader"
        assert 0 <= score.score <= 10 and score.passed == (score.score >= 5)
        assert item.status == ("pass" if all(result.passed for result in item.results) else "fail")
    one = client.evals.runs.output_items.retrieve(items[1].id, eval_id=judged.id, run_id=run.id)
    assert one.to_dict() == items[1].to_dict()
    failing = client.evals.runs.output_items.list(run.id, eval_id=judged.id, status="fail")
    assert {item.id for item in failing} == {item.id for item in items if item.status == "fail"}


def test_given_answers_in_both_languages(client):
    metrics = ["fuzzy_match", "bleu", "gleu", "meteor", "rouge_1", "rouge_2", "rouge_3", "rouge_4", "rouge_5", "rouge_l"]
    made = make(client, [SAME, *map(near, metrics)])
    samples = ["2", "The capital is paris.", "首都是北京。", "no"]
    run = client.evals.runs.create(made.id, data_source={"type": "jsonl", "source": content(ITEMS, samples)})
    done = ended(client, run, 20)
    assert done.status == "completed" and done.per_model_usage == [] and done.result_counts.errored == 0
    same = done.per_testing_criteria_results[0]
    assert (same.testing_criteria, same.passed, same.failed) == ("same", 3, 1)
    scores = {item.datasource_item_id: {result.name: result.score for result in item.results} for item in client.evals.runs.output_items.list(run.id, eval_id=made.id)}
    assert scores[0]["bleu"] == pytest.approx(1) and scores[0]["rouge_1"] == 1
    assert scores[2]["rouge_1"] == pytest.approx(2 * 2 / (2 + 5)) and scores[2]["rouge_2"] == pytest.approx(2 / (1 + 4))
    assert scores[3]["fuzzy_match"] < 0.4 and scores[3]["rouge_l"] == 0
    client.evals.delete(made.id)


def test_rows_of_a_file(client, tmp_path):
    path = tmp_path / "行.jsonl"
    path.write_bytes(lines(ITEMS, ["2", "Rome", "北京", "Hello"]))
    with path.open("rb") as opened:
        file = client.files.create(file=opened, purpose="evals")
    assert (file.object, file.filename, file.bytes, file.purpose) == ("file", path.name, path.stat().st_size, "evals")
    assert (file.status, file.expires_at) == ("processed", None)
    assert client.files.retrieve(file.id).to_dict() == file.to_dict()
    assert client.files.content(file.id).read() == path.read_bytes()

    made = make(client, [SAME])
    source = {"type": "file_id", "id": file.id}
    run = client.evals.runs.create(made.id, data_source={"type": "jsonl", "source": source})
    assert run.to_dict()["data_source"] == {"type": "jsonl", "source": source}
    done = ended(client, run, 20)
    assert done.status == "completed" and (done.result_counts.passed, done.result_counts.failed) == (3, 1), done
    items = list(client.evals.runs.output_items.list(run.id, eval_id=made.id))
    assert [item.datasource_item for item in items] == ITEMS and [item.status for item in items] == ["pass", "fail", "pass", "pass"]
    # A model answers the same rows; what is kept with the run outlives the file.
    runs = [client.evals.runs.create(made.id, data_source={**asked(SMALL, [], kind), "source": source}) for kind in ("completions", "responses")]
    assert client.files.delete(file.id).to_dict() == {"id": file.id, "object": "file", "deleted": True}
    for run in runs:
        done = ended(client, run)
        assert done.status == "completed" and done.result_counts.total == len(ITEMS) and done.result_counts.errored == 0, done
        assert done.to_dict()["data_source"]["source"] == source
    gone = [
        lambda: client.files.retrieve(file.id),
        lambda: client.files.content(file.id),
        lambda: client.files.delete(file.id),
        lambda: client.evals.runs.create(made.id, data_source={"type": "jsonl", "source": source}),
    ]
    for call in gone:
        with pytest.raises(openai.NotFoundError) as caught:
            call()
        assert caught.value.code == "file_not_found" and file.id in caught.value.message
    client.evals.delete(made.id)


def test_files_are_listed_and_expire(client):
    kept = [client.files.create(file=(f"{n}.jsonl", lines(ITEMS)), purpose="evals", expires_after={"anchor": "created_at", "seconds": 3600 + n}) for n in range(3)]
    try:
        assert [file.expires_at - file.created_at for file in kept] == [3600, 3601, 3602]
        ids = [file.id for file in kept]
        assert [one.id for one in client.files.list(limit=2, purpose="evals") if one.id in ids] == ids[::-1]
        assert [one.id for one in client.files.list(order="asc", limit=2) if one.id in ids] == ids
        assert list(client.files.list(purpose="batch")) == []
    finally:
        for file in kept:
            client.files.delete(file.id)


@pytest.mark.parametrize(
    ("asked", "param", "words"),
    [
        ({"purpose": "batch"}, "purpose", "'evals'"),
        ({"purpose": "evals", "expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after[seconds]", "3600"),
        ({"purpose": "evals", "extra_body": {"metadata": "x"}}, "metadata", "Unknown parameter"),
    ],
)
def test_files_that_cannot_be(client, asked, param, words):
    with pytest.raises(openai.BadRequestError) as caught:
        client.files.create(file=("rows.jsonl", lines(ITEMS)), **asked)
    assert caught.value.param == param and words in caught.value.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b'{"item": {"question": "x"', ["line 5", "no JSON"]),
        (b'{"question": "x", "expected": "y"}', ["line 5", '{"item": {"question":']),
        (b'{"item": {"question": "x"}}', ["line 5", "item_schema", "expected"]),
    ],
)
def test_a_wrong_line_of_a_file_is_named(client, line, words):
    made = make(client, [SAME])
    file = client.files.create(file=("rows.jsonl", lines(ITEMS) + line), purpose="evals")
    with pytest.raises(openai.BadRequestError) as caught:
        client.evals.runs.create(made.id, data_source={"type": "jsonl", "source": {"type": "file_id", "id": file.id}})
    assert caught.value.param == "data_source.source.id" and all(word in caught.value.message for word in words), caught.value.message
    client.files.delete(file.id)
    client.evals.delete(made.id)


def test_json_that_is_held_to_a_schema_is_graded_by_its_fields(client):
    form = {"type": "object", "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}}, "required": ["city"], "additionalProperties": False}
    criteria = [{"type": "string_check", "name": "city", "input": "{{sample.output_json.city}}", "reference": "Paris", "operation": "eq"}]
    made = make(client, criteria)
    flat = {"text": {"format": {"type": "json_schema", "name": "city", "schema": form, "strict": True}}}
    nested = {"response_format": {"type": "json_schema", "json_schema": {"name": "city", "schema": form}}}
    for kind, more in (("responses", flat), ("completions", nested)):
        done = ended(client, client.evals.runs.create(made.id, data_source=asked(BILINGUAL, ITEMS[1:2], kind, **more)))
        assert done.status == "completed" and done.result_counts.errored == 0, done
        assert done.per_testing_criteria_results[0].passed + done.per_testing_criteria_results[0].failed == 1
    # Without the schema there is no such field, which is the row's error and not the run's.
    done = ended(client, client.evals.runs.create(made.id, data_source=asked(SMALL, ITEMS[1:2])))
    (item,) = client.evals.runs.output_items.list(done.id, eval_id=made.id)
    assert done.result_counts.errored == 1 and item.status == "error"
    assert item.sample.error.code == "template_missing" and "sample.output_json.city" in item.sample.error.message
    client.evals.delete(made.id)


def test_a_conversation_in_the_row_and_a_knowledge_base(client):
    config = {"type": "custom", "item_schema": {"type": "object", "required": ["turns"]}, "include_sample_schema": True}
    criteria = [{"type": "string_check", "name": "said", "input": "{{sample.output_text}}", "reference": "", "operation": "like"}]
    made = client.evals.create(data_source_config=config, testing_criteria=criteria)
    turns = [{"role": "user", "content": "How long are access logs kept?"}]
    for model in (SMALL, "kb/sample"):
        source = {"type": "file_content", "content": [{"item": {"turns": turns}}]}
        messages = {"type": "item_reference", "item_reference": "item.turns"}
        run = client.evals.runs.create(made.id, data_source={"type": "completions", "model": model, "source": source, "input_messages": messages, "sampling_params": {"max_completion_tokens": 64}})
        done = ended(client, run)
        assert done.status == "completed" and done.result_counts.passed == 1, done
    client.evals.delete(made.id)


def test_a_run_is_stopped_and_removed(client):
    made = make(client, [SAME])
    items = [{"question": f"Tell a long story about the number {n}.", "expected": "x"} for n in range(60)]
    run = client.evals.runs.create(made.id, data_source=asked(SMALL, items, max_completion_tokens=400))
    while client.evals.runs.retrieve(run.id, eval_id=made.id).result_counts.total < 1:
        time.sleep(0.1)
    stopped = client.evals.runs.cancel(run.id, eval_id=made.id)
    assert stopped.status == "canceled" and 1 <= stopped.result_counts.total < 60
    time.sleep(1)
    again = client.evals.runs.retrieve(run.id, eval_id=made.id)
    assert again.to_dict() == stopped.to_dict()
    kept = list(client.evals.runs.output_items.list(run.id, eval_id=made.id))
    assert len(kept) == stopped.result_counts.total
    with pytest.raises(openai.ConflictError):
        client.evals.runs.cancel(run.id, eval_id=made.id)
    assert [one.id for one in client.evals.runs.list(made.id, status="canceled")] == [run.id]
    assert client.evals.runs.delete(run.id, eval_id=made.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.evals.runs.retrieve(run.id, eval_id=made.id)
    assert client.evals.delete(made.id).deleted


def test_evals_are_listed_and_changed(client):
    made = [make(client, [SAME], name=f"eval {n}") for n in range(3)]
    try:
        listed = [one.id for one in client.evals.list(limit=2, order="desc") if one.id in {eval.id for eval in made}]
        assert listed == [eval.id for eval in reversed(made)]
        changed = client.evals.update(made[0].id, name="新名字", metadata={"a": "b"})
        assert changed.name == "新名字" and client.evals.retrieve(made[0].id).metadata == {"a": "b"}
        first = client.evals.list(limit=1, order="desc", order_by="updated_at")
        assert first.data[0].id == made[0].id and first.has_more
    finally:
        for eval in made:
            client.evals.delete(eval.id)


@pytest.mark.parametrize(
    ("source", "param", "words"),
    [
        ({"type": "completions", "source": {"type": "stored_completions"}}, "data_source.source.type", "file_content"),
        ({"type": "jsonl", "source": content([{"question": "x"}])}, "data_source.source.content[0].item", "expected"),
        (asked(EMBEDDER, ITEMS), "model", "makes vectors"),
    ],
)
def test_runs_that_cannot_be(client, source, param, words):
    made = make(client, [SAME])
    with pytest.raises(openai.BadRequestError) as caught:
        client.evals.runs.create(made.id, data_source=source)
    assert caught.value.param == param and words in caught.value.message
    with pytest.raises(openai.NotFoundError) as caught:
        client.evals.runs.create(made.id, data_source=asked("gpt-9", ITEMS))
    assert caught.value.code == "model_not_found"
    client.evals.delete(made.id)


def test_evals_that_cannot_be(client):
    for config in ({"type": "logs", "metadata": {"a": "b"}}, {"type": "stored_completions"}):
        with pytest.raises(openai.BadRequestError) as caught:
            client.evals.create(data_source_config=config, testing_criteria=[SAME])
        assert caught.value.param == "data_source_config.type" and "custom" in caught.value.message
    for grader, param in [
        ({"type": "python", "name": "p", "source": "def grade(sample, item): return 1"}, "testing_criteria[0].type"),
        ({**SAME, "input": "{{ other.x }}"}, "testing_criteria[0].input"),
        ({**SAME, "inptu": "x"}, "testing_criteria[0].inptu"),
        ({**JUDGES[0], "passing_labels": ["perfect"]}, "testing_criteria[0].passing_labels"),
    ]:
        with pytest.raises(openai.BadRequestError) as caught:
            make(client, [grader])
        assert caught.value.param == param
    with pytest.raises(openai.NotFoundError) as caught:
        client.evals.retrieve("eval_none")
    assert caught.value.code == "eval_not_found"
