//! The REST API: each request is limited, authorised, checked, done, recorded, and answered in Discord's shapes.

mod applications;
mod channels;
mod commands;
mod compose;
pub(crate) mod error;
mod guilds;
pub(crate) mod incoming;
mod interactions;
mod messages;
mod reactions;
pub(crate) mod route;
pub(crate) mod table;
mod users;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::ratelimit::{BucketState, Scope, Verdict};
use crate::record::{Line, RecordedFile};
use crate::shared::{Shared, lock};
use error::ApiError;
use incoming::Incoming;
use route::{Access, Reply, Route};

/// The REST side of a sandbox.
#[derive(Clone)]
pub(crate) struct Rest {
    pub(crate) shared: Arc<Shared>,
    pub(crate) routes: Arc<Vec<Route>>,
}

/// What goes back, before it is made an HTTP response.
struct Answer {
    status: StatusCode,
    body: Option<Value>,
    headers: Vec<(&'static str, String)>,
}

impl Answer {
    fn error(error: &ApiError) -> Self {
        Answer {
            status: error.status,
            body: Some(error.to_json()),
            headers: Vec::new(),
        }
    }
}

/// Answers one request.
pub(crate) async fn serve(State(rest): State<Rest>, request: Request) -> Response {
    let incoming = Incoming::read(request).await;
    rest.shared.requests.fetch_add(1, Ordering::Relaxed);
    let route = rest
        .routes
        .iter()
        .find(|route| route.method == incoming.method && route.call(&rest.shared, &incoming).is_some());
    let answer = match route {
        Some(route) => rest.shared.answer(route, &incoming),
        None => rest.unknown(&incoming),
    };
    if matches!(answer.status.as_u16(), 401 | 403 | 429) {
        lock(&rest.shared.limits).count_invalid(rest.shared.clock.now());
    }
    rest.shared.record(&incoming, answer.status);
    #[cfg(feature = "openapi")]
    if let (Some(contract), Some(route)) = (&rest.shared.contract, route) {
        contract.check(route, &incoming, answer.status.as_u16(), answer.body.as_ref());
    }
    tracing::debug!(method = %incoming.method, path = incoming.path(), status = answer.status.as_u16(), "REST");
    respond(answer)
}

impl Rest {
    /// Answers what no route matches: 405 if only the method is wrong, else 404; both are noted.
    fn unknown(&self, incoming: &Incoming) -> Answer {
        lock(&self.shared.unknown_routes).push(format!("{} {}", incoming.method, incoming.path()));
        let path_known = self
            .routes
            .iter()
            .any(|route| route.call(&self.shared, incoming).is_some());
        Answer::error(&if path_known {
            ApiError::method_not_allowed()
        } else {
            ApiError::not_found()
        })
    }
}

impl Shared {
    /// Answers a request to a known route.
    fn answer(&self, route: &Route, incoming: &Incoming) -> Answer {
        let Some(call) = route.call(self, incoming) else {
            return Answer::error(&ApiError::not_found());
        };
        let authorized = incoming
            .authorization
            .as_deref()
            .is_some_and(|value| value.starts_with("Bot ") && self.is_token(value));
        if route.access == Access::Bot && !authorized {
            return Answer::error(&ApiError::unauthorized());
        }
        let verdict = lock(&self.limits).take(
            &route.name(),
            route.quota,
            &route.major(&call),
            route.counts_globally(),
            self.clock.now(),
        );
        let bucket = match verdict {
            Verdict::Allowed(bucket) => bucket,
            Verdict::Limited {
                bucket,
                retry_after,
                scope,
            } => return limited(bucket, retry_after, scope),
            Verdict::Banned { retry_after } => return banned(retry_after),
        };
        let outcome = match &incoming.fault {
            Some(fault) => Err(fault.clone()),
            None => (route.handler)(&call),
        };
        let mut answer = match outcome {
            Ok(Reply { status, body }) => Answer {
                status,
                body,
                headers: Vec::new(),
            },
            Err(error) => Answer::error(&error),
        };
        answer
            .headers
            .extend(bucket.iter().flat_map(BucketState::headers));
        answer
    }

    fn record(&self, incoming: &Incoming, status: StatusCode) {
        if let Some(recorder) = &self.recorder {
            let files = incoming.files.iter().map(|file| RecordedFile {
                name: &file.filename,
                size: file.bytes.len(),
                content_type: file.content_type.as_deref(),
            });
            recorder.write(&Line {
                method: incoming.method.as_str(),
                path: &incoming.full_path,
                body: &incoming.body,
                files: files.collect(),
                status: status.as_u16(),
            });
        }
    }
}

fn limited(bucket: Option<BucketState>, retry_after: Duration, scope: Scope) -> Answer {
    let seconds = (retry_after.as_secs_f64() * 1000.0).ceil() / 1000.0;
    let global = scope == Scope::Global;
    let body = json!({"message": "You are being rate limited.", "retry_after": seconds, "global": global, "code": 0});
    let mut headers = vec![
        ("retry-after", (seconds.ceil() as u64).to_string()),
        ("x-ratelimit-scope", scope.name().to_owned()),
        // Some libraries take a 429 that did not come through Discord's proxy for a ban.
        ("via", "1.1 google".to_owned()),
    ];
    if global {
        headers.push(("x-ratelimit-global", "true".to_owned()));
    }
    headers.extend(bucket.iter().flat_map(BucketState::headers));
    Answer {
        status: StatusCode::TOO_MANY_REQUESTS,
        body: Some(body),
        headers,
    }
}

/// The ban of an address comes from the proxy before Discord, without JSON fields that clients know.
fn banned(retry_after: Duration) -> Answer {
    let headers = vec![("retry-after", retry_after.as_secs().to_string())];
    let body = json!({"message": "You are being blocked from accessing our API temporarily.", "code": 0});
    Answer {
        status: StatusCode::TOO_MANY_REQUESTS,
        body: Some(body),
        headers,
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = match answer.body {
        Some(body) => (answer.status, axum::Json(body)).into_response(),
        None => answer.status.into_response(),
    };
    for (name, value) in answer.headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response
                .headers_mut()
                .insert(HeaderName::from_static(name), value);
        }
    }
    response
}
