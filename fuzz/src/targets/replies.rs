//! What providers answer: streams, and refusals.

use wire::openai::client::{Chunks, error_of};
use wire::sse::Reader;

use super::{Answer, refusal};

/// A stream says the same however its bytes are cut, and begins no call twice.
pub(super) fn replies(bytes: &[u8]) -> Answer {
    let whole = stream(bytes, bytes.len().max(1));
    for size in [1, 7, 64] {
        let cut = stream(bytes, size);
        if cut != whole {
            return Err(format!("a stream that is cut by {size} bytes says another thing"));
        }
    }
    let status = [400, 401, 404, 413, 429, 500, 503][bytes.len() % 7];
    let refused = error_of(status, "application/json", bytes, None).to_string();
    Ok(match whole {
        Ok(said) => said,
        Err(why) => format!("{} {refused}", refusal(&why)),
    })
}

/// The events of a stream in words, or the error that ends it.
fn stream(bytes: &[u8], size: usize) -> Result<String, String> {
    let (mut reader, mut chunks, mut events) = (Reader::default(), Chunks::default(), Vec::new());
    for piece in bytes.chunks(size) {
        for data in reader.feed(piece) {
            events.extend(chunks.feed(&data).map_err(|error| error.to_string())?);
        }
    }
    if let Some(data) = reader.end() {
        events.extend(chunks.feed(&data).map_err(|error| error.to_string())?);
    }
    events.push(chunks.finish().map_err(|error| error.to_string())?);
    Ok(format!("{events:?}"))
}
