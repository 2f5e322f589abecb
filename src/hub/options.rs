//! How the hub is reached.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// Where the hub is, who asks, and where files go. Read from configuration and environment by the program; nothing in this
/// crate reads the environment.
#[derive(Debug, Clone)]
pub struct HubOptions {
    /// The hub's address, such as `https://huggingface.co`, or that of a mirror.
    pub endpoint: String,
    /// The cache folder (`HF_HUB_CACHE`), shared with Python's `huggingface_hub`.
    pub cache: PathBuf,
    /// An access token. Sent to the endpoint only, never to hosts that it redirects to.
    pub token: Option<SecretString>,
    /// Whether only the cache may be used.
    pub offline: bool,
    /// Files downloaded at once, 1 at least.
    pub parallel: usize,
    /// When to try again.
    pub retry: Retry,
}

impl HubOptions {
    /// The public hub, without a token, with the given cache folder.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: Self::ENDPOINT.to_owned(),
            cache: cache.into(),
            token: None,
            offline: false,
            parallel: 4,
            retry: Retry::default(),
        }
    }

    /// The public hub.
    pub const ENDPOINT: &str = "https://huggingface.co";
}

/// How often a request that may succeed later is repeated, and after which waits.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    /// Attempts without any progress before giving up.
    pub attempts: u32,
    /// The wait after the first failure; it doubles from then on, unless the hub says how long to wait.
    pub first_wait: Duration,
    /// The longest wait.
    pub longest_wait: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// The wait after failure number `failed` (from 1), or what the hub asked for, both bounded.
    pub(crate) fn wait(&self, failed: u32, asked: Option<Duration>) -> Duration {
        let doubled = self
            .first_wait
            .saturating_mul(1 << failed.saturating_sub(1).min(16));
        asked.unwrap_or(doubled).min(self.longest_wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_shown() {
        let options = HubOptions {
            token: Some("hf_verysecret".to_owned().into()),
            ..HubOptions::new("/cache")
        };
        assert!(!format!("{options:?}").contains("verysecret"));
    }

    #[test]
    fn waits_double_up_to_the_longest() {
        let retry = Retry::default();
        let waits: Vec<_> = (1..=8).map(|n| retry.wait(n, None).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry.wait(1, Some(Duration::from_secs(7))).as_secs(), 7);
        assert_eq!(retry.wait(1, Some(Duration::from_secs(7000))).as_secs(), 60);
    }
}
