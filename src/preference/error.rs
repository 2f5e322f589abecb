//! What can go wrong, one enum for each thing a caller does.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// Says why a vocabulary file was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VocabularyError {
    /// The text is not TOML of the expected shape.
    #[error("the vocabulary file cannot be read: {0}")]
    Syntax(#[from] toml::de::Error),
    /// The file was written for another version of the program.
    #[error("the vocabulary has schema {found}, this program reads schema {supported}")]
    Schema {
        /// Schema number in the file.
        found: u32,
        /// Schema number this program reads.
        supported: u32,
    },
    /// A name stands twice.
    #[error("the vocabulary names \"{name}\" twice")]
    DuplicateName {
        /// The attribute or category that stands twice.
        name: String,
    },
    /// Two attributes claim one word, so that a comment with it would be ambiguous.
    #[error("the word \"{word}\" stands for both \"{first}\" and \"{second}\"")]
    DuplicateWord {
        /// The word both claim.
        word: String,
        /// The attribute that has it first.
        first: String,
        /// The attribute that repeats it.
        second: String,
    },
    /// An attribute's `opposite`, or a category's `more`, is not in the vocabulary.
    #[error("\"{name}\" names the unknown attribute \"{attribute}\"")]
    UnknownAttribute {
        /// The attribute or category.
        name: String,
        /// What it names.
        attribute: String,
    },
    /// A category is said to be near one that does not exist.
    #[error("there is no category \"{name}\"")]
    UnknownCategory {
        /// The missing category.
        name: String,
    },
    /// A name has no letters or digits to match, or is not lower-case.
    #[error("\"{name}\" is not a usable name: it must be lower-case and have letters or digits")]
    UnusableName {
        /// The name as written.
        name: String,
    },
    /// The search automaton could not be built, for instance because the file is far too large.
    #[error("the vocabulary is too large to search: {0}")]
    Automaton(#[from] aho_corasick::BuildError),
}

/// Says why a comment could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExtractError {
    /// The comment is longer than any message Discord delivers.
    #[error("the comment has {chars} characters, at most {limit} are read")]
    TooLong {
        /// Characters in the comment.
        chars: usize,
        /// The most that are read.
        limit: usize,
    },
    /// The image of a comment cannot be looked at.
    #[error("image \"{}\" {message}", name.escape_debug())]
    Picture {
        /// The image's name as the comment gives it.
        name: String,
        /// What is wrong with it.
        message: String,
    },
    /// It was cancelled while it was read.
    #[error("cancelled while reading")]
    Cancelled,
    /// The extractor itself failed, for instance a model ran out of memory.
    #[error("the extractor failed: {message}")]
    Failed {
        /// What the extractor reported, for the log.
        message: String,
    },
}

/// Says why pictures could not be rated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum MetricError {
    /// A context has too few pictures to learn from.
    #[error("{given} {what} pictures are too few to learn from: give at least {needed}")]
    TooFew {
        /// The list that is too short: "liked" or "disliked".
        what: &'static str,
        /// Pictures in it.
        given: usize,
        /// The fewest that are enough.
        needed: usize,
    },
    /// A picture has no pixels.
    #[error("a picture of {width}x{height} pixels has nothing to rate")]
    EmptyImage {
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },
    /// It was cancelled while pictures were rated.
    #[error("cancelled while rating")]
    Cancelled,
    /// The metric itself failed, for instance a model ran out of memory.
    #[error("the metric failed: {message}")]
    Failed {
        /// What the metric reported, for the log.
        message: String,
    },
}

/// Says why an edit by hand was refused.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum ProfileError {
    /// The attribute is empty, too long or holds control characters.
    #[error("an attribute is a few words, between 1 and {limit} characters")]
    BadAttribute {
        /// The most characters an attribute may have.
        limit: usize,
    },
    /// The weight is not in `0 < weight <= 1`.
    #[error("a weight lies above 0 and at most at 1, not at {weight}")]
    BadWeight {
        /// The weight given.
        weight: f32,
    },
    /// The list is full.
    #[error("a profile holds at most {limit} attributes in each list")]
    Full {
        /// The most entries in one list.
        limit: usize,
    },
}

/// Says why a profile file was refused; fit to be shown to the person who sent it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ImportError {
    /// The file is larger than any profile.
    #[error("the file has {bytes} bytes, a profile has at most {limit}")]
    TooLarge {
        /// Size of the file in bytes.
        bytes: usize,
        /// The most bytes read.
        limit: usize,
    },
    /// Not JSON, or a key is missing, unknown or of the wrong type; the message names it and its place.
    #[error("this is not a profile file: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by another version of the program.
    #[error("the profile has schema {found}, this program reads schema {supported}")]
    Schema {
        /// Schema number in the file.
        found: u32,
        /// Schema number this program reads.
        supported: u32,
    },
    /// More entries, or more evidence for one entry, than a profile holds.
    #[error("{what} has {count} items, at most {limit} fit")]
    TooMany {
        /// The list that is too long.
        what: String,
        /// Items in it.
        count: usize,
        /// The most it holds.
        limit: usize,
    },
    /// An attribute, quote or image name is empty, too long or holds control characters.
    #[error("{what} must have 1 to {limit} characters, without control characters")]
    BadText {
        /// Where the text stands, e.g. `liked[3].attribute`.
        what: String,
        /// The most characters it may have.
        limit: usize,
    },
    /// A weight is not in `0 < weight <= 1`.
    #[error("the weight of \"{attribute}\" must lie above 0 and at most at 1")]
    BadWeight {
        /// The attribute with the weight.
        attribute: String,
    },
    /// An attribute stands twice, in one list or in both.
    #[error("\"{attribute}\" stands in the profile twice; keep one of them")]
    Duplicate {
        /// The attribute that stands twice.
        attribute: String,
    },
}

/// Says why pictures or words could not be made into what a model takes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProcessorError {
    /// A file of the checkpoint cannot be read.
    #[error("cannot read {}: {source}; the folder must hold the files of an IDEFICS2 checkpoint", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file of the checkpoint is not what it should be.
    #[error("{}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, with the key.
        message: String,
    },
    /// A size that pictures cannot be resized to.
    #[error("{message}")]
    Size {
        /// The size and the bounds.
        message: String,
    },
    /// There is no picture.
    #[error("there is no picture to prepare")]
    NoImages,
    /// A picture has too few pixels to be one.
    #[error("picture {place} has no pixels, or too few to be split")]
    EmptyImage {
        /// Place in the list, from 0.
        place: usize,
    },
    /// Pictures of several sizes, but the configuration does not pad.
    #[error(
        "pictures of different sizes need padding: set \"do_pad\" in the image processor's configuration"
    )]
    Uneven,
    /// The checkpoint's chat template failed.
    #[error("the chat template in {file} fails: {message}")]
    Template {
        /// The file the template is from.
        file: &'static str,
        /// What the template engine reports.
        message: String,
    },
    /// The tokenizer failed.
    #[error("the tokenizer fails: {message}")]
    Tokenizer {
        /// What it reports.
        message: String,
    },
    /// A tensor could not be made.
    #[error("a tensor could not be made: {0}")]
    Tensor(#[from] candle_core::Error),
}

/// Says why a model could not be loaded or could not read what it was given.
///
/// Loading errors name the file and, where one is concerned, the tensor and both shapes, so that an operator can act on
/// the message alone.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file or folder of the model is absent.
    #[error("{}: not found ({hint})", path.display())]
    MissingFile {
        /// What was looked for.
        path: PathBuf,
        /// What would have been accepted.
        hint: String,
    },
    /// The operating system refused to read or write a file.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is not in the format its name promises (damaged, truncated, or something else).
    #[error("{}: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A configuration asks for something that this crate does not have.
    #[error("{}: `{key}` = {value} is not supported ({supported})", path.display())]
    Unsupported {
        /// The configuration file.
        path: PathBuf,
        /// The key in it.
        key: String,
        /// The value found.
        value: String,
        /// What would be supported.
        supported: String,
    },
    /// The weights lack a tensor that the configuration calls for.
    #[error("{}: tensor `{tensor}` is missing (expected shape {expected:?})", path.display())]
    MissingTensor {
        /// The weights file: of a sharded set the one that should hold it, or the index if that names none.
        path: PathBuf,
        /// The tensor's full name.
        tensor: String,
        /// The shape the configuration implies.
        expected: Vec<usize>,
    },
    /// A tensor does not have the shape that the configuration calls for.
    #[error("{}: tensor `{tensor}` has shape {found:?}, the configuration needs {expected:?}", path.display())]
    TensorShape {
        /// The weights file.
        path: PathBuf,
        /// The tensor's full name.
        tensor: String,
        /// The shape the configuration implies.
        expected: Vec<usize>,
        /// The shape in the file.
        found: Vec<usize>,
    },
    /// An adapter does not fit the model.
    #[error("{}: {reason}", path.display())]
    Adapter {
        /// The adapter's folder or file.
        path: PathBuf,
        /// Which module or tensor is concerned, and what is wrong with it.
        reason: String,
    },
    /// The prompt holds another number of image tokens than there are rows of image features.
    #[error(
        "the prompt has {tokens} image tokens, the images give {features} rows; each image needs {each} tokens"
    )]
    ImageTokens {
        /// Image tokens in the prompt.
        tokens: usize,
        /// Rows of all images together.
        features: usize,
        /// Rows of one image.
        each: usize,
    },
    /// The model was given something it cannot read.
    #[error("{what}")]
    Input {
        /// What it was, and what would be right.
        what: String,
    },
    /// It was cancelled while the model read or looked.
    #[error("cancelled")]
    Cancelled,
    /// The tokenizer's or the image processor's files do not do, or pictures cannot be prepared.
    #[error(transparent)]
    Processor(#[from] ProcessorError),
    /// The tensor library failed, for instance for want of memory.
    #[error("tensor computation failed: {0}")]
    Tensor(#[from] candle_core::Error),
}

impl ModelError {
    pub(crate) fn io(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        Self::Io { path, source }
    }

    pub(crate) fn malformed(path: &Path, reason: impl std::fmt::Display) -> Self {
        Self::Malformed {
            path: path.to_owned(),
            reason: reason.to_string(),
        }
    }

    pub(crate) fn unsupported(
        path: &Path,
        key: &str,
        value: impl std::fmt::Display,
        supported: &str,
    ) -> Self {
        Self::Unsupported {
            path: path.to_owned(),
            key: key.to_owned(),
            value: value.to_string(),
            supported: supported.to_owned(),
        }
    }

    pub(crate) fn input(what: impl Into<String>) -> Self {
        Self::Input { what: what.into() }
    }
}
