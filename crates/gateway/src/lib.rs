//! Models on other people's machines, behind the wall that local ones stand behind.
//!
//! [`open`] makes a [`LanguageModel`] of a [`Remote`]: a [`RemoteModel`] that asks once, a [`Budget`] that refuses what
//! may cost too much, a [`Retry`] that asks again for failures that pass, a [`Limited`] that asks so many at a time. Each
//! holds the one before and is a model itself. What is *not* here: OpenAI's JSON (`wire`), which model may see which data
//! ([`domain::Policy`]), where cards, keys and the book of what was spent are, and routes between models.

mod book;
mod budget;
mod fault;
mod limited;
mod remote;
mod retry;
mod secret;

#[cfg(test)]
mod tests;

pub use budget::Budget;
pub use limited::Limited;
pub use remote::RemoteModel;
pub use retry::{Pace, Retry};
pub use secret::Secret;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use domain::{Error, LanguageModel, Remote};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);

/// The client that remote models share, and with it their connections.
///
/// # Errors
/// The system's certificates cannot be read.
pub fn client() -> Result<reqwest::Client, Error> {
    builder().build().map_err(|error| {
        Error::failed(format!(
            "Remote models cannot be asked: {}; install your system's certificates (`ca-certificates`), or name them in SSL_CERT_FILE.",
            fault::root_cause(&error)
        ))
    })
}

fn builder() -> reqwest::ClientBuilder {
    // An error only says that another part of the program chose the same provider before.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("sumeru/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT)
        // Data goes to the address that was decided on, and to no other that it may name.
        .redirect(reqwest::redirect::Policy::none())
}

/// A remote model: limited, tried again, and held to the limit on its card, over all processes that give the same `book`
/// ([`Budget::new`]).
///
/// # Errors
/// [`Error::Invalid`] naming the field of the card that cannot be; [`Error::Failed`] if the card names a key that was not given.
pub fn open(
    remote: &Remote,
    key: Option<Secret>,
    client: reqwest::Client,
    book: Option<PathBuf>,
) -> Result<Arc<dyn LanguageModel>, Error> {
    let budget = Budget::new(RemoteModel::new(remote, key, client)?, remote, book)?;
    // A slot is held while waiting to ask again: a provider that is asked too much is asked less.
    Ok(Arc::new(Limited::new(Arc::new(Retry::new(budget, remote.retries)), remote.concurrency)))
}
