//! What of an answer is proved, sentence by sentence, while it is being written.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use domain::{Hit, LanguageModel, Passage, Prompt, Request, TokenProbability};
use futures_util::future::try_join_all;
use knowledge::cite::{self, Cited};
use knowledge::{Foreign, Reading};

use crate::Result;

/// Claims of one answer that a model is asked about at most: each takes it about a second.
const MOST_JUDGED: usize = 8;

/// An answer on its way to being proved.
pub(crate) struct Proof {
    question: String,
    passages: Vec<Passage>,
    /// Who tells whether two languages say the same.
    model: Option<Arc<dyn LanguageModel>>,
    judged: HashMap<Foreign, bool>,
    /// What has been said for good.
    said: String,
    /// Bytes of the model's text that were looked at when `said` last grew.
    seen: usize,
}

impl Proof {
    /// Of an answer to a question, from no passages yet.
    pub(crate) fn new(question: String) -> Self {
        Self { question, passages: Vec::new(), model: None, judged: HashMap::new(), said: String::new(), seen: 0 }
    }

    /// The passages the answer is written from, and who writes it.
    pub(crate) fn read(&mut self, hits: &[Hit], model: Arc<dyn LanguageModel>) {
        self.compare(hits.iter().map(|hit| hit.passage.clone()).collect(), Some(model));
    }

    /// The passages, and who tells whether two languages say the same, if anybody does.
    pub(crate) fn compare(&mut self, passages: Vec<Passage>, model: Option<Arc<dyn LanguageModel>>) {
        self.passages = passages;
        self.model = model;
    }

    /// What more can be said for good, of an answer of which this much is written.
    pub(crate) async fn certain(&mut self, text: &str) -> Result<String> {
        let end = cite::complete(text);
        if end <= self.seen {
            return Ok(String::new());
        }
        self.seen = end;
        let answer = self.cited(&text[..end]).await?.answer;
        let more = answer.strip_prefix(self.said.as_str()).unwrap_or_default().trim_end().to_owned();
        self.said.push_str(&more);
        Ok(more)
    }

    /// The whole answer, and what of it has not been said.
    pub(crate) async fn settled(&mut self, text: &str) -> Result<(String, Cited)> {
        let cited = self.cited(text).await?;
        let cited = cite::settle(&self.question, cited, &self.passages);
        Ok((self.rest(&cited.answer), cited))
    }

    fn rest(&self, answer: &str) -> String {
        match answer.strip_prefix(self.said.as_str()) {
            Some(rest) => rest.to_owned(),
            // Later words changed how an earlier sentence was judged; what was said stays, what follows is added.
            None => {
                answer.get(self.said.floor_char_boundary(common(answer, &self.said))..).unwrap_or_default().to_owned()
            }
        }
    }

    /// Part of an answer, checked: more text does not change what this says of its whole sentences.
    async fn cited(&mut self, text: &str) -> Result<Cited> {
        loop {
            let (cited, unknown) =
                self.as_far_as_known(|judge| cite::resolve(&self.question, text, &self.passages, judge));
            let Some(foreign) = unknown else { return Ok(cited) };
            let stands = self.judged.len() < MOST_JUDGED && self.judge(&foreign).await?;
            self.judged.insert(foreign, stands);
        }
    }

    /// The share of a whole answer's sentences that stand in the passages; nothing if it states none. See [`cite::support`].
    pub(crate) async fn share(&mut self, text: &str) -> Result<Option<f64>> {
        loop {
            let (share, unknown) =
                self.as_far_as_known(|judge| cite::support(&self.question, text, &self.passages, judge));
            let Some(foreign) = unknown else { return Ok(share) };
            let stands = self.judged.len() < MOST_JUDGED && self.judge(&foreign).await?;
            self.judged.insert(foreign, stands);
        }
    }

    /// What comes of a check as far as is known, and the first claim of which it is not known whether it stands.
    fn as_far_as_known<T>(&self, check: impl FnOnce(&knowledge::Judge<'_>) -> T) -> (T, Option<Foreign>) {
        let unknown = RefCell::new(None);
        let judge = |foreign: &Foreign| {
            let known = self.judged.get(foreign).copied();
            known.unwrap_or_else(|| {
                unknown.borrow_mut().get_or_insert_with(|| foreign.clone());
                false
            })
        };
        let checked = check(&judge);
        (checked, unknown.into_inner())
    }

    async fn judge(&self, foreign: &Foreign) -> Result<bool> {
        let Some(model) = &self.model else { return Ok(false) };
        let tokens = foreign.readings().into_iter().map(|reading| likelihoods(model.as_ref(), reading));
        Ok(foreign.stands(&try_join_all(tokens).await?))
    }
}

/// The tokens of a text with their log-probabilities.
async fn likelihoods(model: &dyn LanguageModel, Reading { before, text }: Reading) -> Result<Vec<(String, f32)>> {
    let mut request = Request::new(Prompt::Text(before + &text));
    (request.echo, request.logprobs, request.max_tokens) = (true, Some(0), Some(0));
    let tokens = domain::collect(model.generate(request)).await?.tokens;
    let mut left = text.len();
    let of_text = tokens.iter().rev().take_while(|token| {
        let within = left > 0;
        left = left.saturating_sub(token.bytes.len());
        within
    });
    let said = |token: &TokenProbability| {
        (String::from_utf8_lossy(&token.bytes).into_owned(), token.logprob.unwrap_or_default())
    };
    let mut of_text: Vec<(String, f32)> = of_text.map(said).collect();
    of_text.reverse();
    Ok(of_text)
}

fn common(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use domain::{Card, Error, Event, EventStream, FinishReason, Timings, Usage};
    use futures_util::{FutureExt, StreamExt};

    use super::*;

    /// A model whose tokens are letters, each as likely as said where a text stands before them, and less where none does.
    pub(crate) struct Letters {
        card: Card,
        after_text: f32,
        asked: AtomicUsize,
    }

    impl Letters {
        pub(crate) fn new(after_text: f32) -> Arc<Self> {
            let card = serde_json::json!({ "name": "letters", "architecture": "test", "context": 1 });
            let card = serde_json::from_value(card).expect("it is a card");
            Arc::new(Self { card, after_text, asked: AtomicUsize::new(0) })
        }
    }

    impl LanguageModel for Letters {
        fn card(&self) -> &Card {
            &self.card
        }

        fn generate(&self, request: Request) -> EventStream {
            self.asked.fetch_add(1, Ordering::Relaxed);
            let Prompt::Text(text) = request.prompt else { unreachable!("texts are scored") };
            assert!(request.echo && request.max_tokens == Some(0) && request.logprobs.is_some());
            let read = text.contains('\n');
            let tokens = text.chars().enumerate().map(|(at, c)| TokenProbability {
                id: at as u32,
                bytes: c.to_string().into_bytes(),
                logprob: (at > 0).then_some(if read { self.after_text } else { -4.0 }),
                rivals: Vec::new(),
            });
            let echo = Event::Text { tokens: tokens.collect(), text, prompt: true };
            let (usage, timings) = (Usage::default(), Timings::default());
            let end = Event::Finished { reason: FinishReason::Length, usage, timings };
            futures_util::stream::iter([Ok::<_, Error>(echo), Ok(end)]).boxed()
        }
    }

    pub(crate) fn hit(text: &str) -> Hit {
        let passage = Passage {
            id: text.to_owned(),
            document: "d".to_owned(),
            title: "T".to_owned(),
            page: None,
            section: String::new(),
            span: [0, text.chars().count()],
            text: text.to_owned(),
        };
        Hit { passage, score: 1.0, lexical_rank: Some(1), vector_rank: None }
    }

    #[test]
    fn a_model_says_whether_two_languages_say_the_same() {
        let question = "How long are access logs kept?";
        let text = "Access logs are kept from 9:30 to 17:00.";
        for (after_text, supported) in [(-1.0, true), (-3.9, false)] {
            let model = Letters::new(after_text);
            let mut proof = Proof::new(question.to_owned());
            proof.read(&[hit("远程办公期间须在 9:30 至 17:00 之间保持在线。每周三全员到岗。")], model.clone());
            for _ in 0..2 {
                let (_, cited) = proof.settled(text).now_or_never().expect("nothing waits").expect("nothing fails");
                assert_eq!(cited.supported, supported, "{cited:?}");
                assert_eq!(cited.answer.contains("Access logs"), supported, "{cited:?}");
            }
            // Asked once: the claim and the quotation, each alone and after the other.
            assert_eq!(model.asked.load(Ordering::Relaxed), 4);
        }
    }

    #[test]
    fn only_so_many_claims_are_judged() {
        let text: String = (10..50).map(|days| format!("Leave number {days} has {days} days. ")).collect();
        let passage: String = (10..50).map(|days| format!("第 {days} 种假有 {days} 天。")).collect();
        let model = Letters::new(-4.0);
        let mut proof = Proof::new(String::new());
        proof.read(&[hit(&passage)], model.clone());
        let (_, cited) = proof.settled(&text).now_or_never().expect("nothing waits").expect("nothing fails");
        assert!(!cited.supported);
        assert!(model.asked.load(Ordering::Relaxed) <= MOST_JUDGED * 7);
    }
}
