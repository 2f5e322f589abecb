use std::sync::atomic::AtomicU64;

use super::*;

/// A clock that stands still until it is moved.
fn hand_clock() -> (Clock, Arc<AtomicU64>) {
    let start = Instant::now();
    let millis = Arc::new(AtomicU64::new(0));
    let hand = Arc::clone(&millis);
    (
        Clock::new(move || start + Duration::from_millis(hand.load(Ordering::Relaxed))),
        millis,
    )
}

fn only_user(burst: u32, refill_s: u64) -> LimitOptions {
    LimitOptions {
        user: Rate::new(burst, Duration::from_secs(refill_s)),
        ..LimitOptions::unlimited()
    }
}

fn refused(answer: Result<(), Refusal>) -> (Scope, Duration) {
    match answer {
        Err(Refusal::RateLimited { scope, retry_after }) => (scope, retry_after),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_burst_passes_and_then_one_more_after_each_refill() {
    let (clock, millis) = hand_clock();
    let mut limits = Limits::new(&only_user(2, 10), &clock);
    assert_eq!(limits.admit(1, None), Ok(()));
    assert_eq!(limits.admit(1, None), Ok(()));
    assert_eq!(
        refused(limits.admit(1, None)),
        (Scope::User, Duration::from_secs(10))
    );
    millis.store(4_000, Ordering::Relaxed);
    assert_eq!(refused(limits.admit(1, None)).1, Duration::from_secs(6));
    millis.store(10_000, Ordering::Relaxed);
    assert_eq!(limits.admit(1, None), Ok(()));
    assert!(limits.admit(1, None).is_err());
}

#[test]
fn one_persons_limit_is_not_anothers() {
    let mut limits = Limits::new(&only_user(1, 10), &hand_clock().0);
    assert_eq!(limits.admit(1, None), Ok(()));
    assert!(limits.admit(1, None).is_err());
    assert_eq!(limits.admit(2, None), Ok(()));
}

#[test]
fn waiting_as_long_as_told_is_enough() {
    let (clock, millis) = hand_clock();
    let options = LimitOptions {
        user: Rate::new(3, Duration::from_secs(7)),
        guild: Rate::new(2, Duration::from_secs(11)),
        global: Rate::new(2, Duration::from_secs(13)),
    };
    let mut limits = Limits::new(&options, &clock);
    for _ in 0..50 {
        if let Err(refusal) = limits.admit(1, Some(2)) {
            let wait = refusal.retry_after().expect("a rate limit says how long");
            millis.fetch_add(u64::try_from(wait.as_millis()).unwrap(), Ordering::Relaxed);
            assert_eq!(limits.admit(1, Some(2)), Ok(()));
        }
    }
}

#[test]
fn a_refusal_costs_nothing_with_the_other_limits() {
    let (clock, millis) = hand_clock();
    let options = LimitOptions {
        user: Rate::new(1, Duration::from_secs(3600)),
        guild: Rate::new(1, Duration::from_secs(1)),
        global: None,
    };
    let mut limits = Limits::new(&options, &clock);
    assert_eq!(limits.admit(1, Some(9)), Ok(()));
    // The guild is busy; had this used up person 2's own allowance, they would wait an hour.
    assert_eq!(
        refused(limits.admit(2, Some(9))),
        (Scope::Guild, Duration::from_secs(1))
    );
    millis.store(1_000, Ordering::Relaxed);
    assert_eq!(limits.admit(2, Some(9)), Ok(()));
}

#[test]
fn a_guild_limit_does_not_touch_direct_messages() {
    let options = LimitOptions {
        guild: Rate::new(1, Duration::from_secs(9)),
        ..LimitOptions::unlimited()
    };
    let mut limits = Limits::new(&options, &hand_clock().0);
    assert_eq!(limits.admit(1, Some(5)), Ok(()));
    assert_eq!(refused(limits.admit(1, Some(5))).0, Scope::Guild);
    assert_eq!(limits.admit(1, None), Ok(()));
}

#[test]
fn the_limit_of_everyone_binds_everyone() {
    let options = LimitOptions {
        global: Rate::new(1, Duration::from_secs(9)),
        ..LimitOptions::unlimited()
    };
    let mut limits = Limits::new(&options, &hand_clock().0);
    assert_eq!(limits.admit(1, None), Ok(()));
    assert_eq!(
        refused(limits.admit(2, Some(5))),
        (Scope::Global, Duration::from_secs(9))
    );
}

#[test]
fn people_who_stay_away_are_forgotten() {
    let (clock, millis) = hand_clock();
    let mut limits = Limits::new(&only_user(2, 10), &clock);
    for user in 0..50_000_u64 {
        assert_eq!(limits.admit(user, None), Ok(()));
        millis.fetch_add(100, Ordering::Relaxed);
    }
    // Each is remembered for the 10 s until their allowance is whole again, at 10 people a second.
    let bound = 2 * 100 + usize::try_from(SWEEP_EVERY).unwrap();
    assert!(limits.remembered() <= bound, "{} remembered", limits.remembered());
}
