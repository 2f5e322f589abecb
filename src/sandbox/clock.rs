//! The sandbox's time: the real clock plus an offset that tests push forward instead of sleeping.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::id::DISCORD_EPOCH_MS;

/// A point of the sandbox's time in milliseconds of the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the time from `earlier` to this one, zero if `earlier` is later.
    pub fn since(self, earlier: Timestamp) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// Returns this point moved `by` into the future.
    pub fn plus(self, by: Duration) -> Timestamp {
        Timestamp(self.0.saturating_add(by.as_millis() as u64))
    }
}

impl fmt::Display for Timestamp {
    /// Writes the timestamp as Discord does: `2026-08-01T10:20:30.456Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        f.write_str(text.as_deref().unwrap_or("1970-01-01T00:00:00Z"))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let moment = OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom)?;
        let millis = u64::try_from(moment.unix_timestamp_nanos() / 1_000_000);
        millis.map(Timestamp).map_err(de::Error::custom)
    }
}

/// The real clock plus an offset. Everything follows it but the gateway's heartbeats, which the client at the other end
/// keeps by its own, unmoved clock.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    offset_ms: AtomicU64,
    sequence: AtomicU64,
}

impl Clock {
    /// Returns the sandbox's present.
    pub(crate) fn now(&self) -> Timestamp {
        let real = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(real.as_millis() as u64 + self.offset_ms.load(Ordering::SeqCst))
    }

    /// Moves the present `by` forward.
    pub(crate) fn advance(&self, by: Duration) {
        self.offset_ms.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }

    /// Goes on from an earlier run: time and ids continue after what that run made.
    pub(crate) fn resume(&self, present: Timestamp, newest_id: u64) {
        self.advance(present.since(self.now()));
        self.sequence.fetch_max(newest_id, Ordering::SeqCst);
    }

    /// Makes an id newer than every id made before, even if the system's clock steps back.
    pub(crate) fn snowflake(&self) -> u64 {
        let candidate = (self.now().0 - DISCORD_EPOCH_MS) << 22;
        let advance = |last: u64| Some(candidate.max(last + 1));
        match self
            .sequence
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, advance)
        {
            Ok(last) | Err(last) => candidate.max(last + 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_increase_and_carry_the_moved_time() {
        let clock = Clock::default();
        let first = clock.snowflake();
        assert!(clock.snowflake() > first);
        let before = clock.now();
        clock.advance(Duration::from_secs(900));
        assert!(clock.now().since(before) >= Duration::from_secs(900));
        let moved = crate::MessageId(clock.snowflake());
        assert!(moved.created_at_ms() >= before.0 + 900_000);
    }

    #[test]
    fn timestamps_read_as_discord_writes_them() {
        assert_eq!(
            Timestamp(1_420_070_400_123).to_string(),
            "2015-01-01T00:00:00.123Z"
        );
    }
}
