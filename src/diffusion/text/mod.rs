//! From a text to the tensors that condition the denoiser.

mod cache;
mod chunks;
mod encoder;
mod notice;
mod tokenizer;
mod vocabulary;
mod weights;

pub(crate) use encoder::{Encoded, Reading, TextEncoders};
pub use notice::LongText;
pub(crate) use tokenizer::ClipTokenizer;
