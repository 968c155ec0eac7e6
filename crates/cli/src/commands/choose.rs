//! `sumeru choose` and `sumeru recheck`: which way does a task best, by measurement.

use std::collections::HashMap;
use std::path::Path;

use anyhow::Context;
use domain::{Constraints, Need};
use platform::{
    Access, Candidate, ChooseEvent, ChooseOptions, Decision, Decisions, Gaps, Interval, Labelled, Measured, ModelState,
    Reliability, ReportLanguage, RowFormat, Search, Searched, Shares, Tasks, Workspace, labelled,
};
use serde_json::json;

use crate::args::{self, Language};
use crate::exit::{self, Exit};
use crate::print::{Ink, Printer};

/// Characters of a reason in the table.
const ROOM: usize = 60;

pub(crate) async fn run(options: args::Choose, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let folder = &options.folder.workspace;
    let task = Tasks::of(folder).show(&options.task)?.task()?;
    let rows = read(&task, &options.data, options.label.as_deref(), printer)?;
    let terms = &options.terms;
    let search = match options.search {
        None => Search::Off,
        Some(count) => Search::Write { count: count as usize, writer: options.writer },
    };
    let how = ChooseOptions {
        routes: options.routes,
        models: options.models,
        search,
        seed: terms.seed,
        shares: Shares::default(),
        terms: platform::Terms {
            confidence: terms.confidence,
            spend: if terms.grid { 1.0 } else { terms.spend },
            finalists: if terms.grid { u32::MAX as usize } else { terms.finalists as usize },
            ..platform::Terms::default()
        },
        examples: terms.examples as usize,
        max_cost: terms.max_cost,
        max_time: terms.max_time,
        concurrency: terms.concurrency as usize,
        max_tokens: terms.max_tokens,
        file: options.data.display().to_string(),
        label: options.label,
        folder: folder.clone(),
    };
    let (decision, path) = measured(&task, &rows, &how, data, printer).await?;
    if printer.json {
        printer.json(&json!({"decision": decision, "file": path}));
    } else {
        table(&decision, printer);
        printer.line(path.display().to_string());
    }
    write_reports(&decision, &options.report, printer)?;
    Ok(if decision.chosen.is_some() { Exit::Done } else { Exit::Failed })
}

pub(crate) async fn recheck(options: args::Recheck, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let folder = &options.folder.workspace;
    let task = Tasks::of(folder).show(&options.task)?.task()?;
    let Some((compared, earlier)) = Decisions::of(folder).last(&task.name)? else {
        return Err(exit::usage(format!(
            "nothing was decided for '{0}' yet; `sumeru choose {0} --data FILE` decides",
            task.name
        )));
    };
    // Of another file the decision knows no column.
    let label = options.label.or_else(|| earlier.data.label.clone().filter(|_| options.data.is_none()));
    let file = options.data.unwrap_or_else(|| earlier.data.file.clone().into());
    let rows = read(&task, &file, label.as_deref(), printer)?;
    let candidates: Vec<_> = earlier.candidates.iter().map(|entrant| entrant.candidate.clone()).collect();
    let said = |entrant: &&Candidate| entrant.variant.is_none() && !earlier.routes_that_fit;
    let mut routes: Vec<_> = candidates.iter().filter(said).map(|one| one.route).collect();
    routes.sort_unstable();
    routes.dedup();
    let how = ChooseOptions {
        routes,
        models: if options.models.is_empty() { told(&earlier, data, folder)? } else { options.models },
        // In the words of the decision: nothing is written anew.
        search: match earlier.variants.is_empty() {
            true => Search::Off,
            false => Search::Again { candidates, variants: earlier.variants.clone() },
        },
        seed: earlier.seed,
        shares: Shares::default(),
        terms: earlier.terms,
        examples: earlier.data.test.max(earlier.data.development),
        max_cost: options.max_cost,
        max_time: options.max_time,
        concurrency: earlier.concurrency,
        max_tokens: earlier.max_tokens,
        file: file.display().to_string(),
        label,
        folder: folder.clone(),
    };
    let (decision, path) = measured(&task, &rows, &how, data, printer).await?;
    let changes = decision.changes(&earlier);
    if printer.json {
        printer.json(&json!({"decision": decision, "file": path, "compared_with": compared, "changes": changes}));
    } else {
        table(&decision, printer);
        printer.line(format!("Compared with {}:", compared.display()));
        for change in &changes {
            printer.line(printer.foreign(change));
        }
        if changes.is_empty() {
            printer.line("Nothing has changed.");
        }
        printer.line(path.display().to_string());
    }
    write_reports(&decision, &options.report, printer)?;
    Ok(if decision.chosen.is_some() { Exit::Done } else { Exit::Failed })
}

/// The models that a decision was told and that are there still; none if it was told none: models that came since then take part, too.
fn told(earlier: &Decision, data: &Path, folder: &Path) -> anyhow::Result<Vec<String>> {
    let workspace = Workspace::open(data, Access::Read)?.with_folder(folder);
    let remote = workspace.remotes().list()?.into_iter().map(|remote| remote.name);
    let installed = workspace.models().list()?.into_iter().filter(|model| model.state == ModelState::Installed);
    let all: Vec<String> = remote.chain(installed.map(|model| model.card.name)).collect();
    let there = |name: &&String| all.contains(name);
    let left: Vec<String> = earlier.models.iter().filter(there).cloned().collect();
    if left.is_empty() && !earlier.models.is_empty() {
        let names = earlier.models.join(", ");
        return Err(exit::usage(format!(
            "none of the models of the decision is there any more ({names}); name others with --models"
        )));
    }
    Ok(left)
}

/// The last decision of a task.
pub(crate) fn show(name: &str, report: &args::Report, folder: &Path, printer: Printer) -> anyhow::Result<Exit> {
    Tasks::of(folder).show(name)?;
    let Some((path, decision)) = Decisions::of(folder).last(name)? else {
        return Err(exit::usage(format!(
            "nothing was decided for '{name}' yet; `sumeru choose {name} --data FILE` decides"
        )));
    };
    if printer.json {
        printer.json(&json!({"decision": decision, "file": path}));
    } else {
        table(&decision, printer);
        printer.line(path.display().to_string());
    }
    write_reports(&decision, report, printer)?;
    Ok(Exit::Done)
}

/// A variable of the environment, as remote models ask for it.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Labelled rows of a file, sound or not.
pub(super) fn read_all(task: &domain::Task, path: &Path, label: Option<&str>) -> anyhow::Result<Labelled> {
    let bytes = std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
    labelled(task, &bytes, RowFormat::of(path)?, label).with_context(|| path.display().to_string())
}

/// Labelled rows of a file; those that are none are told of, and there must be one.
pub(super) fn read(
    task: &domain::Task,
    path: &Path,
    label: Option<&str>,
    printer: Printer,
) -> anyhow::Result<Labelled> {
    let rows = read_all(task, path, label)?;
    const SHOWN: usize = 5;
    let wrong = wrong_rows(&rows.wrong);
    for line in wrong.iter().take(SHOWN) {
        printer.note(format!("{}: {}", path.display(), printer.foreign(line)));
    }
    if wrong.len() > SHOWN {
        printer.note(format!(
            "... and other rows that are no examples, {} in all; `sumeru data check` lists them",
            rows.wrong.len()
        ));
    }
    if rows.examples.is_empty() {
        return Err(exit::usage(format!("{} has no labelled row of '{}'", path.display(), task.name)));
    }
    gaps(&rows.gaps(task)).iter().for_each(|gap| printer.note(printer.foreign(gap)));
    let contradictions = rows.contradictions().len();
    if contradictions > 0 {
        printer.note(format!(
            "{contradictions} of its texts are labelled in more than one way, and can be right in one only; `sumeru data check` names the rows"
        ));
    }
    Ok(rows)
}

/// Rows that are none, those that are for the same reason in one line.
pub(super) fn wrong_rows(wrong: &[(usize, String)]) -> Vec<String> {
    let mut reasons: Vec<(&str, usize, usize)> = Vec::new();
    let mut known: HashMap<&str, usize> = HashMap::new();
    for (row, why) in wrong {
        let at = *known.entry(why).or_insert(reasons.len());
        match reasons.get_mut(at) {
            Some(reason) => reason.2 += 1,
            None => reasons.push((why, *row, 0)),
        }
    }
    let line = |(why, row, more)| match more {
        0 => format!("row {row}: {why}"),
        more => format!("row {row} and {more} more: {why}"),
    };
    reasons.into_iter().map(line).collect()
}

/// What no row is labelled with, and what comes of it.
pub(super) fn gaps(gaps: &Gaps) -> Vec<String> {
    let fields = gaps.fields.iter().map(|field| format!("no row labels {field}, which is not measured"));
    let labels =
        gaps.labels.iter().map(|label| format!("no row is labelled {label}; of that nothing is learnt or measured"));
    fields.chain(labels).collect()
}

async fn measured(
    task: &domain::Task,
    rows: &Labelled,
    how: &ChooseOptions,
    data: &Path,
    printer: Printer,
) -> anyhow::Result<(Decision, std::path::PathBuf)> {
    let workspace = Workspace::open(data, Access::Read)?.with_folder(&how.folder).with_environment(variable);
    let bar = printer.bar("{msg} {pos}/{len} answers {bar:24} {per_sec}, at most {eta} left");
    let say = |text: String| bar.suspend(|| printer.note(text));
    // Tenths told of where no bar is drawn.
    let mut told = 0;
    let outcome = workspace
        .choose(task, rows, how, |event| match event {
            ChooseEvent::Piloted { candidate, mean, examples } => {
                say(format!("{candidate} scores {mean:.3} on {examples} rows to learn from"))
            }
            ChooseEvent::Written { name, text } => {
                let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
                say(format!("{name}: {}", printer.foreign(first)));
            }
            ChooseEvent::Searched(searched) => say(found(&searched)),
            ChooseEvent::Begun { candidates, parts: (train, development, test), kept } => {
                say(format!(
                    "{} candidates; {train} examples to learn from, {development} to race on, {test} to measure on",
                    candidates.len()
                ));
                for model in how.models.iter().filter(|name| candidates.iter().all(|one| one.model != **name)) {
                    say(format!("{model} is no candidate itself: none of the routes that are tried asks it"));
                }
                if kept > 0 {
                    say(format!("{kept} answers of a sitting that was cut are kept, and used where the same is asked"));
                }
            }
            ChooseEvent::Preparing(candidate) => bar.set_message(format!("getting ready: {candidate};")),
            ChooseEvent::Withdrawn { candidate, why } => say(format!("{candidate} withdraws: {why}")),
            ChooseEvent::Dropped { candidate, by, after } => {
                say(format!("{candidate} is beaten by {by} after {after} examples"))
            }
            ChooseEvent::Judged { model, reliability } => say(judged(&model, reliability.as_deref())),
            ChooseEvent::Finalists(finalists) => {
                let names: Vec<String> = finalists.iter().map(ToString::to_string).collect();
                say(format!("to the final: {}", names.join(", ")));
            }
            ChooseEvent::Scored { .. } => {}
            ChooseEvent::Graded { graded, of } => {
                bar.set_message(format!("the judge grades, {graded} of {of};"));
                // No answers come meanwhile: the bar is told that time goes by.
                bar.tick();
            }
            ChooseEvent::Progress { asked, most } => {
                bar.set_message("measuring:");
                bar.set_length(most as u64);
                bar.set_position(asked as u64);
                if !printer.draws() && asked * 10 / most.max(1) > told {
                    told = asked * 10 / most.max(1);
                    say(format!("{asked} of at most {most} answers"));
                }
            }
        })
        .await;
    bar.finish_and_clear();
    Ok(outcome?)
}

fn table(decision: &Decision, printer: Printer) {
    ranking(decision, printer);
    match &decision.chosen {
        Some(chosen) => {
            printer.line(format!("Chosen: {}: {}.", printer.ink(Ink::Bold, &chosen.to_string()), decision.why))
        }
        None => printer.line(format!("{}: {}.", printer.ink(Ink::Bad, "Nothing was chosen"), decision.why)),
    }
    if !decision.not_ruled_out.is_empty() {
        let names: Vec<String> = decision.not_ruled_out.iter().map(ToString::to_string).collect();
        let settle = match (decision.rows_to_settle, decision.examples_to_settle) {
            (Some(rows), Some(examples)) => {
                // There may be rows that were not asked about.
                let there =
                    if rows <= decision.data.examples { format!(" (`--examples {examples}`)") } else { String::new() };
                format!("; about {rows} labelled rows{there} would settle it, if the differences are what they seem")
            }
            _ => String::new(),
        };
        printer.line(format!("Not ruled out: {}{settle}.", names.join(", ")));
    }
    if let Some(fact) = decision.baseline_fact(ReportLanguage::English) {
        printer.line(format!("Baseline: {}.", printer.foreign(&fact)));
    }
    for fact in decision.detail_facts(ReportLanguage::English) {
        printer.line(printer.foreign(&fact));
    }
    for entrant in &decision.candidates {
        if let Some(why) = entrant.withdrawn.as_ref().filter(|why| why.chars().count() > ROOM) {
            printer.line(format!("{} withdrew: {}", entrant.candidate, printer.foreign(why)));
        }
        let lacks = decision.lacks(entrant, ReportLanguage::English).filter(|lacks| lacks.chars().count() > ROOM);
        if let Some(lacks) = lacks.filter(|_| entrant.withdrawn.is_none()) {
            printer.line(format!("{}: {}", entrant.candidate, printer.foreign(&lacks)));
        }
    }
    if let Some(fact) = decision.left_out_fact(ReportLanguage::English) {
        printer.line(format!("Not measured: {fact}; `sumeru choose --grid` measures all."));
    }
    for fact in decision.judge_facts(ReportLanguage::English) {
        printer.line(printer.foreign(&fact));
    }
    prompt(decision, printer);
    let share = decision.asked as f64 / decision.grid.max(1) as f64 * 100.0;
    let spent = if decision.cost > 0.0 { format!(", {} spent", decision.money(decision.cost)) } else { String::new() };
    printer.note(format!(
        "{} of {} answers asked for ({share:.0} %), {:.0} s{spent}, confidence {:.0} %, seed {}",
        decision.asked,
        decision.grid,
        decision.seconds,
        decision.terms.confidence * 100.0,
        decision.seed
    ));
}

/// All candidates and what came of each.
fn ranking(decision: &Decision, printer: Printer) {
    let rows: Vec<[String; 7]> = decision
        .candidates
        .iter()
        .map(|entrant| {
            let name = entrant.candidate.to_string();
            let state = state(decision, entrant);
            match &entrant.result {
                Some(one) => [
                    name,
                    quality(one),
                    format!("{:.0}", one.latency_p50_ms),
                    milliseconds(one.latency_p95_ms),
                    format!("{:.0} / {:.0}", one.prompt_tokens, one.completion_tokens),
                    decision.price_of(entrant, ReportLanguage::English),
                    state,
                ],
                None => {
                    let nothing = || "-".to_owned();
                    [name, nothing(), nothing(), nothing(), nothing(), nothing(), state]
                }
            }
        })
        .collect();
    let metric = decision.metric.to_string();
    let head = ["candidate", metric.as_str(), "median ms", "p95 ms", "tokens read / written"];
    let (cost, state) = ("cost of 1,000", "what came of it");
    // Where nothing costs anything, that needs no column.
    if decision.candidates.iter().any(|entrant| entrant.price.is_some() || entrant.unpriced) {
        let [a, b, c, d, e] = head;
        printer.table_in_prose([a, b, c, d, e, cost, state], &rows);
    } else {
        let [a, b, c, d, e] = head;
        let rows: Vec<[String; 6]> = rows.into_iter().map(|[a, b, c, d, e, _, state]| [a, b, c, d, e, state]).collect();
        printer.table_in_prose([a, b, c, d, e, state], &rows);
    }
}

/// What came of a search, in a line.
fn found(searched: &Searched) -> String {
    let who = searched.writer.as_deref().unwrap_or("nobody");
    let dropped = searched.dropped;
    let ended = searched.ended.as_ref().map_or(String::new(), |why| format!("; it ended early: {why}"));
    format!(
        "{who} wrote {} texts, {} of them no use ({} lost a field, {} said what is said, {} were cut, longer, empty or in another language); {} answers, {} tokens read and {} written, {:.0} s{ended}",
        searched.calls,
        dropped.total(),
        dropped.fields,
        dropped.alike,
        dropped.unusable,
        searched.pilot,
        searched.prompt_tokens,
        searched.completion_tokens,
        searched.seconds
    )
}

/// The words of the choice, where they are not the task's.
fn prompt(decision: &Decision, printer: Printer) {
    if let Some(text) = decision.words() {
        for line in text.lines() {
            printer.line(printer.foreign(line));
        }
    }
}

/// As it was measured, and as it is corrected for what the judge gets wrong.
fn milliseconds(interval: Interval) -> String {
    let high = if interval.high.is_finite() { format!("{:.0}", interval.high) } else { "∞".to_owned() };
    format!("{:.0} ({:.0}-{high})", interval.value, interval.low)
}

fn quality(one: &Measured) -> String {
    let of = |interval: Interval| format!("{:.3} ({:.3}-{:.3})", interval.value, interval.low, interval.high);
    let corrected = one.corrected.map_or(String::new(), |corrected| format!(", corrected {}", of(corrected)));
    of(one.quality) + &corrected
}

fn judged(model: &str, reliability: Option<&Reliability>) -> String {
    match reliability {
        None => format!(
            "{model} judges; how far it can be trusted is not known, for there are no answers that people graded"
        ),
        Some(known) => {
            let kappa = known.agreement.kappa.map_or(String::new(), |kappa| format!(", kappa {:.3}", kappa.value));
            format!(
                "{model} judges; of {} answers that people graded it gives {:.0} % the same grade{kappa}",
                known.agreement.answers,
                known.agreement.same.value * 100.0
            )
        }
    }
}

fn state(decision: &Decision, entrant: &platform::Entrant) -> String {
    let chosen = Some(&entrant.candidate) == decision.chosen.as_ref();
    let lacks = decision
        .lacks(entrant, ReportLanguage::English)
        .map_or(String::new(), |lacks| format!("; {}", shortened(&lacks)));
    let came = match (&entrant.withdrawn, &entrant.result, &entrant.race) {
        (Some(why), _, _) => format!("withdrew: {}", shortened(why)),
        (None, Some(_), _) if chosen => "chosen".to_owned(),
        (None, Some(_), _) if !entrant.breaks.is_empty() => {
            let limits: Vec<String> = entrant.breaks.iter().map(|need| limit(&decision.constraints, *need)).collect();
            format!("over {}", limits.join(", "))
        }
        (None, Some(_), _) if decision.not_ruled_out.contains(&entrant.candidate) => "not ruled out".to_owned(),
        (None, Some(_), _) => "worse".to_owned(),
        (None, None, Some(race)) => match &race.beaten_by {
            Some(by) => format!("beaten by {by} after {} ({:.3})", race.examples, race.mean),
            None => format!("not among the finalists ({:.3} on {})", race.mean, race.examples),
        },
        (None, None, None) => "not asked".to_owned(),
    };
    if entrant.withdrawn.is_some() { came } else { came + &lacks }
}

/// A reason as far as a table has room for it.
fn shortened(why: &str) -> String {
    match why.char_indices().nth(ROOM) {
        Some((at, _)) => format!("{}…", &why[..at]),
        None => why.to_owned(),
    }
}

/// A constraint, as a task's file says it.
fn limit(constraints: &Constraints, need: Need) -> String {
    match need {
        Need::Latency => format!("latency_p95, {:.0} ms", constraints.latency_p95_ms.unwrap_or_default()),
        Need::Cost => format!("cost_per_1000, {}", constraints.cost_per_1000.unwrap_or_default()),
        Need::Memory => format!("memory, {:.0} MB", constraints.memory.unwrap_or_default() as f64 / 1e6),
    }
}

fn write_reports(decision: &Decision, report: &args::Report, printer: Printer) -> anyhow::Result<()> {
    let language = match report.language.unwrap_or_else(Language::of_environment) {
        Language::En => ReportLanguage::English,
        Language::Zh => ReportLanguage::Chinese,
    };
    let pages = [(&report.html, decision.html(language)), (&report.markdown, decision.markdown(language))];
    for (path, text) in pages {
        if let Some(path) = path {
            std::fs::write(path, text).with_context(|| format!("{} cannot be written", path.display()))?;
            printer.note(format!("{} is written", path.display()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_none_for_one_reason_are_said_together() {
        let wrong =
            [(1, "no text"), (2, "no label"), (3, "no text"), (7, "no text")].map(|(row, why)| (row, why.to_owned()));
        assert_eq!(wrong_rows(&wrong), ["row 1 and 2 more: no text", "row 2: no label"]);
        assert!(wrong_rows(&[]).is_empty());
    }
}
