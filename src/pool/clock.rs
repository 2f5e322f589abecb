//! Where the pool gets its time from.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// Tells the time to deadlines, limits and measurements; tests move one of their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// Reads the system's monotonic clock.
    pub fn system() -> Self {
        Self::new(Instant::now)
    }

    /// Reads whatever is given; it must never go back.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Returns the time.
    pub fn now(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl governor::clock::Clock for Clock {
    type Instant = Instant;

    fn now(&self) -> Instant {
        Clock::now(self)
    }
}

impl governor::clock::ReasonablyRealtime for Clock {}
