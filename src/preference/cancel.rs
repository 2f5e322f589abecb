//! Ends work that takes long, while it is under way.

use std::fmt;
use std::sync::Arc;

/// Tells work that takes long whether anybody still wants what it makes. Clones ask the same question.
///
/// Models look at it between pictures, layers and tokens: they end within seconds, not at once.
#[derive(Clone, Default)]
pub struct Cancel(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Cancel {
    /// Work that nobody can end.
    pub fn never() -> Cancel {
        Cancel::default()
    }

    /// Ends the work as soon as `is_cancelled` says so; it is asked often, and must answer at once.
    pub fn when(is_cancelled: impl Fn() -> bool + Send + Sync + 'static) -> Cancel {
        Cancel(Some(Arc::new(is_cancelled)))
    }

    /// Tells whether the work is to end.
    pub fn is_cancelled(&self) -> bool {
        self.0.as_ref().is_some_and(|is_cancelled| is_cancelled())
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cancel").field(&self.is_cancelled()).finish()
    }
}
