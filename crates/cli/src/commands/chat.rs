//! `sumeru chat`: a conversation on the terminal.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use domain::{Event, LanguageModel, Message, Progress, Prompt, Request, Role, Sampling};
use futures_util::StreamExt;
use platform::{Access, Workspace};
use rustyline::error::ReadlineError;

use super::ask::cite;
use crate::args;
use crate::exit::Exit;
use crate::print::{Ink, Printer};

pub(crate) async fn run(options: args::Chat, data: &Path, printer: Printer) -> anyhow::Result<Exit> {
    let workspace = Workspace::open(data, Access::Read)?;
    let name = match &options.model {
        Some(model) => model.clone(),
        None => workspace.default_language_model()?,
    };
    let model = workspace.language_model(&name).await?;
    printer.note(format!("Talking with {name}. /new starts over, /history shows the conversation, /quit leaves."));
    let mut conversation = Conversation::new(model, &options);
    let history = data.join("chat-history.txt");
    let mut editor = rustyline::DefaultEditor::new().context("the terminal cannot be read")?;
    let _ = editor.load_history(&history); // the first time there is none
    loop {
        let line = match editor.readline("> ") {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error).context("the terminal cannot be read"),
        };
        let line = line.trim();
        let _ = editor.add_history_entry(line);
        match line {
            "" => {}
            "/quit" | "/exit" | "/q" => break,
            "/new" => conversation.forget(),
            "/history" => conversation.show(printer),
            command if command.starts_with('/') => {
                printer.note(format!("{command} is not known; there are /new, /history and /quit"));
            }
            question => conversation.ask(question, printer).await,
        }
    }
    if let Err(error) = editor.save_history(&history) {
        printer.note(format!("the history could not be written to {}: {error}", history.display()));
    }
    Ok(Exit::Done)
}

struct Conversation {
    model: Arc<dyn LanguageModel>,
    system: Option<Message>,
    messages: Vec<Message>,
    sampling: Sampling,
    max_tokens: Option<u32>,
}

impl Conversation {
    fn new(model: Arc<dyn LanguageModel>, options: &args::Chat) -> Self {
        let system = options.system.as_ref().map(|text| Message::text(Role::System, text));
        let retrieves = model.card().name.starts_with("kb/");
        let sampling = Sampling {
            temperature: options.sampling.temperature.or((!retrieves).then_some(0.7)),
            top_p: options.sampling.top_p,
            seed: options.sampling.seed,
            ..Sampling::default()
        };
        Self {
            model,
            messages: system.iter().cloned().collect(),
            system,
            sampling,
            max_tokens: options.sampling.max_tokens,
        }
    }

    fn forget(&mut self) {
        self.messages = self.system.iter().cloned().collect();
    }

    fn show(&self, printer: Printer) {
        for message in &self.messages {
            printer.line(format!(
                "{}: {}",
                printer.ink(Ink::Bold, &format!("{:?}", message.role)),
                message.joined_text()
            ));
        }
    }

    /// One turn. An interrupt stops the answer, what was said so far stays.
    async fn ask(&mut self, question: &str, printer: Printer) {
        self.messages.push(Message::text(Role::User, question));
        let mut request = Request::new(Prompt::Chat(self.messages.clone()));
        request.sampling = self.sampling.clone();
        request.max_tokens = self.max_tokens;
        let mut events = self.model.generate(request);
        let mut answer = String::new();
        let mut citations = Vec::new();
        loop {
            let event = tokio::select! {
                event = events.next() => event,
                _ = tokio::signal::ctrl_c() => { printer.line(" (stopped)"); break }
            };
            match event {
                Some(Ok(Event::Text { text, .. })) => {
                    printer.piece(&printer.foreign(&text));
                    answer.push_str(&text);
                }
                Some(Ok(Event::Citation(citation))) => citations.push(citation),
                Some(Ok(Event::Progress(Progress::Dropped { citations }))) => {
                    printer.note(format!("\n{citations} citations were dropped"));
                }
                Some(Ok(Event::ToolCall(call))) => {
                    printer.line(printer.foreign(&format!("{}({})", call.name, call.arguments)))
                }
                Some(Ok(Event::ToolArguments(more))) => printer.piece(&printer.foreign(&more)),
                Some(Ok(Event::Progress(_))) => {}
                Some(Ok(Event::Finished { .. })) | None => {
                    printer.line("");
                    break;
                }
                Some(Err(error)) => {
                    crate::print::error(&error.to_string());
                    self.messages.pop(); // the conversation stays as it was before the question
                    return;
                }
            }
        }
        for citation in &citations {
            cite(citation, printer);
        }
        self.messages.push(Message::text(Role::Assistant, answer));
    }
}
