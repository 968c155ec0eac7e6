//! Where `--data DIR` may stand: before a command or after it, but after those whose own `--data` is a file of rows.

use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches};

use super::Cli;

/// The place of the data directory after a command.
const AFTER: &str = "data-after";

impl Cli {
    /// What can be typed: `--data DIR` stands before a command or after it, but after those whose `--data` is a file of rows.
    pub(crate) fn all() -> clap::Command {
        let command = <Self as CommandFactory>::command();
        let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
        names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_data))
    }

    /// What was typed; ends the program where that is nothing that can be, or a call for help.
    pub(crate) fn typed() -> Self {
        let matches = Self::all().get_matches();
        let mut cli = Self::from_arg_matches(&matches).unwrap_or_else(|error| error.format(&mut Self::all()).exit());
        let mut at = &matches;
        while let Some((_, below)) = at.subcommand() {
            at = below;
        }
        if let Ok(Some(data)) = at.try_get_one::<PathBuf>(AFTER) {
            cli.global.data = Some(data.clone());
        }
        cli
    }
}

fn with_data(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|one| one.get_name().to_owned()).collect();
    if !names.is_empty() {
        return names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_data));
    }
    // Where `--data` names rows, the variable says where models are.
    if command.get_arguments().any(|one| one.get_long() == Some("data")) {
        return command;
    }
    let data = clap::Arg::new(AFTER)
        .long("data")
        .value_name("DIR")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Where models and knowledge bases are kept [env: SUMERU_DATA] [default: ~/.local/share/sumeru]");
    command.arg(data)
}
