//! Encoded texts, kept so that changing β, seed or size costs no text encoding.

use std::collections::HashMap;
use std::sync::Arc;

/// A bounded map that forgets what was not used for longest.
pub(super) struct Cache<V> {
    entries: HashMap<String, Entry<V>>,
    /// What all entries may cost together.
    capacity: usize,
    clock: u64,
}

struct Entry<V> {
    value: Arc<V>,
    used: u64,
    cost: usize,
}

impl<V> Cache<V> {
    /// Keeps entries that cost at most `capacity` together; the latest is kept whatever it costs.
    pub fn new(capacity: usize) -> Self {
        Self {
            entries: HashMap::new(),
            capacity,
            clock: 0,
        }
    }

    pub fn get(&mut self, key: &str) -> Option<Arc<V>> {
        self.clock += 1;
        let entry = self.entries.get_mut(key)?;
        entry.used = self.clock;
        Some(entry.value.clone())
    }

    pub fn put(&mut self, key: String, value: Arc<V>, cost: usize) {
        self.clock += 1;
        self.entries.remove(&key);
        while self.cost() + cost > self.capacity {
            // A scan: the map is small, and encoding a text takes a thousand times as long.
            let oldest = self
                .entries
                .iter()
                .min_by_key(|(_, entry)| entry.used)
                .map(|(key, _)| key.clone());
            let Some(oldest) = oldest else { break };
            self.entries.remove(&oldest);
        }
        let used = self.clock;
        self.entries.insert(key, Entry { value, used, cost });
    }

    fn cost(&self) -> usize {
        self.entries.values().map(|entry| entry.cost).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_forgets_the_least_recently_used() {
        let mut cache = Cache::new(2);
        cache.put("a".into(), Arc::new(1), 1);
        cache.put("b".into(), Arc::new(2), 1);
        assert_eq!(cache.get("a").as_deref(), Some(&1));
        cache.put("c".into(), Arc::new(3), 1);
        assert_eq!(cache.get("b"), None);
        assert_eq!(cache.get("a").as_deref(), Some(&1));
        assert_eq!(cache.get("c").as_deref(), Some(&3));
        cache.put("c".into(), Arc::new(4), 1);
        assert_eq!(cache.get("a").as_deref(), Some(&1));
    }

    #[test]
    fn a_costly_entry_takes_the_place_of_several() {
        let mut cache = Cache::new(3);
        for key in ["a", "b", "c"] {
            cache.put(key.into(), Arc::new(1), 1);
        }
        cache.put("long".into(), Arc::new(2), 2);
        assert_eq!(cache.get("a").or(cache.get("b")), None);
        assert!(cache.get("c").is_some() && cache.get("long").is_some());
        cache.put("huge".into(), Arc::new(3), 9);
        assert_eq!(cache.get("huge").as_deref(), Some(&3));
        assert_eq!(cache.get("c"), None);
    }
}
