//! Encoded texts, kept so that changing β, seed or size costs no text encoding.

use std::collections::HashMap;
use std::sync::Arc;

/// A bounded map that forgets what was not used for longest.
pub(super) struct Cache<V> {
    entries: HashMap<String, (Arc<V>, u64)>,
    capacity: usize,
    clock: u64,
}

impl<V> Cache<V> {
    /// Keeps at most `capacity` entries.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity: capacity.max(1),
            clock: 0,
        }
    }

    pub fn get(&mut self, key: &str) -> Option<Arc<V>> {
        self.clock += 1;
        let (value, used) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value.clone())
    }

    pub fn put(&mut self, key: String, value: Arc<V>) {
        self.clock += 1;
        if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
            // A scan: the map is small, and encoding a text takes a thousand times as long.
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, (_, used))| *used)
                .map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                self.entries.remove(&oldest);
            }
        }
        self.entries.insert(key, (value, self.clock));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_least_recently_used() {
        let mut cache = Cache::new(2);
        cache.put("a".into(), Arc::new(1));
        cache.put("b".into(), Arc::new(2));
        assert_eq!(cache.get("a").as_deref(), Some(&1));
        cache.put("c".into(), Arc::new(3));
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a").as_deref(), Some(&1));
        assert_eq!(cache.get("c").as_deref(), Some(&3));
        cache.put("c".into(), Arc::new(4));
        assert_eq!(cache.get("a").as_deref(), Some(&1));
    }
}
