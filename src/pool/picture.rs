//! What a worker hands over in the end.

use std::fmt;

use image::RgbImage;
use serde::{Deserialize, Serialize};

/// Is one finished picture, as a safety check lets it be shown.
#[derive(Clone, PartialEq)]
pub enum Picture {
    /// To be shown as it is.
    Clear(RgbImage),
    /// To be shown; a safety check found something in it, and it was blurred beyond recognition.
    Blurred(RgbImage),
    /// To be shown to those who ask to see it: a safety check found something in it.
    Spoiler(RgbImage),
    /// Not to be shown, and gone: a safety check found something in it.
    Withheld,
}

/// Names what a safety check made of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// Nothing was found, or nothing was looked for.
    #[default]
    Clear,
    /// It was blurred.
    Blurred,
    /// It is hidden until somebody asks to see it.
    Spoiler,
    /// It is not shown.
    Withheld,
}

impl Picture {
    /// Returns what there is to see.
    pub fn image(&self) -> Option<&RgbImage> {
        match self {
            Self::Clear(image) | Self::Blurred(image) | Self::Spoiler(image) => Some(image),
            Self::Withheld => None,
        }
    }

    /// Returns what the safety check made of it.
    pub fn safety(&self) -> Safety {
        match self {
            Self::Clear(_) => Safety::Clear,
            Self::Blurred(_) => Safety::Blurred,
            Self::Spoiler(_) => Safety::Spoiler,
            Self::Withheld => Safety::Withheld,
        }
    }
}

// Derived, this would print every pixel.
impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.image().map(RgbImage::dimensions);
        write!(f, "{:?}({size:?})", self.safety())
    }
}
