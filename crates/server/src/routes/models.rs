//! `/v1/models`: installed models, each knowledge base as `kb/NAME`, each sound task as `task/NAME`.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Json;
use axum::extract::State;
use domain::Error;
use platform::{ModelState, Workspace};
use wire::openai::response::{ModelBody, ModelList};

use crate::app::{App, blocking};
use crate::body::Segment;
use crate::failure::Failure;

pub(crate) async fn list(State(app): State<Arc<App>>) -> Result<Json<ModelList>, Failure> {
    let started = app.started;
    Ok(Json(ModelList::new(blocking(&app, move |workspace| models(workspace, started)).await?)))
}

pub(crate) async fn show(State(app): State<Arc<App>>, Segment(id): Segment) -> Result<Json<ModelBody>, Failure> {
    let started = app.started;
    let model = blocking(&app, move |workspace| {
        let all = models(workspace, started)?;
        let there: Vec<String> = all.iter().map(|model| model.id.clone()).collect();
        all.into_iter().find(|model| model.id == id).ok_or_else(|| {
            let shown: String = id.chars().take(100).collect();
            let there = if there.is_empty() { "none is".to_owned() } else { there.join(", ") };
            let message = format!(
                "The model '{shown}' is not installed ({there}); `sumeru models list` shows what can be had, `sumeru models pull` gets it."
            );
            Error::not_found("model_not_found", message)
        })
    });
    Ok(Json(model.await?))
}

fn models(workspace: &Workspace, started: SystemTime) -> Result<Vec<ModelBody>, Error> {
    let installed = workspace.models().list()?.into_iter().filter(|model| model.state == ModelState::Installed);
    let mut all: Vec<ModelBody> = installed
        .map(|model| {
            let since = model.path.as_deref().and_then(changed).unwrap_or(started);
            ModelBody::new(model.card.name, seconds(since))
        })
        .collect();
    for name in workspace.knowledge_bases().names()? {
        let folder = workspace.data().join("kb").join(&name);
        all.push(ModelBody::new(format!("kb/{name}"), seconds(changed(&folder).unwrap_or(started))));
    }
    all.extend(workspace.remotes().list()?.into_iter().map(|remote| ModelBody::new(remote.name, seconds(started))));
    for file in workspace.tasks().list()?.into_iter().filter(|file| file.task.is_some()) {
        all.push(ModelBody::new(format!("task/{}", file.name), seconds(changed(&file.path).unwrap_or(started))));
    }
    Ok(all)
}

fn changed(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|metadata| metadata.modified()).ok()
}

/// Seconds since 1970; 0 for a clock that stands before it.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
