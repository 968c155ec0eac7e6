//! A limit to what may be spent.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_stream::stream;
use domain::{Card, Error, Event, EventStream, LanguageModel, Price, Remote, Request, Usage};
use futures_util::StreamExt;
use tokio::sync::Notify;

use crate::RemoteModel;
use crate::book::Book;
use crate::fault::{Attempt, Fault, plainly};

/// Bytes of text to a token, where nobody counts: of English there are more, of Chinese about as many.
const BYTES: u64 = 3;
/// What sums of fractions may be off by.
const ROUNDING: f64 = 1e-9;

/// What was spent on a model, and a limit to it that holds at any time.
///
/// What calls under way may cost at most is set aside. A call that would fit if they cost less waits for them to end;
/// one that cannot fit is refused.
///
/// Without a book it is forgotten with the process. With one ([`Purse::kept_in`]) all processes that keep the same book
/// keep to one limit, except for what is under way in the others at the moment: they see of each other what was settled.
#[derive(Debug)]
pub(crate) struct Purse {
    limit: Option<f64>,
    currency: String,
    sums: Mutex<Sums>,
    settled: Notify,
}

#[derive(Debug, Default)]
struct Sums {
    /// All that was spent; if there is a book, only what could not be written there.
    unwritten: f64,
    book: Option<Book>,
    set_aside: f64,
    /// Calls that something is set aside for.
    calls: usize,
}

impl Sums {
    fn spent(&self) -> f64 {
        self.unwritten + self.book.as_ref().map_or(0.0, Book::spent)
    }

    /// Counts what a call cost. The answer is there already: where it cannot be written down it counts for this process.
    fn pay(&mut self, cost: f64) {
        let Some(book) = &mut self.book else {
            self.unwritten += cost;
            return;
        };
        // Nothing is written of a call that was not let in.
        if cost <= 0.0 {
            return;
        }
        match book.enter(cost) {
            // What cannot be read now is said to the next call.
            Ok(()) => drop(book.look()),
            Err(error) => {
                let path = book.path().display();
                tracing::error!(%path, cost, %error, "what a call cost could not be written down, and counts until this process ends");
                self.unwritten += cost;
            }
        }
    }

    /// What to do where a call does not fit.
    fn remedy(&self) -> String {
        match &self.book {
            Some(book) => format!(
                "lower max_tokens, raise spend_limit in models.toml, or remove its lines from {} to begin anew",
                book.path().display()
            ),
            None => "lower max_tokens, or raise spend_limit".to_owned(),
        }
    }
}

impl Purse {
    /// An unopened purse; `None`: no limit, but a count.
    fn new(limit: Option<f64>, currency: impl Into<String>) -> Self {
        Self { limit, currency: currency.into(), sums: Mutex::default(), settled: Notify::new() }
    }

    /// The same with a book: what calls of `model` cost is written to the file `book` and counts from then on, as does what
    /// is there already of that model in this currency.
    fn kept_in(mut self, book: PathBuf, model: &str) -> Self {
        let book = Book::new(book, model, &self.currency);
        self.sums.get_mut().unwrap_or_else(PoisonError::into_inner).book = Some(book);
        self
    }

    /// What was spent, in `currency`, as far as its book was read. Of answers that were broken off it is an estimate.
    fn spent(&self) -> f64 {
        self.sums().spent()
    }

    /// Sets the most aside that a call may cost, as soon as that is certain to be there.
    async fn set_aside(self: Arc<Self>, model: &str, most: f64) -> Result<Share, Error> {
        loop {
            let mut settled = std::pin::pin!(self.settled.notified());
            // From here on nothing that is settled is missed.
            settled.as_mut().enable();
            if self.try_set_aside(model, most)? {
                break;
            }
            settled.await;
        }
        Ok(Share { purse: self, most, cost: 0.0 })
    }

    fn try_set_aside(&self, model: &str, most: f64) -> Result<bool, Error> {
        let mut sums = self.sums();
        if let Some(book) = &mut sums.book {
            book.look()?;
        }
        if let Some(limit) = self.limit {
            let left = limit - sums.spent() + ROUNDING;
            if most > left {
                let (currency, left, remedy) = (&self.currency, left.max(0.0), sums.remedy());
                return Err(Error::failed(format!(
                    "Not sent: this call of '{model}' may cost {most:.4} {currency}, and of the limit of {limit} {currency} {left:.4} are left; {remedy}."
                )));
            }
            if most > left - sums.set_aside {
                return Ok(false);
            }
        }
        sums.set_aside += most;
        sums.calls += 1;
        Ok(true)
    }

    fn settle(&self, most: f64, cost: f64) {
        let mut sums = self.sums();
        sums.pay(cost);
        sums.calls -= 1;
        // Sums of fractions drift; nothing is nothing.
        sums.set_aside = if sums.calls == 0 { 0.0 } else { sums.set_aside - most };
        drop(sums);
        self.settled.notify_waiters();
    }

    fn sums(&self) -> MutexGuard<'_, Sums> {
        self.sums.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is set aside in a purse for one call; the call's cost is booked when it is dropped.
struct Share {
    purse: Arc<Purse>,
    most: f64,
    cost: f64,
}

impl Drop for Share {
    fn drop(&mut self) {
        self.purse.settle(self.most, self.cost);
    }
}

/// How far a try came, told while it runs: who pays must know it even of a stream that is dropped half-way.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    sent: AtomicBool,
    bytes: AtomicU64,
}

impl Meter {
    /// The request is on its way: its prompt is to be paid.
    pub(crate) fn send(&self) {
        self.sent.store(true, Ordering::Relaxed);
    }

    /// It was not let in, and costs nothing.
    pub(crate) fn refuse(&self) {
        self.sent.store(false, Ordering::Relaxed);
    }

    /// So many bytes were generated so far.
    pub(crate) fn hear(&self, bytes: usize) {
        self.bytes.store(bytes as u64, Ordering::Relaxed);
    }
}

/// One call's bill; it is paid when it is dropped.
struct Bill {
    price: Price,
    share: Option<Share>,
    meter: Arc<Meter>,
    prompt_tokens: u32,
    /// What the provider counted.
    counted: Option<Usage>,
}

impl Bill {
    /// Sets aside what the call may cost at most.
    async fn covered(mut self, purse: Arc<Purse>, card: &Card, most: Option<u32>) -> Result<Self, Error> {
        let prompt_tokens = self.prompt_tokens;
        let completion_tokens = most.unwrap_or_else(|| card.context.saturating_sub(prompt_tokens).max(1));
        // Nobody promises that any of the prompt is known to the provider already.
        let most = self.price.cost(&Usage { prompt_tokens, completion_tokens, ..Usage::default() });
        self.share = Some(purse.set_aside(&card.name, most).await?);
        Ok(self)
    }

    fn cost(&self) -> f64 {
        if let Some(usage) = &self.counted {
            return self.price.cost(usage);
        }
        if !self.meter.sent.load(Ordering::Relaxed) {
            return 0.0;
        }
        let completion_tokens = tokens(self.meter.bytes.load(Ordering::Relaxed));
        self.price.cost(&Usage { prompt_tokens: self.prompt_tokens, completion_tokens, ..Usage::default() })
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        let cost = self.cost();
        if let Some(share) = &mut self.share {
            share.cost = cost;
        }
    }
}

/// A model that is only asked what can be paid for, at the most that it may cost: prompt, thoughts and `max_tokens`, or all that the
/// context has room for. What it did cost is booked after.
pub struct Budget {
    inner: Arc<RemoteModel>,
    price: Option<Price>,
    purse: Arc<Purse>,
}

impl Budget {
    /// Held to the limit on the card. What calls cost is written to `book`, a file that other models and other processes
    /// may write to as well; `None`: the limit is of this process alone. Of a card without a limit nothing is written.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is a limit, but no price to hold to it, or one of them is not a sum of money.
    pub fn new(inner: RemoteModel, remote: &Remote, book: Option<PathBuf>) -> Result<Self, Error> {
        let price = remote.price.clone();
        let sums = price.iter().flat_map(|price| [Some(price.input), price.cached, Some(price.output)]).flatten();
        if let Some(wrong) = sums.chain(remote.spend_limit).find(|sum| !sum.is_finite() || *sum < 0.0) {
            return Err(Error::invalid(
                "price",
                "invalid_value",
                format!("The card of '{}' names {wrong} as a price or limit; write 0 or more.", remote.name),
            ));
        }
        if price.is_none() && remote.spend_limit.is_some() {
            return Err(Error::invalid(
                "price",
                "invalid_value",
                format!(
                    "'{}' has no price on its card, so no limit can be kept; add one, with 0 for a model that costs nothing.",
                    remote.name
                ),
            ));
        }
        let currency = price.as_ref().map_or("", |price| price.currency.as_str());
        let mut purse = Purse::new(remote.spend_limit, currency);
        if let Some(book) = book.filter(|_| remote.spend_limit.is_some()) {
            purse = purse.kept_in(book, &remote.name);
        }
        Ok(Self { inner: Arc::new(inner), price, purse: Arc::new(purse) })
    }

    /// What was spent on this model, in the currency of its price.
    pub fn spent(&self) -> f64 {
        self.purse.spent()
    }

    /// One try, whose fault says whether another may help.
    pub(crate) fn attempt(&self, request: Request) -> Attempt {
        let (inner, price, purse) = (Arc::clone(&self.inner), self.price.clone(), Arc::clone(&self.purse));
        Box::pin(stream! {
            let body = match inner.body(&request) {
                Ok(body) => body,
                Err(error) => {
                    yield Err(Fault::lasting(error));
                    return;
                }
            };
            let meter = Arc::new(Meter::default());
            let mut bill = None;
            if let Some(price) = price {
                let (prompt_tokens, meter) = (tokens(body.len() as u64), Arc::clone(&meter));
                let open = Bill { price, share: None, meter, prompt_tokens, counted: None };
                let most = request.max_tokens.map(|answer| inner.may_generate(answer));
                match open.covered(purse, inner.card(), most).await {
                    Ok(covered) => bill = Some(covered),
                    Err(error) => {
                        yield Err(Fault::lasting(error));
                        return;
                    }
                }
            }
            let mut steps = inner.attempt(body, meter);
            while let Some(step) = steps.next().await {
                // Paid before the end is told, so that who was told can look at what was spent.
                match &step {
                    Ok(Event::Finished { usage, .. }) => {
                        if let Some(mut bill) = bill.take() {
                            bill.counted = (usage.prompt_tokens > 0 || usage.completion_tokens > 0).then_some(*usage);
                        }
                    }
                    Err(_) => drop(bill.take()),
                    Ok(_) => {}
                }
                yield step;
            }
        })
    }
}

/// Tokens that so many bytes may be, where nobody counts.
fn tokens(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES)).unwrap_or(u32::MAX)
}

impl LanguageModel for Budget {
    fn card(&self) -> &Card {
        self.inner.card()
    }

    fn generate(&self, request: Request) -> EventStream {
        plainly(self.attempt(request))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use futures_util::FutureExt;

    use super::*;

    fn share(purse: &Arc<Purse>, most: f64) -> Option<Result<Share, Error>> {
        Arc::clone(purse).set_aside("m", most).now_or_never()
    }

    #[test]
    fn a_limit_holds_at_any_time() {
        let purse = Arc::new(Purse::new(Some(1.0), "CNY"));
        let mut first = share(&purse, 0.6).unwrap().unwrap();
        assert!(share(&purse, 0.6).is_none(), "it would fit if the first cost less, and waits");
        let second = share(&purse, 0.4).unwrap().unwrap();
        assert!(matches!(share(&purse, 1.1), Some(Err(Error::Failed { message })) if message.contains("spend_limit")));
        first.cost = 0.25;
        drop(first);
        assert_eq!(purse.spent(), 0.25);
        assert!(share(&purse, 0.6).is_none(), "0.4 are set aside still");
        drop(second);
        assert_eq!(purse.spent(), 0.25, "what was not used is there again");
        assert!(share(&purse, 0.76).unwrap().is_err(), "more than is left");
        let mut last = share(&purse, 0.75).unwrap().unwrap();
        last.cost = 0.75;
        drop(last);
        assert!(share(&purse, 0.01).unwrap().is_err());
        assert!(share(&purse, 0.0).unwrap().is_ok(), "what costs nothing is never refused");
    }

    #[test]
    fn who_waits_is_told() {
        let purse = Arc::new(Purse::new(Some(1.0), "CNY"));
        let first = share(&purse, 1.0).unwrap().unwrap();
        let mut waiting = Box::pin(Arc::clone(&purse).set_aside("m", 1.0));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        assert!(waiting.as_mut().now_or_never().unwrap().is_ok());
    }

    #[test]
    fn a_limit_outlives_its_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spent.jsonl");
        let purse = || Arc::new(Purse::new(Some(1.0), "CNY").kept_in(path.clone(), "m"));
        let pay = |purse: &Arc<Purse>, most: f64, cost: f64| {
            share(purse, most).unwrap().map(|mut share| {
                share.cost = cost;
                drop(share);
                purse.spent()
            })
        };
        let (first, beside) = (purse(), purse());
        assert_eq!(pay(&first, 0.6, 0.25), Ok(0.25));
        assert_eq!(pay(&beside, 0.6, 0.25), Ok(0.5), "what another process spent counts, and what this one did");
        assert_eq!(pay(&first, 0.4, 0.0), Ok(0.5));
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2, "what cost nothing is not written");
        let second = purse();
        let refusal = pay(&second, 0.51, 0.0).unwrap_err().to_string();
        let book = path.display().to_string();
        for part in ["'m'", "CNY", "0.5000 are left", "spend_limit", "models.toml", book.as_str()] {
            assert!(refusal.contains(part), "{part}: {refusal}");
        }
        assert_eq!(pay(&second, 0.5, 0.5), Ok(1.0));
        assert!(pay(&first, 0.1, 0.1).is_err());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(pay(&first, 0.1, 0.1), Ok(0.1), "begun anew");
    }

    #[test]
    fn what_cannot_be_written_counts_and_what_cannot_be_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        // There is no folder that it could be written to.
        let nowhere = Arc::new(Purse::new(Some(1.0), "CNY").kept_in(folder.path().join("gone/spent.jsonl"), "m"));
        let mut paid = share(&nowhere, 0.6).unwrap().unwrap();
        paid.cost = 0.6;
        drop(paid);
        assert_eq!(nowhere.spent(), 0.6);
        assert!(share(&nowhere, 0.5).unwrap().is_err());
        let unread = Arc::new(Purse::new(Some(1.0), "CNY").kept_in(folder.path().to_owned(), "m"));
        let refusal = share(&unread, 0.1).unwrap().map(|_| ()).unwrap_err().to_string();
        assert!(refusal.contains(&folder.path().display().to_string()), "{refusal}");
    }

    #[test]
    fn tokens_are_rather_too_many() {
        for (bytes, expected) in [(0, 0), (1, 1), (3, 1), (4, 2), (u64::MAX, u32::MAX)] {
            assert_eq!(tokens(bytes), expected);
        }
    }
}
