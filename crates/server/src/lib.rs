//! The HTTP door.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

/// How the door stands open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Address or name to bind.
    pub host: String,
    /// Port; 0 takes a free one.
    pub port: u16,
    /// Required of every caller when set; needed to bind beyond the loopback.
    pub api_key: Option<String>,
}
impl Default for Options {
    fn default() -> Self {
        Self { host: "127.0.0.1".to_owned(), port: 8080, api_key: None }
    }
}
/// Serves until `shutdown` resolves.
///
/// # Errors
/// A door that may not or cannot be opened.
pub async fn serve(
    _workspace: Arc<platform::Workspace>,
    _options: Options,
    _shown: impl FnOnce(SocketAddr),
    _shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), domain::Error> {
    Ok(())
}
