//! `GET /api/models/REPO/revision/REV`, `HEAD` and `GET /REPO/resolve/REV/PATH`, `GET /cdn/SHA256`.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as From};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};
use serde_json::json;

use super::{Fault, REPO, Seen, Shared, State, hashes};

pub fn hub(state: Shared) -> Router {
    Router::new()
        .route("/api/models/{owner}/{name}/revision/{revision}", get(listing))
        .route("/{owner}/{name}/resolve/{revision}/{*path}", get(resolve))
        .with_state(state)
}

pub fn cdn(state: Shared) -> Router {
    Router::new().route("/cdn/{sha}", get(content)).with_state(state)
}

fn note(state: &mut State, method: &Method, path: String, headers: &HeaderMap, cdn: bool) {
    let header = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    state.seen.push(Seen {
        method: method.to_string(),
        path,
        range: header(header::RANGE),
        authorization: header(header::AUTHORIZATION),
        cdn,
    });
}

fn error(status: StatusCode, code: &str) -> Response {
    let message = format!("about {code}");
    (status, [("x-error-code", code), ("x-error-message", &message)]).into_response()
}

/// Turns away whoever lacks the token, and whoever asks for another repository.
fn turn_away(state: &State, repo: &str, revision: &str, headers: &HeaderMap) -> Option<Response> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    if repo != REPO {
        // As the hub does: strangers learn nothing about private repositories.
        let status = if token.is_some() {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::UNAUTHORIZED
        };
        return Some(error(status, "RepoNotFound"));
    }
    match (&state.gate, token) {
        (Some(_), None) => return Some(error(StatusCode::UNAUTHORIZED, "GatedRepo")),
        (Some(gate), Some(token)) if token != format!("Bearer {gate}") => {
            return Some(error(StatusCode::FORBIDDEN, "GatedRepo"));
        }
        _ => {}
    }
    (!["main", "refs/pr/1", &state.commit].contains(&revision))
        .then(|| error(StatusCode::NOT_FOUND, "RevisionNotFound"))
}

fn next_fault(state: &mut State, path: &str) -> Option<Fault> {
    state.faults.get_mut(path)?.pop_front()
}

fn failed(status: u16) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(header::RETRY_AFTER, "0")]).into_response()
}

async fn listing(
    From(state): From<Shared>,
    method: Method,
    headers: HeaderMap,
    Path((owner, name, revision)): Path<(String, String, String)>,
) -> Response {
    let mut state = state.lock().unwrap();
    note(&mut state, &method, "listing".to_owned(), &headers, false);
    if let Some(response) = turn_away(&state, &format!("{owner}/{name}"), &revision, &headers) {
        return response;
    }
    if let Some(Fault::Status(status)) = next_fault(&mut state, "listing") {
        return failed(status);
    }
    let siblings: Vec<_> = state
        .files
        .keys()
        .map(|path| json!({ "rfilename": path }))
        .collect();
    axum::Json(json!({ "id": REPO, "sha": state.commit, "siblings": siblings })).into_response()
}

async fn resolve(
    From(state): From<Shared>,
    method: Method,
    headers: HeaderMap,
    Path((owner, name, revision, path)): Path<(String, String, String, String)>,
) -> Response {
    let mut state = state.lock().unwrap();
    note(&mut state, &method, path.clone(), &headers, false);
    if let Some(response) = turn_away(&state, &format!("{owner}/{name}"), &revision, &headers) {
        return response;
    }
    let Some(content) = state.files.get(&path).cloned() else {
        return error(StatusCode::NOT_FOUND, "EntryNotFound");
    };
    let found = hashes(&content);
    let commit = [("x-repo-commit", state.commit.clone())];
    if path.ends_with(".safetensors") {
        let target = format!("{}/cdn/{}?Signature=secret", state.cdn, found.sha256);
        let linked = [
            (header::LOCATION.as_str(), target),
            ("x-linked-etag", format!("\"{}\"", found.sha256)),
            ("x-linked-size", content.len().to_string()),
        ];
        return (StatusCode::FOUND, commit, linked).into_response();
    }
    let etag = [(header::ETAG, format!("\"{}\"", found.git.unwrap()))];
    if method == Method::HEAD {
        let length = [(header::CONTENT_LENGTH, content.len().to_string())];
        return (commit, etag, length).into_response();
    }
    let fault = next_fault(&mut state, &path);
    (commit, etag, body(content, &headers, fault)).into_response()
}

async fn content(
    From(state): From<Shared>,
    method: Method,
    headers: HeaderMap,
    Path(sha): Path<String>,
) -> Response {
    let mut state = state.lock().unwrap();
    let file = state
        .files
        .iter()
        .find(|(_, content)| hashes(content).sha256 == sha);
    let Some((path, content)) = file.map(|(path, content)| (path.clone(), content.clone())) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    note(&mut state, &method, path.clone(), &headers, true);
    if let Some(before) = &state.before_content {
        before();
    }
    let fault = next_fault(&mut state, &path);
    body(content, &headers, fault)
}

/// A content or the part of it that was asked for, with what is to go wrong.
fn body(mut content: Vec<u8>, headers: &HeaderMap, fault: Option<Fault>) -> Response {
    let total = content.len();
    let from = headers
        .get(header::RANGE)
        .and_then(|range| {
            range
                .to_str()
                .ok()?
                .strip_prefix("bytes=")?
                .strip_suffix('-')?
                .parse::<usize>()
                .ok()
        })
        .filter(|_| !matches!(fault, Some(Fault::Whole)));
    let (mut cut, mut stalls) = (None, false);
    match fault {
        Some(Fault::Status(status)) => return failed(status),
        Some(Fault::Garbled) => content.iter_mut().for_each(|byte| *byte ^= 1),
        Some(Fault::Longer) => content.extend([0; 9]),
        Some(Fault::Cut(after)) => cut = Some(after),
        Some(Fault::Stall(after)) => (cut, stalls) = (Some(after), true),
        Some(Fault::Whole) | None => {}
    }
    let start = from.unwrap_or(0);
    if start >= content.len() && from.is_some() {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let sent = content.split_off(start);
    let length = [(header::CONTENT_LENGTH, sent.len().to_string())];
    let status = match from {
        Some(_) => StatusCode::PARTIAL_CONTENT,
        None => StatusCode::OK,
    };
    let range = from.map(|from| {
        [(
            header::CONTENT_RANGE,
            format!("bytes {from}-{}/{total}", total - 1),
        )]
    });
    let body = match cut {
        None => Body::from(sent),
        Some(after) => {
            let some = Bytes::copy_from_slice(&sent[..after.min(sent.len())]);
            let rest = async move {
                if stalls {
                    std::future::pending::<()>().await;
                }
                // What came before is sent first: an error at once would take it along.
                for _ in 0..1000 {
                    tokio::task::yield_now().await;
                }
                Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
            };
            Body::from_stream(stream::iter([Ok(some)]).chain(stream::once(rest)))
        }
    };
    match range {
        Some(range) => (status, length, range, body).into_response(),
        None => (status, length, body).into_response(),
    }
}
