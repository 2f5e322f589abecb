//! Rate limits: a bucket per route and its major parameter, 50 requests a second for everything, and the ban for
//! too many invalid requests.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::clock::Timestamp;

/// Requests a second, interaction endpoints aside.
const GLOBAL_LIMIT: u32 = 50;
const GLOBAL_WINDOW: Duration = Duration::from_secs(1);
/// Answers 401, 403 and 429 within [`BAN_WINDOW`] that ban an address.
const BAN_AFTER: usize = 10_000;
const BAN_WINDOW: Duration = Duration::from_secs(600);
/// How long a limit forced by a test asks to wait.
const FORCED_WAIT: Duration = Duration::from_millis(250);

/// How many requests a route takes in which time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quota {
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    /// Routes of one group share their buckets.
    pub(crate) group: &'static str,
}

/// The state of the bucket that a request fell into.
#[derive(Clone, Debug)]
pub(crate) struct BucketState {
    limit: u32,
    remaining: u32,
    reset_after: Duration,
    name: String,
}

/// What becomes of a request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// It may go on.
    Allowed(Option<BucketState>),
    /// It is refused for a while.
    Limited {
        bucket: Option<BucketState>,
        retry_after: Duration,
        scope: Scope,
    },
    /// The address is banned for a while.
    Banned { retry_after: Duration },
}

/// Whose limit was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    User,
    Global,
}

impl Scope {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Scope::User => "user",
            Scope::Global => "global",
        }
    }
}

struct Bucket {
    remaining: u32,
    resets_at: Timestamp,
}

/// All limits of one bot.
#[derive(Default)]
pub(crate) struct RateLimits {
    buckets: HashMap<(&'static str, String), Bucket>,
    global: Option<Bucket>,
    /// How many requests of a route a test wants refused.
    forced: HashMap<String, u32>,
    invalid: VecDeque<Timestamp>,
}

impl RateLimits {
    /// Refuses the next `times` requests of a route, named by method and template.
    pub(crate) fn force(&mut self, route: &str, times: u32) {
        self.forced.insert(route.to_owned(), times);
    }

    /// Takes one request out of its bucket and out of the global limit, if it counts there.
    pub(crate) fn take(
        &mut self,
        route: &str,
        quota: Option<Quota>,
        major: &str,
        global: bool,
        now: Timestamp,
    ) -> Verdict {
        if let Some(retry_after) = self.banned(now) {
            return Verdict::Banned { retry_after };
        }
        if let Some(times) = self.forced.get_mut(route).filter(|times| **times > 0) {
            *times -= 1;
            let bucket = quota.map(|quota| BucketState::new(quota, major, 0, FORCED_WAIT));
            return Verdict::Limited {
                bucket,
                retry_after: FORCED_WAIT,
                scope: Scope::User,
            };
        }
        if global
            && let Some(retry_after) = take_one(&mut self.global, GLOBAL_LIMIT, GLOBAL_WINDOW, now).err()
        {
            return Verdict::Limited {
                bucket: None,
                retry_after,
                scope: Scope::Global,
            };
        }
        let Some(quota) = quota else {
            return Verdict::Allowed(None);
        };
        let key = (quota.group, major.to_owned());
        let mut bucket = self.buckets.remove(&key);
        let taken = take_one(&mut bucket, quota.limit, quota.window, now);
        let left = bucket.as_ref().map_or(0, |bucket| bucket.remaining);
        let reset_after = bucket
            .as_ref()
            .map_or(quota.window, |bucket| bucket.resets_at.since(now));
        self.buckets.extend(bucket.map(|bucket| (key, bucket)));
        let state = Some(BucketState::new(quota, major, left, reset_after));
        match taken {
            Ok(()) => Verdict::Allowed(state),
            Err(retry_after) => Verdict::Limited {
                bucket: state,
                retry_after,
                scope: Scope::User,
            },
        }
    }

    /// Counts an answer 401, 403 or 429.
    pub(crate) fn count_invalid(&mut self, now: Timestamp) {
        self.invalid.push_back(now);
    }

    /// Returns how many invalid requests were made in the last ten minutes.
    pub(crate) fn invalid(&self) -> usize {
        self.invalid.len()
    }

    fn banned(&mut self, now: Timestamp) -> Option<Duration> {
        self.invalid.retain(|at| now.since(*at) < BAN_WINDOW);
        let oldest = self.invalid.front().filter(|_| self.invalid.len() >= BAN_AFTER)?;
        Some(BAN_WINDOW.saturating_sub(now.since(*oldest)))
    }
}

/// Takes one request out of a bucket, refilled first if its window is over.
fn take_one(slot: &mut Option<Bucket>, limit: u32, window: Duration, now: Timestamp) -> Result<(), Duration> {
    let bucket = slot.take().filter(|bucket| bucket.resets_at > now);
    let bucket = slot.insert(bucket.unwrap_or(Bucket {
        remaining: limit,
        resets_at: now.plus(window),
    }));
    match bucket.remaining.checked_sub(1) {
        Some(left) => {
            bucket.remaining = left;
            Ok(())
        }
        None => Err(bucket.resets_at.since(now)),
    }
}

impl BucketState {
    fn new(quota: Quota, major: &str, remaining: u32, reset_after: Duration) -> Self {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        (quota.group, major).hash(&mut hasher);
        BucketState {
            limit: quota.limit,
            remaining,
            reset_after,
            name: format!("{:032x}", hasher.finish()),
        }
    }

    /// Returns the headers that tell a client of the bucket.
    pub(crate) fn headers(&self) -> [(&'static str, String); 5] {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        [
            ("x-ratelimit-limit", self.limit.to_string()),
            ("x-ratelimit-remaining", self.remaining.to_string()),
            (
                "x-ratelimit-reset",
                format!("{:.3}", (now + self.reset_after).as_secs_f64()),
            ),
            (
                "x-ratelimit-reset-after",
                format!("{:.3}", self.reset_after.as_secs_f64()),
            ),
            ("x-ratelimit-bucket", self.name.clone()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUOTA: Quota = Quota {
        limit: 5,
        window: Duration::from_secs(5),
        group: "messages",
    };

    fn allowed(limits: &mut RateLimits, major: &str, now: Timestamp) -> bool {
        matches!(
            limits.take("POST /x", Some(QUOTA), major, true, now),
            Verdict::Allowed(_)
        )
    }

    #[test]
    fn a_bucket_empties_and_refills_on_its_own() {
        let mut limits = RateLimits::default();
        let start = Timestamp(1_000_000);
        assert!((0..5).all(|_| allowed(&mut limits, "1", start)));
        assert!(!allowed(&mut limits, "1", start));
        assert!(
            allowed(&mut limits, "2", start),
            "another channel has its own bucket"
        );
        assert!(allowed(&mut limits, "1", start.plus(QUOTA.window)));
    }

    #[test]
    fn the_fifty_first_request_of_a_second_is_limited_for_all_routes() {
        let mut limits = RateLimits::default();
        let start = Timestamp(1_000_000);
        assert!((0..50).all(|channel| allowed(&mut limits, &channel.to_string(), start)));
        let verdict = limits.take("POST /x", Some(QUOTA), "51", true, start);
        assert!(
            matches!(
                verdict,
                Verdict::Limited {
                    scope: Scope::Global,
                    ..
                }
            ),
            "{verdict:?}"
        );
        assert!(matches!(
            limits.take("POST /y", None, "", false, start),
            Verdict::Allowed(None)
        ));
    }

    #[test]
    fn ten_thousand_invalid_requests_ban() {
        let mut limits = RateLimits::default();
        let start = Timestamp(1_000_000);
        (0..BAN_AFTER).for_each(|_| limits.count_invalid(start));
        let verdict = limits.take("POST /y", None, "", false, start);
        assert!(
            matches!(verdict, Verdict::Banned { retry_after } if retry_after == BAN_WINDOW),
            "{verdict:?}"
        );
        assert!(allowed(&mut limits, "1", start.plus(BAN_WINDOW)));
    }
}
