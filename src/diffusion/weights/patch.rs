//! Changes to weights as they are loaded.

use crate::error::Result;

/// Changes some of a model's weights, named as in diffusers.
pub(crate) trait Patch: Send + Sync {
    /// Whether the tensor of this name is changed.
    fn touches(&self, name: &str) -> bool;

    /// Changes a tensor's values, row-major.
    ///
    /// # Errors
    /// If the change is for another shape.
    fn apply(&self, name: &str, shape: &[usize], values: &mut [f32]) -> Result<()>;
}
