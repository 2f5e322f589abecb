//! Tensors under other names than the models ask for.

/// Translates a tensor's name in diffusers to where another layout keeps it.
pub(crate) trait Naming: Send + Sync {
    /// The places where the tensor may be, the likeliest first.
    fn places(&self, name: &str) -> Vec<Place>;
}

/// A tensor, or a part of one, in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name in the file.
    pub name: String,
    pub section: Section,
}

/// What of a stored tensor is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Section {
    /// All of it.
    Whole,
    /// All of it as a matrix: axes of length one at its end are dropped.
    Matrix,
    /// A third of its rows: query (0), key (1) or value (2) of a joint projection.
    Third(usize),
    /// The matrix with its axes exchanged.
    Transposed,
}

impl Place {
    /// A whole tensor.
    pub fn whole(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            section: Section::Whole,
        }
    }
}
