//! Attachments: their addresses, and serving them back.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::id::{AttachmentId, ChannelId};
use crate::model::Attachment;
use crate::shared::Shared;
use crate::state::World;

/// How long a signed address works.
const ADDRESS_LIVES: Duration = Duration::from_secs(24 * 3600);

/// A file as it was uploaded.
pub(crate) struct Upload {
    pub(crate) filename: String,
    pub(crate) content_type: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) bytes: Arc<[u8]>,
}

/// Makes an attachment of an uploaded file.
pub(crate) fn store(world: &World, channel: ChannelId, upload: Upload) -> Attachment {
    let id = AttachmentId(world.clock.snowflake());
    let filename = clean_name(&upload.filename);
    // Discord goes by the name; what the client says counts only where the name says nothing.
    let guessed = mime_guess::from_path(&filename).first_raw().map(str::to_owned);
    let content_type = guessed
        .or(upload.content_type)
        .unwrap_or_else(|| "application/octet-stream".to_owned());
    let size = imagesize::blob_size(&upload.bytes).ok();
    let pixels = |length: usize| u32::try_from(length).ok();
    Attachment {
        id,
        url: format!("{}/attachments/{channel}/{id}/{filename}", world.files_base),
        filename,
        description: upload.description,
        content_type,
        size: upload.bytes.len(),
        width: size.as_ref().and_then(|size| pixels(size.width)),
        height: size.as_ref().and_then(|size| pixels(size.height)),
        embedded: false,
        bytes: upload.bytes,
    }
}

/// Writes an attachment as Discord sends it.
pub(crate) fn to_wire(world: &World, file: &Attachment) -> Value {
    let url = signed(world, &file.url);
    let mut wire = json!({
        "id": file.id, "filename": file.filename, "size": file.size, "url": url, "proxy_url": url,
        "content_type": file.content_type, "description": file.description, "width": file.width,
        "height": file.height,
    });
    if let Some(fields) = wire.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    wire
}

/// Gives one of the sandbox's own addresses the query that makes it expire; others stay as they are.
pub(crate) fn signed(world: &World, url: &str) -> String {
    if !url.starts_with(&world.files_base) || url.contains('?') {
        return url.to_owned();
    }
    let issued = world.now().0 / 1000;
    let expires = world.now().plus(ADDRESS_LIVES).0 / 1000;
    format!(
        "{url}?ex={expires:x}&is={issued:x}&hm={:016x}&",
        fingerprint(url, expires)
    )
}

/// Keeps the characters that Discord keeps in file names.
fn clean_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .map(|c| if c == ' ' { '_' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        .collect();
    if kept.trim_matches('.').is_empty() {
        "unknown".to_owned()
    } else {
        kept
    }
}

/// Stands in for Discord's signature: it differs for every address and expiry, and guards nothing.
fn fingerprint(url: &str, expires: u64) -> u64 {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    (url, expires).hash(&mut hasher);
    hasher.finish()
}

/// The query of a signed address.
#[derive(Deserialize)]
pub(crate) struct Signature {
    ex: Option<String>,
}

/// Serves a file. Addresses with a signature expire with it; the bare ones that the user API hands out do not.
pub(crate) async fn serve(
    State(shared): State<Arc<Shared>>,
    Path((channel, id, _name)): Path<(ChannelId, AttachmentId, String)>,
    Query(signature): Query<Signature>,
) -> Response {
    let world = shared.world();
    let expired = signature.ex.is_some_and(|expires| {
        u64::from_str_radix(&expires, 16).map_or(true, |seconds| seconds * 1000 < world.now().0)
    });
    let of_channel = format!("/attachments/{channel}/");
    let file = world
        .file(id)
        .filter(|file| file.url.contains(&of_channel) && !expired);
    let Some(file) = file else {
        return (StatusCode::NOT_FOUND, "This content is no longer available.").into_response();
    };
    let kind = HeaderValue::from_str(&file.content_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, HeaderValue::from_static("max-age=3600")),
    ];
    (headers, file.bytes.to_vec()).into_response()
}
