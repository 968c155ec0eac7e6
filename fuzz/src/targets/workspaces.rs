//! What people write into a workspace: tasks and cards of remote models.

use platform::{Remotes, TaskChange, Tasks};
use serde_json::{Map, json};

use super::tables::folder;
use super::{Answer, refusal};

/// A task's file: what is wrong with it has a place in it, and what is sound stays so when one key is set.
pub(super) fn task(bytes: &[u8]) -> Answer {
    write("tasks", "task.toml", bytes)?;
    let tasks = Tasks::of(&folder());
    let file = tasks.show("task").map_err(|error| format!("a file that is there is not shown: {error}"))?;
    let lines = bytes.split(|byte| *byte == b'\n').count();
    if let Some(problem) = file.problems.iter().find(|one| one.line == 0 || one.line > lines || one.column == 0) {
        return Err(format!("a problem is at no place: {problem}"));
    }
    let Some(before) = file.task else {
        let first = file.problems.first().ok_or("nothing is wrong, and there is no task")?;
        return Ok(refusal(&first.message));
    };
    if let Some(problem) = file.problems.first() {
        return Err(format!("a task has a problem: {problem}"));
    }
    let keys = Map::from_iter([("description".to_owned(), json!("said \"anew\"\n\\ 好"))]);
    let changed = tasks.try_change("task", &TaskChange::Keys(keys));
    let (changed, text) = changed.map_err(|error| format!("a sound task cannot be changed: {error}"))?;
    let after = changed.task().map_err(|error| format!("own text is refused: {error}; {text}"))?;
    if after.description != "said \"anew\"\n\\ 好" {
        return Err(format!("the change is not in it: {}", after.description));
    }
    if (domain::Task { description: before.description.clone(), ..after }) != before {
        return Err("a change of one key changed another".to_owned());
    }
    Ok(format!("task {} {} {}", before.output["type"], before.examples.len().min(3), before.metric))
}

/// Cards of remote models.
pub(super) fn models(bytes: &[u8]) -> Answer {
    write("", "models.toml", bytes)?;
    let remotes = match Remotes::of(&folder()).list() {
        Ok(remotes) => remotes,
        Err(error) => return Ok(refusal(&error)),
    };
    let open = |remote| match gateway::client().and_then(|client| gateway::open(remote, None, client, None)) {
        Ok(model) => format!("{:?}", model.card().sources),
        Err(error) => refusal(&error),
    };
    Ok(format!("{} {}", "!".repeat(remotes.len().min(3)), remotes.iter().map(open).collect::<Vec<_>>().join(" ")))
}

fn write(under: &str, name: &str, bytes: &[u8]) -> Result<(), String> {
    let folder = folder().join(under);
    let put = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(name), bytes));
    put.map_err(|error| format!("no room for test files: {error}"))
}
