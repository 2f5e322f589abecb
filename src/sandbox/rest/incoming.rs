//! Requests of the bot: address, JSON body, files.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, Method, header};
use serde_json::{Map, Value, json};

use crate::rest::error::ApiError;

/// Longest body, in bytes: ten files at the limit, and their text.
const MAX_BODY: usize = 110 * 1024 * 1024;
/// Longest JSON body, in bytes.
const MAX_JSON: usize = 8 * 1024 * 1024;
/// What every path starts with.
pub(crate) const PREFIX: &str = "/api/v10";

/// A file of a multipart body.
#[derive(Clone, Debug)]
pub(crate) struct IncomingFile {
    /// The `n` of `files[n]`, which `attachments[].id` refers to.
    pub(crate) number: u64,
    pub(crate) filename: String,
    pub(crate) content_type: Option<String>,
    pub(crate) bytes: Arc<[u8]>,
}

/// A request, read to its end.
#[derive(Clone, Debug)]
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// The path as sent.
    pub(crate) full_path: String,
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) authorization: Option<String>,
    /// The JSON, or `payload_json`; null if there is none.
    pub(crate) body: Value,
    pub(crate) files: Vec<IncomingFile>,
    pub(crate) multipart: bool,
    /// Why the body could not be read, answered after the rate limits had their say.
    pub(crate) fault: Option<ApiError>,
}

impl Incoming {
    /// Reads a request.
    pub(crate) async fn read(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().map(parse_query).unwrap_or_default();
        let authorization = header_text(&parts.headers, header::AUTHORIZATION);
        let kind = header_text(&parts.headers, header::CONTENT_TYPE).unwrap_or_default();
        let mut incoming = Incoming {
            method: parts.method.clone(),
            full_path: parts.uri.path().to_owned(),
            query,
            authorization,
            body: Value::Null,
            files: Vec::new(),
            multipart: kind.starts_with("multipart/form-data"),
            fault: None,
        };
        let read = match to_bytes(body, MAX_BODY).await {
            Ok(bytes) if incoming.multipart => {
                incoming
                    .read_multipart(Request::from_parts(parts, Body::from(bytes)))
                    .await
            }
            Ok(bytes) => incoming.read_json(&bytes, &kind),
            Err(_) => Err(ApiError::too_large()),
        };
        incoming.fault = read.err();
        incoming
    }

    /// Returns the path without `/api/v10` (or an older or absent version), if it has one.
    pub(crate) fn path(&self) -> &str {
        let path = self.full_path.strip_prefix(PREFIX);
        path.or_else(|| self.full_path.strip_prefix("/api/v9"))
            .unwrap_or(&self.full_path)
    }

    fn read_json(&mut self, bytes: &Bytes, kind: &str) -> Result<(), ApiError> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !kind.starts_with("application/json") {
            let fault = "Expected \"Content-Type\" header to be one of {'application/json'}.";
            let errors = json!({"_errors": [{"code": "CONTENT_TYPE_INVALID", "message": fault}]});
            return Err(ApiError::invalid_form(errors));
        }
        if bytes.len() > MAX_JSON {
            return Err(ApiError::too_large());
        }
        self.body = serde_json::from_slice(bytes).map_err(|_| ApiError::invalid_json())?;
        Ok(())
    }

    async fn read_multipart(&mut self, request: Request) -> Result<(), ApiError> {
        let unreadable = |_| ApiError::invalid_json();
        let mut form = Multipart::from_request(request, &())
            .await
            .map_err(|_| ApiError::invalid_json())?;
        let mut fields = Map::new();
        let mut payload = None;
        while let Some(part) = form.next_field().await.map_err(unreadable)? {
            let name = part.name().unwrap_or_default().to_owned();
            let filename = part.file_name().map(str::to_owned);
            let content_type = part.content_type().map(str::to_owned);
            let bytes = part.bytes().await.map_err(unreadable)?;
            match filename {
                Some(filename) => {
                    let number = file_number(&name).unwrap_or(self.files.len() as u64);
                    let bytes = bytes.as_ref().into();
                    self.files.push(IncomingFile {
                        number,
                        filename,
                        content_type,
                        bytes,
                    });
                }
                None if name == "payload_json" => {
                    payload = Some(serde_json::from_slice(&bytes).map_err(|_| ApiError::invalid_json())?);
                }
                None => {
                    fields.insert(name, String::from_utf8_lossy(&bytes).into_owned().into());
                }
            }
        }
        self.body = payload.unwrap_or(Value::Object(fields));
        Ok(())
    }
}

/// Reads `n` of `files[n]` and of the older `fileN`.
fn file_number(name: &str) -> Option<u64> {
    let digits = name
        .strip_prefix("files[")
        .and_then(|rest| rest.strip_suffix(']'));
    digits.or_else(|| name.strip_prefix("file"))?.parse().ok()
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

fn parse_query(query: &str) -> BTreeMap<String, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

/// Undoes percent-encoding; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn decode(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8_lossy()
        .into_owned()
}
