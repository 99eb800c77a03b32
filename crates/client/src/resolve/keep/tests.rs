use std::sync::Mutex;

use futures_util::future::BoxFuture;

use super::*;
use crate::{Address, resolve::Resolver};

type Outcome = Result<Answer, ResolveError>;

/// Answers of a name in turn, the last one for ever, and when they were asked for.
#[derive(Default)]
struct Script {
    answers: Mutex<Vec<Outcome>>,
    asked: Mutex<Vec<Instant>>,
}

impl Resolve for Script {
    fn resolve(&self) -> BoxFuture<'_, Outcome> {
        self.asked.lock().unwrap().push(Instant::now());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() };
        Box::pin(async move { answer })
    }
}

fn good(ports: &[u16], ttl: u64) -> Outcome {
    let address = |port: &u16| Address::Tcp(([10, 0, 0, 1], *port).into());
    Ok(Answer { addresses: ports.iter().map(address).collect(), ttl: Duration::from_secs(ttl) })
}

fn empty() -> Outcome {
    Err(ResolveError::Empty("none".to_owned()))
}

fn failed() -> Outcome {
    Err(ResolveError::Failed("SERVFAIL".to_owned()))
}

fn start(answers: Vec<Outcome>) -> (Arc<Script>, Resolver) {
    let script = Arc::new(Script { answers: Mutex::new(answers), ..Script::default() });
    let resolver = Resolver::start(script.clone(), &ResolverSettings::default(), fastrand::Rng::with_seed(7));
    (script, resolver)
}

impl Script {
    /// Seconds between lookups.
    fn pauses(&self) -> Vec<f64> {
        let asked = self.asked.lock().unwrap();
        asked.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect()
    }

    fn say(&self, answers: Vec<Outcome>) {
        *self.answers.lock().unwrap() = answers;
    }
}

async fn pass(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

fn ports(resolver: &Resolver) -> Vec<u16> {
    let known = resolver.watch().borrow().clone();
    let port = |address: &Address| match address {
        Address::Tcp(address) => address.port(),
        other => panic!("{other}"),
    };
    known.addresses.iter().map(port).collect()
}

#[tokio::test(start_paused = true)]
async fn a_name_is_asked_for_at_its_ttl_within_bounds_and_never_in_step() {
    for (ttl, base) in [(0, 5.0), (12, 12.0), (3600, 30.0)] {
        let (script, _resolver) = start(vec![good(&[1], ttl)]);
        pass(600).await;
        let pauses = script.pauses();
        assert!(pauses.iter().all(|pause| (base * 0.899..base * 1.101).contains(pause)), "{ttl}: {pauses:?}");
        assert!(pauses.iter().any(|pause| (pause - pauses[0]).abs() > 0.01 * base), "{ttl}: {pauses:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_loss_is_answered_at_once_and_many_losses_no_oftener_than_every_five_seconds() {
    let (script, resolver) = start(vec![good(&[1], 30)]);
    pass(10).await;
    let lost = Instant::now();
    resolver.resolve_now();
    pass(1).await;
    assert_eq!(*script.asked.lock().unwrap().last().unwrap(), lost);
    for _ in 0..200 {
        resolver.resolve_now();
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let pauses = script.pauses();
    assert!(pauses[1..].iter().all(|pause| *pause >= 5.0), "{pauses:?}");
    assert!(pauses.len() >= 5, "{pauses:?}");
}

#[tokio::test(start_paused = true)]
async fn addresses_come_in_order_and_each_once() {
    let (_, resolver) = start(vec![good(&[3, 1, 2, 1], 5)]);
    pass(1).await;
    assert_eq!(ports(&resolver), [1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_that_fails_is_tried_again_soon_and_then_less_often() {
    let (script, resolver) = start(vec![failed()]);
    pass(200).await;
    let pauses = script.pauses();
    for (pause, base) in pauses.iter().zip([1.0, 1.6, 2.56, 4.096, 6.5536]) {
        assert!((base * 0.899..base * 1.101).contains(pause), "{pauses:?}");
    }
    assert!(pauses.iter().all(|pause| *pause < 33.1) && *pauses.last().unwrap() > 26.9, "{pauses:?}");
    let known = resolver.watch().borrow().clone();
    assert_eq!(known.error, Some(ResolveError::Failed("SERVFAIL".to_owned())));
    assert!(known.confirmed.is_none() && known.failures == known.lookups);
}

#[tokio::test(start_paused = true)]
async fn addresses_are_kept_for_as_long_as_no_name_server_answers() {
    let (script, resolver) = start(vec![good(&[1, 2], 5), failed()]);
    pass(7200).await;
    assert_eq!(ports(&resolver), [1, 2]);
    assert!(resolver.watch().borrow().error.is_some());
    script.say(vec![good(&[3], 5)]);
    pass(60).await;
    assert_eq!(ports(&resolver), [3]);
    assert!(resolver.watch().borrow().error.is_none());
}

#[tokio::test(start_paused = true)]
async fn an_answer_of_no_addresses_is_believed_after_five_minutes_of_nothing_else() {
    let (script, resolver) = start(vec![good(&[1], 5), empty()]);
    pass(290).await;
    assert_eq!(ports(&resolver), [1]);
    script.say(vec![good(&[1], 5), empty()]);
    pass(290).await;
    assert_eq!(ports(&resolver), [1], "the five minutes begin anew with a good answer");
    pass(60).await;
    assert_eq!(ports(&resolver), [0; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_lookup_without_an_answer_ends_at_its_limit() {
    let forever = || -> BoxFuture<'static, Outcome> { Box::pin(std::future::pending()) };
    let resolver = Resolver::start(Arc::new(forever), &ResolverSettings::default(), fastrand::Rng::with_seed(1));
    let begun = Instant::now();
    let known = resolver.watch().wait_for(|known| known.lookups == 1).await.unwrap().clone();
    assert_eq!(begun.elapsed(), Duration::from_secs(10));
    assert_eq!(known.error, Some(ResolveError::Failed("no answer within 10 s".to_owned())));
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_when_nobody_listens() {
    let (script, resolver) = start(vec![good(&[1], 5)]);
    pass(30).await;
    drop(resolver);
    pass(1).await;
    let asked = script.asked.lock().unwrap().len();
    pass(60).await;
    assert_eq!(script.asked.lock().unwrap().len(), asked);
    assert_eq!(Arc::strong_count(&script), 1, "its task has ended");
}
