//! From a text to the tensors that condition the denoiser.

mod cache;
mod chunks;
mod encoder;
mod tokenizer;

pub(crate) use encoder::{Encoded, TextEncoders};
#[cfg(test)]
pub(crate) use tokenizer::ClipTokenizer;
