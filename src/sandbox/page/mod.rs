//! The chat page: a small client for people, served on loopback.
//!
//! The page is an observer's view of the sandbox: over a WebSocket (`live.rs`) it gets a snapshot and then every event,
//! and shows each person only what they would see; what a person does comes back as a request (`act.rs`), which calls the
//! same [`User`](crate::User) methods as the tests. Files of HTML, CSS and JavaScript are embedded (`assets.rs`); there is
//! no build step and nothing is loaded from elsewhere.
//!
//! Any website open in the same browser can send requests to loopback addresses. `guard.rs` refuses those: names other
//! than loopback's (DNS rebinding) and requests that come from another page.

mod act;
mod assets;
mod guard;
mod live;
#[cfg(test)]
mod tests;
mod uploads;

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use crate::id::AttachmentId;
use crate::sandbox::Sandbox;
use uploads::Uploads;

/// The two people the page starts with: enough to see how tastes differ in one channel.
const PEOPLE: [&str; 2] = ["you", "a friend"];

/// What the page's routes share.
#[derive(Clone)]
struct Page {
    sandbox: Sandbox,
    uploads: Arc<Uploads>,
}

impl FromRef<Page> for Sandbox {
    fn from_ref(page: &Page) -> Self {
        page.sandbox.clone()
    }
}

/// Makes the page's routes. Its people join the sandbox with it.
pub fn router(sandbox: Sandbox) -> Router {
    for name in PEOPLE {
        sandbox.user(name).dm();
    }
    let page = Page {
        sandbox,
        uploads: Arc::default(),
    };
    Router::new()
        .route("/live", get(live::upgrade))
        .route("/act", post(act::act))
        .route(
            "/upload",
            post(uploads::take).layer(DefaultBodyLimit::max(uploads::MAX_BYTES)),
        )
        .route("/files/{id}/{name}", get(file))
        .fallback(get(asset))
        .layer(middleware::from_fn(guard::check))
        .with_state(page)
}

/// Serves one of the page's own files.
async fn asset(State(sandbox): State<Sandbox>, uri: axum::http::Uri) -> Response {
    let name = match uri.path().trim_start_matches('/') {
        "" => "index.html",
        name => name,
    };
    match assets::read(sandbox.page_assets().map(Path::new), name) {
        Some((kind, bytes)) => {
            // The demo is rebuilt between visits; a stale script would speak to a newer server.
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
            (headers, bytes).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such file.").into_response(),
    }
}

/// Serves a file of a message. It came from a person or the bot, so a browser may show it but not run it.
async fn file(
    State(sandbox): State<Sandbox>,
    axum::extract::Path((id, _name)): axum::extract::Path<(AttachmentId, String)>,
) -> Response {
    let Some(file) = sandbox.file(id) else {
        return (StatusCode::NOT_FOUND, "This file is no longer there.").into_response();
    };
    let kind = HeaderValue::from_str(&file.content_type);
    let kind = kind.unwrap_or(HeaderValue::from_static("application/octet-stream"));
    let headers = [
        (header::CONTENT_TYPE, kind),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("private, max-age=86400, immutable"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; sandbox"),
        ),
    ];
    (headers, file.bytes.to_vec()).into_response()
}
