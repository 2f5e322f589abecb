//! Buttons under a picture. Each carries the job that the picture comes from.

use super::Words;

pub(super) const FAMILY: &str = "imagine";

/// Names a button under a picture, with the number of its job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ImagineId {
    /// The same with a new seed.
    Again(u64),
    /// A nearby picture.
    Vary(u64),
    /// The same, larger; the owner only.
    Upscale(u64),
    /// Remove it; the owner only.
    Delete(u64),
    /// Why does it look like this?
    Why(u64),
    /// Stop a job that waits or runs; the owner only.
    Cancel(u64),
}

impl ImagineId {
    /// Returns the job that the button stands under.
    pub fn job(self) -> u64 {
        match self {
            Self::Again(job)
            | Self::Vary(job)
            | Self::Upscale(job)
            | Self::Delete(job)
            | Self::Why(job)
            | Self::Cancel(job) => job,
        }
    }

    pub(super) fn words(self) -> Words {
        let verb = match self {
            Self::Again(_) => "again",
            Self::Vary(_) => "vary",
            Self::Upscale(_) => "upscale",
            Self::Delete(_) => "delete",
            Self::Why(_) => "why",
            Self::Cancel(_) => "cancel",
        };
        (verb, vec![self.job()])
    }

    pub(super) fn read(verb: &str, numbers: &[u64]) -> Option<Self> {
        let &[job] = numbers else { return None };
        Some(match verb {
            "again" => Self::Again(job),
            "vary" => Self::Vary(job),
            "upscale" => Self::Upscale(job),
            "delete" => Self::Delete(job),
            "why" => Self::Why(job),
            "cancel" => Self::Cancel(job),
            _ => return None,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::ids) fn any_id() -> impl Strategy<Value = ImagineId> {
        let kinds = [
            ImagineId::Again,
            ImagineId::Vary,
            ImagineId::Upscale,
            ImagineId::Delete,
            ImagineId::Why,
            ImagineId::Cancel,
        ];
        (0..kinds.len(), any::<u64>()).prop_map(move |(kind, job)| kinds[kind](job))
    }
}
