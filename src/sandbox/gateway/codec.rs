//! How payloads travel: plain text, compressed one by one, or as one zlib stream for the whole connection.

use std::io::Write as _;

use axum::extract::ws::Message;
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// A session that asked for `compress` gets payloads longer than this compressed, in bytes.
const COMPRESS_ABOVE: usize = 1024;

/// The compression one connection asked for.
pub(super) enum Codec {
    /// Text frames.
    Plain,
    /// Long payloads as a zlib document each (IDENTIFY's `compress`).
    PerPayload,
    /// Every payload through one zlib stream, flushed after each (`?compress=zlib-stream`).
    Stream(ZlibEncoder<Vec<u8>>),
}

impl Codec {
    /// Starts a zlib stream.
    pub(super) fn stream() -> Self {
        Codec::Stream(ZlibEncoder::new(Vec::new(), Compression::fast()))
    }

    /// Turns on per-payload compression, unless the connection has a stream already.
    pub(super) fn compress_payloads(&mut self) {
        if matches!(self, Codec::Plain) {
            *self = Codec::PerPayload;
        }
    }

    /// Makes a WebSocket message of a payload.
    ///
    /// # Errors
    ///
    /// Writing to memory does not fail; the error is passed on all the same.
    pub(super) fn encode(&mut self, payload: &str) -> std::io::Result<Message> {
        Ok(match self {
            Codec::Stream(encoder) => {
                encoder.write_all(payload.as_bytes())?;
                encoder.flush()?;
                Message::Binary(std::mem::take(encoder.get_mut()).into())
            }
            Codec::PerPayload if payload.len() > COMPRESS_ABOVE => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(payload.as_bytes())?;
                Message::Binary(encoder.finish()?.into())
            }
            Codec::Plain | Codec::PerPayload => Message::Text(payload.into()),
        })
    }
}
