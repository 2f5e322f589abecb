//! What a person said of pictures of theirs with ♥ and ✗.

/// Pictures that a person's context has on each side; past it the oldest leave.
pub const CONTEXT_LIMIT: usize = 16;

/// Is one of the two things to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// ♥
    Liked,
    /// ✗
    Disliked,
}

/// Holds the marks that stand under a picture, the later last. The later counts; without it, the earlier.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Adds a mark; one that is there already becomes the later.
    pub fn add(&mut self, mark: Mark) {
        self.remove(mark);
        self.0.push(mark);
    }

    /// Takes a mark away.
    pub fn remove(&mut self, mark: Mark) {
        self.0.retain(|it| *it != mark);
    }

    /// Returns the one that counts.
    pub fn counting(&self) -> Option<Mark> {
        self.0.last().copied()
    }

    /// Writes them as one byte.
    pub(crate) fn to_byte(&self) -> u8 {
        self.0.iter().fold(0, |byte, mark| {
            (byte << 2) | (1 + u8::from(*mark == Mark::Disliked))
        })
    }

    /// Reads them from a byte; `None` if it is none of ours.
    pub(crate) fn from_byte(byte: u8) -> Option<Self> {
        use Mark::{Disliked, Liked};
        let marks: &[Mark] = match byte {
            0b01 => &[Liked],
            0b10 => &[Disliked],
            0b0110 => &[Liked, Disliked],
            0b1001 => &[Disliked, Liked],
            _ => return None,
        };
        Some(Self(marks.to_vec()))
    }
}

/// Is a picture of a person's context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextPicture {
    /// The job that made it.
    pub job: tastemaker_pool::JobId,
    /// Its place among the pictures of the job.
    pub index: u8,
    /// What the person said.
    pub mark: Mark,
    /// The file, as it was given to [`Store::mark`](crate::Store::mark).
    pub file: Vec<u8>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_mark_counts_and_taking_it_away_brings_the_earlier_back() {
        let mut marks = Marks::default();
        assert_eq!((marks.counting(), marks.to_byte()), (None, 0));
        for (mark, counting) in [
            (Mark::Liked, Mark::Liked),
            (Mark::Disliked, Mark::Disliked),
            (Mark::Liked, Mark::Liked),
        ] {
            marks.add(mark);
            assert_eq!(marks.counting(), Some(counting));
            assert_eq!(Marks::from_byte(marks.to_byte()), Some(marks.clone()));
        }
        marks.remove(Mark::Liked);
        assert_eq!(marks.counting(), Some(Mark::Disliked));
        assert_eq!(Marks::from_byte(marks.to_byte()), Some(marks));
        assert_eq!(Marks::from_byte(0xff), None);
    }
}
