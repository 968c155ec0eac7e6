//! Tasks through the door, without a model.

use super::*;

const TASK: &str = "instructions = 'Sort {{ text }}'\noutput = ['a', 'b']\n";

fn house() -> House {
    let house = House::new(Options::default());
    let folder = house.data.path().join("tasks");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("sort.toml"), TASK).unwrap();
    std::fs::write(folder.join("bad.toml"), "instructions = 3\n").unwrap();
    house
}

#[tokio::test]
async fn tasks_are_listed_with_what_is_wrong_and_what_was_decided() {
    let house = house();
    let tasks = house.get("/v1/tasks").await.good(200, "Tasks");
    assert_eq!(tasks["tasks"][0]["name"], "bad");
    assert_eq!(tasks["tasks"][0]["problems"][0]["line"], 1);
    assert_eq!((&tasks["tasks"][1]["name"], &tasks["tasks"][1]["decision"]), (&json!("sort"), &Value::Null));
    let sort = house.get("/v1/tasks/sort").await.good(200, "Task");
    assert_eq!(sort["task"]["output"]["enum"], json!(["a", "b"]));
    house.get("/v1/tasks/none").await.bad(404, "task_not_found", &["there are bad, sort"]);
    house.get("/v1/tasks/sort/decision").await.bad(404, "decision_not_found", &["sumeru choose sort"]);
    house.get("/v1/tasks/sort/report").await.bad(404, "decision_not_found", &["sumeru choose sort"]);
    // A sound task is a model, too.
    let models = house.get("/v1/models").await.good(200, "Models");
    assert_eq!(models["data"].as_array().unwrap().iter().map(|one| &one["id"]).collect::<Vec<_>>(), ["task/sort"]);
}

#[tokio::test]
async fn rows_that_are_none_are_refused_by_name() {
    let house = house();
    for (body, code, parts) in [
        (json!({}), "missing_parameter", &["rows"][..]),
        (json!({"rows": []}), "invalid_value", &["0 rows"]),
        (json!({"rows": ["x"]}), "invalid_type", &["rows[0]"]),
        (json!({"rows": [{}], "row": 1}), "unknown_parameter", &["row"]),
    ] {
        let answer = house.post("/v1/tasks/sort/run", body.clone()).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text());
        for part in parts {
            assert!(answer.text().contains(part), "{body} {code}: {}", answer.text());
        }
    }
    let rows = json!({"rows": [{"text": "x"}]});
    house.post("/v1/tasks/bad/run", rows.clone()).await.bad(400, "invalid_task", &["bad.toml:1:16"]);
    house.post("/v1/tasks/none/run", rows.clone()).await.bad(404, "task_not_found", &["none"]);
    // No model is installed here.
    let answer = house.post("/v1/tasks/sort/run", rows).await;
    assert_eq!(answer.status, 404, "{}", answer.text());
}
