//! The binary `sumeru`: the only reader of the command line and the environment, the only printer.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

mod args;
mod commands;
mod exit;
mod print;

use args::{Cli, Command, Global};
use exit::Exit;
use print::Printer;

fn main() -> ExitCode {
    let cli = Cli::typed();
    start_log();
    let printer = Printer::new(&cli.global);
    let Some(command) = cli.command else {
        printer.line(FIRST_STEPS);
        return ExitCode::SUCCESS;
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            print::error(&format!("the system gives no threads ({error}); close other programs and try again"));
            return Exit::Failed.into();
        }
    };
    let outcome = runtime.block_on(run(command, &cli.global, printer));
    // Work on other threads (a model mid-step) must not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => exit.into(),
        Err(error) => {
            print::error(&exit::describe(&error));
            exit::of(&error).into()
        }
    }
}

const FIRST_STEPS: &str = "Sumeru asks your documents, and serves models, from one binary. What to do first:
  sumeru models pull qwen2.5-coder-0.5b-instruct multilingual-e5-small
  sumeru ingest ~/Documents --kb mine
  sumeru ask 'What do these documents say about holidays?' --kb mine
  sumeru serve        then open http://127.0.0.1:8080; `sumeru --help` lists everything";

async fn run(command: Command, global: &Global, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::all(), "sumeru", &mut std::io::stdout());
            Ok(Exit::Done)
        }
        // These two decide themselves what an interrupt means.
        Command::Serve(options) => commands::serve::run(options, &data(global)?, printer).await,
        Command::Chat(options) => commands::chat::run(options, &data(global)?, printer).await,
        other => {
            let data = data(global)?;
            let goes_on = goes_on(&other);
            // On a thread of its own: work that blocks this one, such as a question at the terminal, can be interrupted too.
            tokio::spawn(async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    if goes_on {
                        printer.note("interrupted; what is done is kept: the same command again goes on");
                    }
                    std::process::exit(Exit::Interrupted.code().into());
                }
            });
            one_shot(other, data, printer).await
        }
    }
}

/// Whether a command keeps what it has done when it is interrupted, and goes on there.
fn goes_on(command: &Command) -> bool {
    match command {
        Command::Ingest(_) | Command::Choose(_) | Command::Recheck(_) => true,
        Command::Models(command) => matches!(command, args::Models::Pull { .. }),
        Command::Run(options) => options.out.is_some(),
        _ => false,
    }
}

async fn one_shot(command: Command, data: PathBuf, printer: Printer) -> anyhow::Result<Exit> {
    match command {
        Command::Ingest(options) => commands::ingest::run(options, &data, printer).await,
        Command::Search(options) => commands::search::run(options, &data, printer).await,
        Command::Ask(options) => commands::ask::run(options, &data, printer).await,
        Command::Complete(options) => commands::complete::run(options, &data, printer).await,
        Command::Tokens(options) => commands::tokens::run(options, &data, printer).await,
        Command::Embed(options) => commands::embed::run(options, &data, printer).await,
        Command::Rerank(options) => commands::rerank::run(options, &data, printer).await,
        Command::Bench(options) => commands::bench::run(options, &data, printer).await,
        Command::Size(options) => commands::size::run(options, &data, printer).await,
        Command::Models(command) => commands::models::run(command, &data, printer).await,
        Command::Run(options) => commands::run::run(options, &data, printer).await,
        Command::Choose(options) => commands::choose::run(options, &data, printer).await,
        Command::Recheck(options) => commands::choose::recheck(options, &data, printer).await,
        Command::Cluster(options) => commands::cluster::run(options, &data, printer).await,
        Command::Data(command) => commands::data::run(command, printer),
        Command::Judge(command) => commands::judge::run(command, &data, printer).await,
        Command::Task(command) => commands::task::run(command, printer),
        Command::Kb(command) => commands::kb::run(command, &data, printer).await,
        Command::Doctor => commands::doctor::run(&data, printer).await,
        Command::Serve(_) | Command::Chat(_) | Command::Completions { .. } => unreachable!("handled by `run`"),
    }
}

/// The data directory: `--data`, `SUMERU_DATA`, or the platform's place for user data.
fn data(global: &Global) -> anyhow::Result<PathBuf> {
    if let Some(data) = &global.data {
        return Ok(data.clone());
    }
    if let Some(base) = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute()) {
        return Ok(base.join("sumeru"));
    }
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home
        .ok_or_else(|| exit::usage("neither --data, SUMERU_DATA nor HOME says where data is kept; add --data DIR"))?;
    Ok(PathBuf::from(home).join(".local/share/sumeru"))
}

/// Logs go to standard error: what somebody should know, or what `SUMERU_LOG` asks for (`info`, `debug`, `server=debug`, `off`...).
fn start_log() {
    let log = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(std::io::stderr().is_terminal());
    match std::env::var("SUMERU_LOG") {
        Ok(filter) => log.with_env_filter(tracing_subscriber::EnvFilter::new(filter)).init(),
        Err(_) => {
            let own = tracing_subscriber::EnvFilter::new("platform=warn,server=warn");
            log.with_env_filter(own).without_time().with_target(false).init();
        }
    }
}
