//! How often new jobs may be asked for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};

use crate::{Clock, GuildId, LimitOptions, Rate, Refusal, Scope, UserId};

/// New requests between two sweeps for keys that have their full allowance again and need not be remembered.
const SWEEP_EVERY: u32 = 256;

/// Applies the limits of a person, a guild and everyone together, all or none.
///
/// A request that one limit refuses costs nothing with the others: all are asked before any is charged, so a busy
/// guild does not use up its members' own allowance.
pub struct Limits {
    user: Option<Limiter<UserId>>,
    guild: Option<Limiter<GuildId>>,
    global: Option<Limiter<()>>,
    since_sweep: u32,
}

impl Limits {
    /// Sets up the limits, nothing used yet.
    pub fn new(options: &LimitOptions, clock: &Clock) -> Self {
        Self {
            user: options.user.map(|rate| Limiter::new(rate, clock)),
            guild: options.guild.map(|rate| Limiter::new(rate, clock)),
            global: options.global.map(|rate| Limiter::new(rate, clock)),
            since_sweep: 0,
        }
    }

    /// Lets one new request through, or says whose limit it breaks and for how long.
    ///
    /// # Errors
    /// [`Refusal::RateLimited`] with the longest of the waits.
    pub fn admit(&mut self, user: UserId, guild: Option<GuildId>) -> Result<(), Refusal> {
        self.sweep();
        let waits = [
            (
                Scope::User,
                self.user
                    .as_ref()
                    .map_or(Duration::ZERO, |limit| limit.wait(&user)),
            ),
            (
                Scope::Guild,
                self.guild_limit(guild)
                    .map_or(Duration::ZERO, |(limit, id)| limit.wait(&id)),
            ),
            (
                Scope::Global,
                self.global
                    .as_ref()
                    .map_or(Duration::ZERO, |limit| limit.wait(&())),
            ),
        ];
        // `rev`, since `max_by_key` prefers the last and a person should rather hear of their own limit.
        if let Some((scope, retry_after)) = waits
            .into_iter()
            .rev()
            .filter(|(_, wait)| !wait.is_zero())
            .max_by_key(|(_, wait)| *wait)
        {
            return Err(Refusal::RateLimited { scope, retry_after });
        }
        if let Some(limit) = &self.user {
            limit.charge(&user);
        }
        if let Some((limit, id)) = self.guild_limit(guild) {
            limit.charge(&id);
        }
        if let Some(limit) = &self.global {
            limit.charge(&());
        }
        Ok(())
    }

    /// Returns how many people and guilds are remembered.
    pub fn remembered(&self) -> usize {
        self.user.as_ref().map_or(0, |limit| limit.limiter.len())
            + self.guild.as_ref().map_or(0, |limit| limit.limiter.len())
    }

    fn guild_limit(&self, guild: Option<GuildId>) -> Option<(&Limiter<GuildId>, GuildId)> {
        self.guild.as_ref().zip(guild)
    }

    fn sweep(&mut self) {
        self.since_sweep += 1;
        if self.since_sweep < SWEEP_EVERY {
            return;
        }
        self.since_sweep = 0;
        if let Some(limit) = &self.user {
            limit.limiter.retain_recent();
        }
        if let Some(limit) = &self.guild {
            limit.limiter.retain_recent();
        }
    }
}

/// Is governor's rate limiter over a ledger that can be consulted without being charged.
struct Limiter<K: Hash + Eq + Clone> {
    limiter: RateLimiter<K, Ledger<K>, Clock, NoOpMiddleware<Instant>>,
    ledger: Ledger<K>,
}

impl<K: Hash + Eq + Clone> Limiter<K> {
    fn new(rate: Rate, clock: &Clock) -> Self {
        // A rate's period is never zero, so the fallback is for the type only.
        let quota = Quota::with_period(rate.refill)
            .unwrap_or_else(|| Quota::per_second(rate.burst))
            .allow_burst(rate.burst);
        let ledger = Ledger::default();
        Self {
            limiter: RateLimiter::new(quota, ledger.clone(), clock.clone()),
            ledger,
        }
    }

    /// Returns how long the key has to wait, zero if not at all, and charges nothing.
    fn wait(&self, key: &K) -> Duration {
        self.ledger.0.frozen.store(true, Ordering::Relaxed);
        let answer = self.limiter.check_key(key);
        self.ledger.0.frozen.store(false, Ordering::Relaxed);
        match answer {
            Ok(()) => Duration::ZERO,
            // Zero would say that the key may pass.
            Err(until) => until
                .wait_time_from(self.limiter.clock().now())
                .max(Duration::from_nanos(1)),
        }
    }

    fn charge(&self, key: &K) {
        // It was found free a moment ago under the same exclusive borrow, so this cannot refuse.
        let _free = self.limiter.check_key(key);
    }
}

/// Holds for each key the time up to which its allowance is used. While it is frozen, answers change nothing.
struct Ledger<K>(Arc<LedgerState<K>>);

struct LedgerState<K> {
    used_until: Mutex<HashMap<K, Nanos>>,
    frozen: AtomicBool,
}

impl<K> Ledger<K> {
    // Entries are replaced whole, so a map whose lock was poisoned is still sound.
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Nanos>> {
        self.0.used_until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K> Clone for Ledger<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        Self(Arc::new(LedgerState {
            used_until: Mutex::default(),
            frozen: AtomicBool::new(false),
        }))
    }
}

impl<K: Hash + Eq + Clone> StateStore for Ledger<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut used_until = self.lock();
        let (answer, next) = decide(used_until.get(key).copied())?;
        if !self.0.frozen.load(Ordering::Relaxed) {
            used_until.insert(key.clone(), next);
        }
        Ok(answer)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Ledger<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.lock().retain(|_, used_until| *used_until > drop_below);
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }
}

#[cfg(test)]
mod tests;
