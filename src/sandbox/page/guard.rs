//! Who may ask: browsers that show this page, and nobody else's page in the same browser.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Everything the page may load or connect to is its own; it may not be framed, and sends no forms.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' \
     ws://127.0.0.1:* ws://localhost:*; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Refuses requests under another name or from another page, and adds the headers that browsers keep the page safe by.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let upgrades = request.headers().contains_key(header::UPGRADE);
    let needs_origin = upgrades || request.method() != Method::GET && request.method() != Method::HEAD;
    let allowed = is_loopback(request.headers()) && (!needs_origin || is_own_page(request.headers()));
    let mut response = if allowed {
        next.run(request).await
    } else {
        let reason = "This address only serves its own page, under a loopback name such as 127.0.0.1.";
        (StatusCode::FORBIDDEN, reason).into_response()
    };
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static(POLICY));
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(
        "cross-origin-resource-policy",
        HeaderValue::from_static("same-origin"),
    );
    response
}

/// Tells whether the request names this machine. A rebound DNS name reaches the same socket, but under its own name.
fn is_loopback(headers: &HeaderMap) -> bool {
    let Some(host) = text(headers, header::HOST) else {
        return false;
    };
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|digit| digit.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

/// Tells whether the request comes from the page that this very server sent.
fn is_own_page(headers: &HeaderMap) -> bool {
    let (Some(host), Some(origin)) = (text(headers, header::HOST), text(headers, header::ORIGIN)) else {
        return false;
    };
    origin.strip_prefix("http://") == Some(host)
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_loopback_names_are_served() {
        for host in ["127.0.0.1:8585", "localhost:8585", "[::1]:8585", "localhost"] {
            assert!(is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        for host in [
            "example.com",
            "example.com:8585",
            "127.0.0.1.example.com:8585",
            "localhost.:1",
            "",
            "[::1",
            "10.0.0.1",
        ] {
            assert!(!is_loopback(&headers(&[(header::HOST, host)])), "{host}");
        }
        assert!(!is_loopback(&HeaderMap::new()));
    }

    #[test]
    fn only_the_servers_own_page_may_act() {
        let host = (header::HOST, "127.0.0.1:8585");
        assert!(is_own_page(&headers(&[
            host.clone(),
            (header::ORIGIN, "http://127.0.0.1:8585")
        ])));
        let others = [
            "http://127.0.0.1:3000",
            "http://localhost:8585",
            "https://127.0.0.1:8585",
            "null",
            "http://example.com",
        ];
        for origin in others {
            assert!(
                !is_own_page(&headers(&[host.clone(), (header::ORIGIN, origin)])),
                "{origin}"
            );
        }
        assert!(!is_own_page(&headers(&[host])));
    }
}
