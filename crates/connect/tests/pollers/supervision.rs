//! What becomes of pollers that fail, panic, are replaced, stopped or held up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use connect::{Context, Failure, Pace, Poll, PollerState, PollerStatus, Round};
use model::{Event, Signal};
use ports::Retry;

use super::peers::{World, until, world};

const FAST: Duration = Duration::from_millis(2);

fn event(id: u64) -> Signal {
    Signal::Event(Event {
        id: id.to_string(),
        source: "test".to_owned(),
        kind: "test".to_owned(),
        service: String::new(),
        at: model::Timestamp::ZERO,
        data: serde_json::Value::Null,
        attributes: Default::default(),
    })
}

fn status(world: &World) -> PollerStatus {
    world.pollers.status().remove(0)
}

/// Does what the script says for each round, by its number.
struct Script<F>(F, u64);

#[async_trait]
impl<F: FnMut(u64) -> Result<Vec<Signal>, Failure> + Send + 'static> Poll for Script<F> {
    async fn poll(&mut self, context: &Context) -> Result<Round, Failure> {
        self.1 += 1;
        let signals = (self.0)(self.1)?;
        context.deliver("script", signals).await?;
        Ok(Round::Done)
    }
}

/// Fails until the test says otherwise.
fn failing(away: &Arc<AtomicBool>) -> impl FnMut(u64) -> Result<Vec<Signal>, Failure> + Send + use<> {
    let away = Arc::clone(away);
    move |_| if away.load(Ordering::SeqCst) { Err(Failure::temporary("away")) } else { Ok(vec![]) }
}

#[tokio::test]
async fn a_failing_poller_is_degraded_then_well_again() {
    let (world, away) = (world(), Arc::new(AtomicBool::new(true)));
    let pace = Pace { quarantine_after: u32::MAX, ..Pace::backing_off(FAST, FAST * 4) };
    world.pollers.start("p", pace, Script(failing(&away), 0));
    until("failed thrice", || status(&world).errors_in_row >= 3).await;
    assert_eq!(status(&world).state, PollerState::Degraded { reason: "away".to_owned() });
    assert_eq!(status(&world).last_success_at, None);
    away.store(false, Ordering::SeqCst);
    until("well again", || status(&world).state == PollerState::Running).await;
    let status = status(&world);
    assert!(status.errors >= 3 && status.errors_in_row == 0 && status.last_success_at.is_some());
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn a_lasting_failure_is_quarantined_but_still_tried() {
    let (world, away) = (world(), Arc::new(AtomicBool::new(true)));
    let pace = Pace { quarantine_after: 4, quarantine: FAST, ..Pace::backing_off(FAST, FAST) };
    world.pollers.start("p", pace, Script(failing(&away), 0));
    until("quarantined", || matches!(status(&world).state, PollerState::Quarantined { .. })).await;
    assert!(status(&world).errors_in_row >= 4);
    away.store(false, Ordering::SeqCst);
    until("released", || status(&world).state == PollerState::Running).await;

    let forever = Pace { quarantine: Duration::from_secs(600), ..pace };
    world.pollers.start("p", forever, Script(|_| Err(Failure::new(Retry::Permanent, "bad token")), 0));
    let bad = PollerState::Quarantined { reason: "bad token".to_owned() };
    until("quarantined at once", || status(&world).state == bad).await;
    assert_eq!(status(&world).errors, 1);
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn a_panic_is_a_failure_and_the_poller_lives_on() {
    let world = world();
    let script = |round| if round == 1 { panic!("boom") } else { Ok(vec![event(round)]) };
    world.pollers.start("p", Pace::backing_off(FAST, FAST * 2), Script(script, 0));
    until("running after the panic", || status(&world).accepted >= 2).await;
    assert_eq!(status(&world).errors, 1);
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn an_overloaded_sink_delays_and_loses_nothing() {
    let world = world();
    world.sink.overloaded.store(4, Ordering::SeqCst);
    let script = |round| Ok(if round <= 3 { vec![event(round)] } else { vec![] });
    world.pollers.start("p", Pace::steady(FAST), Script(script, 0));
    until("all three", || world.sink.count(|_| true) == 3).await;
    let status = status(&world);
    assert_eq!((status.overloaded, status.refused), (4, 0));
    world.pollers.shutdown().await;
}

#[tokio::test]
async fn a_full_sink_does_not_hold_up_the_end() {
    let world = world();
    world.sink.overloaded.store(u64::MAX, Ordering::SeqCst);
    world.pollers.start("p", Pace::steady(FAST), Script(|round| Ok(vec![event(round)]), 0));
    until("it waits", || status(&world).overloaded >= 2).await;
    world.pollers.shutdown().await;
    assert!(world.pollers.status().is_empty());
}

#[tokio::test]
async fn refused_signals_are_counted() {
    let world = world();
    world.sink.invalid.store(1, Ordering::SeqCst);
    let pace = Pace { quarantine: FAST, ..Pace::steady(FAST) };
    world.pollers.start("p", pace, Script(|round| Ok(vec![event(round), event(round)]), 0));
    until("the next ones are taken", || status(&world).accepted >= 2).await;
    assert_eq!(status(&world).refused, 2);
    world.pollers.shutdown().await;
}

/// Counts how many of its kind are alive, and how often two were at once.
struct Lonely {
    alive: Arc<AtomicI64>,
    crowded: Arc<AtomicU64>,
    polled: Arc<AtomicU64>,
    entered: bool,
}

#[async_trait]
impl Poll for Lonely {
    async fn poll(&mut self, _: &Context) -> Result<Round, Failure> {
        if !self.entered {
            self.entered = true;
            if self.alive.fetch_add(1, Ordering::SeqCst) != 0 {
                self.crowded.fetch_add(1, Ordering::SeqCst);
            }
        }
        self.polled.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(Round::More)
    }

    async fn close(&mut self, _: &Context) {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        if self.entered {
            self.alive.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_replaced_poller_has_ended_before_the_next_begins_and_none_is_left() {
    let world = world();
    let (alive, crowded, polled) =
        (Arc::new(AtomicI64::new(0)), Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for _ in 0..20 {
        let before = polled.load(Ordering::SeqCst);
        let poll = Lonely {
            alive: Arc::clone(&alive),
            crowded: Arc::clone(&crowded),
            polled: Arc::clone(&polled),
            entered: false,
        };
        world.pollers.start("p", Pace::backing_off(FAST, FAST), poll);
        until("polled", || polled.load(Ordering::SeqCst) > before).await;
        world.pollers.stop("p");
    }
    world.pollers.shutdown().await;
    assert_eq!((alive.load(Ordering::SeqCst), crowded.load(Ordering::SeqCst)), (0, 0));
    world.pollers.start("late", Pace::steady(FAST), Script(|_| Ok(vec![]), 0));
    assert!(world.pollers.status().is_empty(), "nothing starts after the end");
}
