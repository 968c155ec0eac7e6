//! What the black-box tests share: the real binary on a data directory of its own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "each test file uses a part; a test may stop at the first surprise"
)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary under test.
pub fn sumeru(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sumeru"));
    command.arg("--data").arg(data).env_remove("SUMERU_API_KEY").env_remove("SUMERU_LOG");
    command
}

/// Runs to the end; standard output must be JSON.
pub fn json(command: &mut Command) -> serde_json::Value {
    let output = command.arg("--json").arg("--quiet").output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{command:?}: {error}\n{}", text(&output)))
}

/// Everything a run said.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Where `make models` put the models, if it ran.
pub fn models() -> Option<PathBuf> {
    let models = PathBuf::from(std::env::var_os("SUMERU_TEST_DATA")?).join("models");
    models.is_dir().then_some(models)
}

/// A fresh data directory that has the models of `make models`.
pub fn with_models() -> Option<tempfile::TempDir> {
    let data = tempfile::tempdir().unwrap();
    let Some(models) = models() else {
        assert!(std::env::var_os("CI").is_none(), "SUMERU_TEST_DATA names no models; run `make models`");
        return None; // a plain `cargo test` on a machine without models
    };
    std::os::unix::fs::symlink(models, data.path().join("models")).unwrap();
    Some(data)
}
