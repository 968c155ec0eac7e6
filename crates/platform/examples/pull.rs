//! Pulls models: `cargo run --release -p platform --example pull -- DATA NAME...`
#![allow(clippy::print_stderr, reason = "an example may speak")]

use std::path::Path;
use std::sync::Mutex;

use platform::{Access, PullOptions, PullProgress, Workspace};

#[tokio::main]
async fn main() -> Result<(), platform::Error> {
    let mut arguments = std::env::args().skip(1);
    let data = arguments.next().unwrap_or_else(|| "data".to_owned());
    let workspace = Workspace::open(Path::new(&data), Access::Read)?;
    for name in arguments {
        let last = Mutex::new((String::new(), u64::MAX));
        let report = |now: &PullProgress| {
            let percent = now.done * 100 / now.total.max(1);
            if let Ok(mut last) = last.lock()
                && (last.0 != now.step || last.1 / 10 != percent / 10)
            {
                eprintln!("{name}: {percent:3} % {:6.1} MB/s {}", now.rate / 1e6, now.step);
                *last = (now.step.clone(), percent);
            }
        };
        let model = workspace.models().pull(&name, &PullOptions::default(), &report).await?;
        eprintln!("{name}: {:?}", model.path);
    }
    Ok(())
}
