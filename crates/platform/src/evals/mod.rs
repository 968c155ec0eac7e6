//! Evals: rows are answered by a model, or come with answers, and graders say which of them pass. The shapes are those of OpenAI's `/v1/evals`.
//!
//! An [`Eval`] is what rows look like and how they are graded; a [`Run`] is one set of rows under it, worked through in the background; an [`Item`]
//! is what came of one row. All is kept under `evals/` of the data directory: a run that was cut goes on at the next start, and what it has of rows
//! it does not ask again. Not here: HTTP, and the words of requests and answers on the wire.

mod answer;
mod grader;
mod judge;
mod run;
mod shapes;
mod store;
mod template;

#[cfg(test)]
mod tests;

use serde_json::Value;

pub use crate::records::{Order, Page, Part};
pub use grader::{Criterion, Grader, Operation, Similarity};
pub(crate) use run::Running;
pub use shapes::{
    Ask, Counted, Eval, EvalRow, Fault, Form, Graded, Item, Metadata, NewEval, NewRun, Run, Said, Sample, Sorting,
    Spent, Status, Tally, Turns, Used, Verdict,
};

use crate::records::{new_id, now, part, shown};
use crate::{Error, Result, Workspace};
use store::Store;

/// The evals of a data directory.
#[derive(Clone)]
pub struct Evals {
    workspace: Workspace,
    store: Store,
}

impl Workspace {
    /// Evals, and their runs.
    pub fn evals(&self) -> Evals {
        Evals { workspace: self.clone(), store: Store::of(self.data()) }
    }
}

impl Evals {
    /// Keeps a new eval.
    ///
    /// # Errors
    /// [`Error::Invalid`] naming what of it cannot be.
    pub fn create(&self, new: NewEval) -> Result<Eval> {
        let NewEval { name, metadata, item_schema, include_sample_schema, criteria } = new;
        validator(&item_schema)?;
        grader::check(&criteria)?;
        let id = new_id("eval_");
        let created = now();
        let name = name.unwrap_or_else(|| id.clone());
        let eval = Eval { id, created, updated: created, name, metadata, item_schema, include_sample_schema, criteria };
        self.store.keep_eval(&eval)?;
        Ok(eval)
    }

    /// One of them.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn show(&self, id: &str) -> Result<Eval> {
        self.store.eval(id)
    }

    /// Some of them, in order.
    ///
    /// # Errors
    /// [`Error::Invalid`] if the page begins after one that is not here.
    pub fn list(&self, page: &Page, sorting: Sorting) -> Result<Part<Eval>> {
        let mut all = self.store.evals()?;
        if sorting == Sorting::Updated {
            all.sort_by(|a, b| (a.updated, &a.id).cmp(&(b.updated, &b.id)));
        }
        part(all, page, |eval| eval.id.clone())
    }

    /// Changes a name, or what is attached.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn update(&self, id: &str, name: Option<String>, metadata: Option<Metadata>) -> Result<Eval> {
        let _turn = self.workspace.running_evals().changes();
        let mut eval = self.store.eval(id)?;
        eval.name = name.unwrap_or(eval.name);
        eval.metadata = metadata.unwrap_or(eval.metadata);
        eval.updated = now().max(eval.updated + 1);
        self.store.keep_eval(&eval)?;
        Ok(eval)
    }

    /// Removes an eval with all its runs; those that are under way are stopped.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn delete(&self, id: &str) -> Result<()> {
        let running = self.workspace.running_evals();
        let _turn = running.changes();
        self.store.eval(id)?;
        for run in self.store.runs(id)? {
            running.stop(&run.id);
        }
        self.store.remove_eval(id)
    }

    /// Some runs of an eval, in order; those of one status, if it is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such eval, [`Error::Invalid`] if the page begins after a run that is not here.
    pub fn runs(&self, eval: &str, page: &Page, status: Option<Status>) -> Result<Part<Run>> {
        self.store.eval(eval)?;
        let mut all: Vec<Run> = self.store.runs(eval)?.into_iter().map(|run| self.as_it_stands(run)).collect();
        all.retain(|run| {
            status.is_none_or(|status| run.status == status) || page.after.as_deref() == Some(run.id.as_str())
        });
        part(all, page, |run| run.id.clone())
    }

    /// A run, as it stands.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn run(&self, eval: &str, id: &str) -> Result<Run> {
        self.store.eval(eval)?;
        Ok(self.as_it_stands(self.store.run(eval, id)?))
    }

    /// The rows of a run, as they were sent.
    ///
    /// # Errors
    /// [`Error::Failed`] if they cannot be read.
    pub fn rows(&self, run: &Run) -> Result<Vec<EvalRow>> {
        self.store.rows(&run.eval, &run.id)
    }

    /// Removes a run; one that is under way is stopped.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn delete_run(&self, eval: &str, id: &str) -> Result<()> {
        let running = self.workspace.running_evals();
        let _turn = running.changes();
        self.store.eval(eval)?;
        self.store.run(eval, id)?;
        running.stop(id);
        self.store.remove_run(eval, id)
    }

    /// What came of some rows, in the rows' order; those of one verdict, if it is given.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no such run, [`Error::Invalid`] if the page begins after an item that is not here.
    pub fn items(&self, eval: &str, run: &str, page: &Page, verdict: Option<Verdict>) -> Result<Part<Item>> {
        self.run(eval, run)?;
        let mut all: Vec<Item> = self.store.items(eval, run)?.into_values().collect();
        all.retain(|item| {
            verdict.is_none_or(|verdict| item.verdict == verdict)
                || page.after.as_deref() == Some(item_id(run, item.index).as_str())
        });
        part(all, page, |item| item_id(run, item.index))
    }

    /// What came of one row.
    ///
    /// # Errors
    /// [`Error::NotFound`] if it is not here.
    pub fn item(&self, eval: &str, run: &str, id: &str) -> Result<Item> {
        self.run(eval, run)?;
        let mut items = self.store.items(eval, run)?.into_values();
        items.find(|item| item_id(run, item.index) == id).ok_or_else(|| {
            let message = format!(
                "The run '{run}' has no output item '{}'; list its output_items to see which it has.",
                shown(id)
            );
            Error::not_found("output_item_not_found", message)
        })
    }
}

/// An item's id: the run's, and which row it is.
pub fn item_id(run: &str, index: usize) -> String {
    format!("outputitem_{}_{index}", run.strip_prefix("evalrun_").unwrap_or(run))
}

/// What checks items against an eval's schema.
fn validator(schema: &Value) -> Result<jsonschema::Validator> {
    jsonschema::validator_for(schema).map_err(|error| {
        let message = format!("Invalid value for 'data_source_config.item_schema': it is no JSON Schema: {error}.");
        Error::invalid("data_source_config.item_schema", "invalid_value", message)
    })
}
