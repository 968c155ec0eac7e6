//! Remote models against a provider on a real socket.
#![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod site;

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::{
    Collected, Error, Event, EventStream, FinishReason, LanguageModel, Message, Price, Prompt, Remote, Request, Role,
};
use futures_util::StreamExt;
use serde_json::json;

use crate::{Budget, Limited, Pace, RemoteModel, Retry, Secret, open};
use site::{HEL, LO, Play, STOP, Site, USAGE};

const KEY: &str = "sk-very-secret";

/// No proxy stands between a test and its own server.
fn client() -> reqwest::Client {
    crate::builder().no_proxy().build().unwrap()
}

fn remote(base: &str) -> Remote {
    let card = json!({"name": "far", "base_url": base, "model": "far-1", "vendor": "Far Ltd", "jurisdiction": "cn",
        "context": 4096, "timeout_seconds": 1});
    serde_json::from_value(card).unwrap()
}

/// One unit of money for a token.
fn priced(base: &str, limit: Option<f64>) -> Remote {
    let price = Price { input: 1e6, cached: None, output: 1e6, currency: "CNY".to_owned() };
    Remote { price: Some(price), spend_limit: limit, ..remote(base) }
}

fn model(remote: &Remote) -> RemoteModel {
    RemoteModel::new(remote, Some(Secret::new(KEY)), client()).unwrap()
}

fn budget(remote: &Remote) -> Budget {
    Budget::new(model(remote), remote, None).unwrap()
}

/// Asks up to three times more, nearly without waiting.
fn patient(remote: &Remote) -> Retry {
    let pace =
        Pace { first: Duration::from_millis(1), longest: Duration::from_millis(2), patience: Duration::from_secs(5) };
    Retry::new(budget(remote), 3).at(pace)
}

fn request() -> Request {
    Request::new(Prompt::Chat(vec![Message::text(Role::User, "hi")]))
}

fn short(max_tokens: u32) -> Request {
    Request { max_tokens: Some(max_tokens), ..request() }
}

async fn ask(model: &dyn LanguageModel, request: Request) -> Result<Collected, Error> {
    domain::collect(model.generate(request)).await
}

fn failure(answer: Result<Collected, Error>) -> String {
    match answer {
        Err(Error::Failed { message }) => message,
        other => panic!("{other:?}"),
    }
}

/// Everything a stream gives, to its very end.
async fn all(stream: EventStream) -> Vec<Result<Event, Error>> {
    stream.collect().await
}

/// Waits for what another task is about to do.
async fn eventually(holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < Duration::from_secs(10), "it never came about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_good_stream_is_an_answer() {
    let site = Site::start([Play::hello()]).await;
    let far = model(&remote(&site.base));
    let answer = ask(&far, request()).await.unwrap();
    assert_eq!((answer.text.as_str(), answer.reason), ("Hello!", FinishReason::Stop));
    assert_eq!((answer.usage.prompt_tokens, answer.usage.completion_tokens), (4, 2));
    assert!(answer.timings.prompt_ms > 0.0, "{:?}", answer.timings);
    let asked = site.asked().remove(0);
    assert!(asked.head.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"), "{}", asked.head);
    assert!(asked.head.contains(&format!("uthorization: Bearer {KEY}")), "{}", asked.head);
    assert_eq!((&asked.body["model"], &asked.body["stream"]), (&json!("far-1"), &json!(true)));
    let card = far.card();
    assert_eq!((card.name.as_str(), card.architecture.as_str(), card.context), ("far", "remote", 4096));
    assert_eq!(card.description, "far-1 at Far Ltd");
}

#[test]
fn a_card_says_which_model_it_is_and_how_it_is_asked() {
    let card = remote("https://api.example.com/v1");
    let digest = |card: &Remote| model(card).card().sha256.clone();
    assert_eq!(digest(&card), "945aa3ea01077a00cbc4b397d58de14fd8d24222f0b18616174f80eb332b21aa");
    for (other, is_same) in [
        (Remote { model: "far-2".to_owned(), ..card.clone() }, false),
        (Remote { base_url: "https://api.example.com/v2".to_owned(), ..card.clone() }, false),
        (Remote { vendor: "Near Ltd".to_owned(), retries: 0, ..card.clone() }, true),
    ] {
        assert_eq!(digest(&other) == digest(&card), is_same, "{other:?}");
    }
    // What it thinks has room of its own.
    for (reasoning, name, most, other) in
        [(false, "max_tokens", 7, "max_completion_tokens"), (true, "max_completion_tokens", 107, "max_tokens")]
    {
        let body = model(&Remote { reasoning, thinking_tokens: 100, ..card.clone() }).body(&short(7)).unwrap();
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert!(body[name] == most && body.get(other).is_none(), "{body}");
    }
}

#[tokio::test]
async fn a_stream_may_come_in_any_pieces_and_a_body_whole() {
    let stream = Play::stream(&[HEL, LO, STOP, USAGE, "[DONE]"]);
    let mut dripping = Play::new(200, "Content-Type: text/event-stream\r\n", "");
    for piece in format!("data: {HEL}\r\n\r\n: 好\r\n\r\ndata: {LO}\r\n\r\ndata: {STOP}\r\n\r\n").as_bytes().chunks(40)
    {
        dripping = dripping.then(Duration::from_millis(2), piece);
    }
    let whole = r#"{"choices":[{"message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"}],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#;
    // A server that never closes is left when it has said that it is over.
    for play in [stream.then_hangs(), dripping, Play::json(200, whole)] {
        let site = Site::start([play]).await;
        let events = all(model(&remote(&site.base)).generate(request())).await;
        assert!(matches!(events.last(), Some(Ok(Event::Finished { reason: FinishReason::Stop, .. }))), "{events:?}");
        let text: String = events
            .iter()
            .map(|event| match event {
                Ok(Event::Text { text, .. }) => text.as_str(),
                Ok(Event::Finished { .. }) => "",
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(text, "Hello!");
    }
}

#[tokio::test]
async fn a_busy_provider_is_asked_again_when_it_said() {
    let dates = "Date: Wed, 21 Oct 2026 07:28:00 GMT\r\nRetry-After: Wed, 21 Oct 2026 07:28:01 GMT\r\n";
    for (status, headers) in [(429, "Retry-After: 1\r\n"), (503, "Retry-After: 1\r\n"), (503, dates)] {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        let busy = Play::new(status, &headers, r#"{"error":{"message":"slow down"}}"#);
        let site = Site::start([busy, Play::hello()]).await;
        let begun = Instant::now();
        assert_eq!(ask(&patient(&remote(&site.base)), request()).await.unwrap().text, "Hello!");
        assert!(begun.elapsed() >= Duration::from_secs(1), "{status} {headers}: {:?}", begun.elapsed());
        assert_eq!(site.connections(), 2);
    }
}

#[tokio::test]
async fn a_provider_that_wants_a_long_rest_is_not_asked_again() {
    let site = Site::start([Play::new(429, "Retry-After: 3600\r\n", "")]).await;
    let error = ask(&patient(&remote(&site.base)), request()).await.unwrap_err();
    assert!(matches!(error, Error::Busy { retry_after_seconds: 3600, .. }), "{error:?}");
    assert_eq!(site.connections(), 1);
    let site = Site::start([Play::new(503, "Retry-After: 3600\r\n", "")]).await;
    let message = failure(ask(&patient(&remote(&site.base)), request()).await);
    assert!(message.contains("503") && message.contains("3600 seconds"), "{message}");
    assert_eq!(site.connections(), 1);
}

#[tokio::test]
async fn failures_that_pass_are_tried_again_and_others_are_not() {
    let error = |status| Play::json(status, r#"{"error":{"message":"what went wrong"}}"#);
    let html = Play::new(200, "Content-Type: text/html\r\n", "<html>Log in</html>");
    let within = Play::stream(&[r#"{"error":{"message":"what went wrong"}}"#]);
    let refused = Play::stream(&[r#"{"error":{"message":"what went wrong","code":"content_filter"}}"#]);
    let cut = Play::stream(&[]);
    let promised = Play::new(200, "Content-Type: text/event-stream\r\nContent-Length: 900\r\n", ": hello\n\n");
    for (first, connections) in [
        (error(500), 2),
        (error(503), 2),
        (error(408), 2),
        (within, 2),
        (cut, 2),
        (promised, 2),
        (error(400), 1),
        (error(401), 1),
        (error(404), 1),
        (html, 1),
        (refused, 1),
    ] {
        let site = Site::start([first.clone(), Play::hello()]).await;
        let answer = ask(&patient(&remote(&site.base)), request()).await;
        assert_eq!(site.connections(), connections, "{first:?}");
        assert_eq!(answer.is_ok(), connections == 2, "{first:?}: {answer:?}");
    }
}

#[tokio::test]
async fn patience_ends() {
    let site = Site::start([Play::json(500, r#"{"error":{"message":"oh"}}"#)]).await;
    let far = patient(&remote(&site.base));
    let message = failure(ask(&far, request()).await);
    assert!(message.contains("oh") && message.contains("500") && message.contains("4 times"), "{message}");
    assert_eq!(site.connections(), 4);
    let never = Retry::new(budget(&remote(&site.base)), 0);
    assert!(!failure(ask(&never, request()).await).contains("times"));
    assert_eq!(site.connections(), 5);
}

#[tokio::test]
async fn nothing_is_tried_again_once_text_was_given_out() {
    let cut = Play::stream(&[HEL]);
    let promised =
        Play::new(200, "Content-Type: text/event-stream\r\nContent-Length: 900\r\n", format!("data: {HEL}\n\n"));
    let error = Play::stream(&[HEL, r#"{"error":{"message":"oh"}}"#]);
    let hung = Play::stream(&[HEL]).then_hangs();
    for play in [cut, promised, error, hung] {
        let site = Site::start([play.clone(), Play::hello()]).await;
        let events = all(patient(&remote(&site.base)).generate(request())).await;
        let [Ok(Event::Text { text, .. }), Err(Error::Failed { .. })] = events.as_slice() else {
            panic!("{play:?}: {events:?}")
        };
        assert_eq!(text, "Hel");
        assert_eq!(site.connections(), 1, "{play:?}");
    }
}

#[tokio::test]
async fn pages_that_are_no_answer_are_named() {
    let site = Site::start([Play::new(200, "Content-Type: text/html\r\n", "<html>Log in</html>")]).await;
    let message = failure(ask(&model(&remote(&site.base)), request()).await);
    assert!(["text/html", "<html>Log in", "base_url"].iter().all(|part| message.contains(part)), "{message}");
    let elsewhere = Play::new(307, "Location: http://example.invalid/\r\n", "");
    let site = Site::start([elsewhere]).await;
    let message = failure(ask(&model(&remote(&site.base)), request()).await);
    assert!(message.contains("307"), "it is not followed: {message}");
}

#[tokio::test]
async fn keys_do_not_show() {
    let body = format!(r#"{{"error":{{"message":"Incorrect API key provided: {KEY}"}}}}"#);
    let site = Site::start([Play::json(401, &body)]).await;
    let message = failure(ask(&model(&remote(&site.base)), request()).await);
    assert!(message.contains("***") && message.contains("key_env") && !message.contains(KEY), "{message}");
    let card = Remote { key_env: Some("FAR_KEY".to_owned()), ..remote(&site.base) };
    let Err(error) = open(&card, None, client(), None) else { panic!("it has no key") };
    assert!(error.to_string().contains("FAR_KEY"), "{error}");
}

#[tokio::test]
async fn silence_ends_and_signs_of_life_prolong_it() {
    let drip = Duration::from_millis(100);
    let mut loris = Play::new(200, "Content-Type: text/event-stream\r\n", "data: {");
    let mut slow = Play::new(200, "Content-Type: text/event-stream\r\n", "");
    for _ in 0..30 {
        loris = loris.then(drip, " ");
    }
    for _ in 0..15 {
        slow = slow.then(drip, ": keep-alive\n\n");
    }
    slow = slow.then(drip, format!("data: {HEL}\n\ndata: {LO}\n\ndata: {STOP}\n\n"));
    for (play, answers) in [(Play::silent(), false), (loris, false), (slow, true)] {
        let site = Site::start([play]).await;
        let begun = Instant::now();
        let answer = ask(&model(&remote(&site.base)), request()).await;
        assert_eq!(answer.is_ok(), answers, "{answer:?}");
        if !answers {
            assert!(failure(answer).contains("timeout_seconds"));
            assert!(begun.elapsed() < Duration::from_millis(2500), "{:?}", begun.elapsed());
        }
    }
}

#[tokio::test]
async fn a_machine_that_is_not_there_is_named() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let message = failure(ask(&patient(&remote(&format!("http://127.0.0.1:{port}/v1"))), request()).await);
    assert!(["'far'", "127.0.0.1", "base_url", "4 times"].iter().all(|part| message.contains(part)), "{message}");
}

#[tokio::test]
async fn a_stream_that_is_dropped_closes_its_connection_and_frees_its_slot() {
    let site = Site::start([Play::stream(&[HEL]).then_hangs(), Play::hello()]).await;
    let card = Remote { timeout_seconds: 60, concurrency: 1, ..remote(&site.base) };
    let far = open(&card, Some(Secret::new(KEY)), client(), None).unwrap();
    let mut stream = far.generate(request());
    assert!(matches!(stream.next().await, Some(Ok(Event::Text { .. }))));
    drop(stream);
    eventually(|| site.left() == 1).await;
    assert_eq!(ask(far.as_ref(), request()).await.unwrap().text, "Hello!");
}

#[tokio::test]
async fn no_more_than_so_many_are_asked_at_a_time() {
    let pause = Duration::from_millis(50);
    let rest = format!("data: {HEL}\n\ndata: {LO}\n\ndata: {STOP}\n\ndata: {USAGE}\n\n");
    let site = Site::start([Play::new(200, "Content-Type: text/event-stream\r\n", "").then(pause, rest)]).await;
    let far: Arc<dyn LanguageModel> = Arc::new(Limited::new(Arc::new(model(&remote(&site.base))), 2));
    let asked = (0..6).map(|_| domain::collect(far.generate(request())));
    let answers = futures_util::future::join_all(asked).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().text == "Hello!"));
    assert_eq!((site.connections(), site.most()), (6, 2));
    let longest = answers.iter().map(|answer| answer.as_ref().unwrap().timings.queue_ms).fold(0.0, f64::max);
    assert!(longest > 50.0, "the last ones waited: {longest}");
}

#[tokio::test]
async fn what_may_cost_too_much_is_not_sent() {
    let site = Site::start([Play::hello()]).await;
    let far = budget(&priced(&site.base, Some(500.0)));
    for request in [short(501), request()] {
        let message = failure(ask(&far, request).await);
        assert!(["'far'", "CNY", "500", "spend_limit"].iter().all(|part| message.contains(part)), "{message}");
    }
    // Not even when it is asked again, or by way of the whole stack.
    let stacked = open(&priced(&site.base, Some(500.0)), Some(Secret::new(KEY)), client(), None).unwrap();
    failure(ask(stacked.as_ref(), short(501)).await);
    assert_eq!((site.connections(), far.spent()), (0, 0.0));
    ask(&far, short(300)).await.unwrap();
    assert_eq!((site.connections(), far.spent()), (1, 6.0), "what it did cost, not what it might have");
    let thinks = Remote { reasoning: true, thinking_tokens: 300, ..priced(&site.base, Some(500.0)) };
    let message = failure(ask(&budget(&thinks), short(300)).await);
    assert!(message.contains("spend_limit"), "what it may think may cost as much: {message}");
    assert_eq!(site.connections(), 1);
}

#[tokio::test]
async fn what_was_spent_is_known_when_the_model_is_opened_again() {
    let site = Site::start([Play::hello()]).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("spent.jsonl");
    let opened =
        |limit| open(&priced(&site.base, limit), Some(Secret::new(KEY)), client(), Some(path.clone())).unwrap();
    ask(opened(None).as_ref(), short(300)).await.unwrap();
    assert!(!path.exists(), "without a limit nothing is written");
    for limit in [500.0, 400.0] {
        ask(opened(Some(limit)).as_ref(), short(300)).await.unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap().matches("\"cost\":6.0}\n").count(), 2);
    // The prompt is thought to have some tokens too.
    let message = failure(ask(opened(Some(312.0)).as_ref(), short(300)).await);
    assert!(message.contains("300.0000 are left") && message.contains(&path.display().to_string()), "{message}");
    assert_eq!(site.connections(), 3);
}

#[tokio::test]
async fn calls_that_only_fit_one_after_the_other_wait() {
    // Over when the connection is, so that the server knows it first.
    let site = Site::start([Play::stream(&[HEL, LO, STOP, USAGE])]).await;
    let far = budget(&priced(&site.base, Some(500.0)));
    let asked = (0..5).map(|_| domain::collect(far.generate(short(300))));
    for answer in futures_util::future::join_all(asked).await {
        answer.unwrap();
    }
    assert_eq!((site.most(), far.spent()), (1, 30.0));
}

#[tokio::test]
async fn what_is_broken_off_is_estimated_and_what_is_refused_costs_nothing() {
    for (play, least, most) in [
        (Play::json(500, "{}"), 0.0, 0.0),
        (Play::new(200, "Content-Type: text/html\r\n", "<html>"), 0.0, 0.0),
        // Prompt, and the three bytes of "Hel".
        (Play::stream(&[HEL]), 20.0, 100.0),
        // A provider that does not count: prompt, and the six bytes of "Hello!".
        (Play::stream(&[HEL, LO, STOP, "[DONE]"]), 20.0, 100.0),
        (Play::silent(), 20.0, 100.0),
    ] {
        let site = Site::start([play.clone()]).await;
        let far = budget(&priced(&site.base, Some(5000.0)));
        let _ = ask(&far, short(300)).await;
        let spent = far.spent();
        assert!((least..=most).contains(&spent), "{play:?}: {spent}");
    }
    let site = Site::start([Play::stream(&[HEL]).then_hangs()]).await;
    let far = budget(&priced(&site.base, Some(5000.0)));
    let mut stream = far.generate(short(300));
    assert!(matches!(stream.next().await, Some(Ok(Event::Text { .. }))));
    assert_eq!(far.spent(), 0.0, "it is not over");
    drop(stream);
    assert!((20.0..=100.0).contains(&far.spent()), "{}", far.spent());
}

#[test]
fn cards_that_cannot_be_are_refused_by_field() {
    let base = "http://127.0.0.1:1/v1";
    let negative = Price { input: -1.0, cached: None, output: 0.0, currency: "CNY".to_owned() };
    for (card, field) in [
        (Remote { base_url: "far away".to_owned(), ..remote(base) }, "base_url"),
        (Remote { timeout_seconds: 0, ..remote(base) }, "timeout_seconds"),
        (Remote { spend_limit: Some(1.0), ..remote(base) }, "price"),
        (Remote { price: Some(negative), ..remote(base) }, "price"),
        (priced(base, Some(f64::NAN)), "price"),
    ] {
        let refused = open(&card, None, client(), None);
        assert!(matches!(refused, Err(Error::Invalid { param: Some(param), .. }) if param == field), "{field}");
    }
}
