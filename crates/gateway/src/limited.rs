//! So many requests at a time.

use std::sync::Arc;
use std::time::Instant;

use async_stream::stream;
use domain::{Card, Event, EventStream, LanguageModel, Request};
use futures_util::StreamExt;
use tokio::sync::Semaphore;

/// A model that is asked so many times at once; more wait, in order.
pub struct Limited {
    inner: Arc<dyn LanguageModel>,
    slots: Arc<Semaphore>,
}

impl Limited {
    /// At most `concurrency` requests at a time, and at least one.
    pub fn new(inner: Arc<dyn LanguageModel>, concurrency: u32) -> Self {
        Self { inner, slots: Arc::new(Semaphore::new(concurrency.max(1) as usize)) }
    }
}

impl LanguageModel for Limited {
    fn card(&self) -> &Card {
        self.inner.card()
    }

    fn generate(&self, request: Request) -> EventStream {
        let (inner, slots) = (Arc::clone(&self.inner), Arc::clone(&self.slots));
        Box::pin(stream! {
            let begun = Instant::now();
            let _slot = slots.acquire_owned().await.expect("nobody closes the semaphore: this is a bug");
            let waited = begun.elapsed().as_secs_f64() * 1000.0;
            let mut events = inner.generate(request);
            while let Some(mut event) = events.next().await {
                if let Ok(Event::Finished { timings, .. }) = &mut event {
                    timings.queue_ms += waited;
                }
                yield event;
            }
        })
    }
}
