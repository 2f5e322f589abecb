//! Requests to the hub: who gets the token, which redirects are followed, what is tried again.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RANGE, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Method, Response, StatusCode, Url};
use secrecy::ExposeSecret;

use crate::error::{HubError, Result};
use crate::model::Part;
use crate::options::{HubOptions, Retry};
use crate::progress::{Event, Progress};

/// Redirects of one request, at most.
const HOPS: usize = 10;
/// Longest time to a connection.
const CONNECT: Duration = Duration::from_secs(15);
/// Longest silence within an answer.
const SILENCE: Duration = Duration::from_secs(60);
/// Characters of the hub's own message that are passed on.
const MESSAGE: usize = 300;

/// One thing to ask for.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    pub method: Method,
    pub url: Url,
    /// The first byte wanted, where that is not the first one.
    pub from: u64,
    /// What it is for, in events.
    pub path: &'a str,
    pub progress: &'a dyn Progress,
}

pub(crate) struct Client {
    http: reqwest::Client,
    endpoint: Url,
    authorization: Option<HeaderValue>,
    retry: Retry,
}

impl Client {
    pub fn new(options: &HubOptions) -> Result<Self> {
        let invalid = |setting, problem: String| HubError::InvalidOption { setting, problem };
        let address = options.endpoint.trim_end_matches('/');
        let endpoint = Url::parse(address)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                let problem = format!("`{address}` is not an address such as {}", HubOptions::ENDPOINT);
                invalid("the hub's endpoint (HF_ENDPOINT, hub.endpoint)", problem)
            })?;
        let authorization = match &options.token {
            None => None,
            Some(token) => {
                let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
                    .map_err(|_| {
                        let problem = "it holds characters that no token has".to_owned();
                        invalid("the hub's token (HF_TOKEN, hub.token)", problem)
                    })?;
                value.set_sensitive(true);
                Some(value)
            }
        };
        let http = reqwest::Client::builder()
            .user_agent(concat!("tastemaker/", env!("CARGO_PKG_VERSION")))
            // Followed by hand, since the token must not go along to another host.
            .redirect(Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .build()
            .map_err(|error| invalid("the HTTP client", reason(error)))?;
        Ok(Self {
            http,
            endpoint,
            authorization,
            retry: options.retry,
        })
    }

    pub fn retry(&self) -> Retry {
        self.retry
    }

    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    /// An address below the endpoint; each segment is escaped.
    pub fn url<'s>(&self, segments: impl IntoIterator<Item = &'s str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Sends a request, again where the failure may pass, and follows redirects until `stop` likes a redirect as it is.
    ///
    /// Any answer but those that may pass is returned, errors too.
    pub async fn send(&self, ask: &Ask<'_>, stop: impl Fn(&HeaderMap) -> bool) -> Result<Response> {
        let mut failed = 0;
        loop {
            failed += 1;
            let last = failed >= self.retry.attempts;
            let (problem, asked) = match self.follow(ask, &stop).await {
                Ok(response) if !may_pass(response.status()) => return Ok(response),
                Ok(response) if last => return Err(status(&response)),
                Ok(response) => (response.status().to_string(), retry_after(response.headers())),
                Err(error) if last => return Err(error),
                Err(HubError::Connection { reason, .. }) => (reason, None),
                Err(error) => return Err(error),
            };
            let wait = self.retry.wait(failed, asked);
            ask.progress.on(Event::Retrying {
                path: ask.path,
                reason: &problem,
                wait,
            });
            tokio::time::sleep(wait).await;
        }
    }

    async fn follow(&self, ask: &Ask<'_>, stop: impl Fn(&HeaderMap) -> bool) -> Result<Response> {
        let mut url = ask.url.clone();
        for _ in 0..HOPS {
            let response = self.once(ask, &url).await?;
            let headers = response.headers();
            if !response.status().is_redirection() || stop(headers) {
                return Ok(response);
            }
            let target = headers.get(LOCATION).and_then(|target| target.to_str().ok());
            let target = target.and_then(|target| url.join(target).ok());
            url = match target {
                Some(next) if url.scheme() == "https" && next.scheme() != "https" => {
                    return Err(protocol(
                        &url,
                        format!("it redirects to {} without encryption", plain(&next)),
                    ));
                }
                Some(next) => next,
                None => return Err(protocol(&url, "it redirects to no address")),
            };
        }
        Err(protocol(&ask.url, format!("it redirects more than {HOPS} times")))
    }

    async fn once(&self, ask: &Ask<'_>, url: &Url) -> Result<Response> {
        let mut request = self.http.request(ask.method.clone(), url.clone());
        // Sizes and ranges are those of the file, not of a compressed form.
        request = request.header(ACCEPT_ENCODING, "identity");
        if ask.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", ask.from));
        }
        if let Some(authorization) = self.authorization.as_ref().filter(|_| self.is_own(url)) {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        request.send().await.map_err(|error| broken(url, error))
    }

    /// Whether an address is the endpoint's, so that it may have the token: same scheme, host and port.
    fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    /// Explains an answer that is not a success.
    pub fn refusal(&self, response: &Response, part: &Part, path: Option<&str>) -> HubError {
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let code = header("x-error-code").unwrap_or_default();
        let own = self.is_own(response.url());
        match (response.status(), code, path) {
            (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN, _, _) if own => HubError::Denied {
                repo: part.repo.clone(),
                endpoint: self.endpoint().to_owned(),
                gated: code == "GatedRepo" || (part.gated && code != "RepoNotFound"),
                with_token: self.authorization.is_some(),
            },
            (StatusCode::NOT_FOUND, "EntryNotFound" | "", Some(path)) if own => HubError::FileNotFound {
                repo: part.repo.clone(),
                revision: part.revision.clone(),
                path: path.to_owned(),
                nearest: None,
            },
            (StatusCode::NOT_FOUND, _, _) if own => HubError::RepoNotFound {
                repo: part.repo.clone(),
                revision: part.revision.clone(),
                endpoint: self.endpoint().to_owned(),
            },
            _ => status(response),
        }
    }
}

/// An address for people: without its query, which may be signed.
pub(crate) fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.into()
}

pub(crate) fn broken(url: &Url, error: reqwest::Error) -> HubError {
    HubError::Connection {
        url: plain(url),
        reason: reason(error),
    }
}

pub(crate) fn protocol(url: &Url, problem: impl Into<String>) -> HubError {
    HubError::Protocol {
        url: plain(url),
        problem: problem.into(),
    }
}

/// What went wrong, from the innermost cause, without the address.
pub(crate) fn reason(error: reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let error = error.without_url();
    let mut innermost: &dyn std::error::Error = &error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

fn may_pass(status: StatusCode) -> bool {
    status == StatusCode::TOO_MANY_REQUESTS
        || status == StatusCode::REQUEST_TIMEOUT
        || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED)
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

fn status(response: &Response) -> HubError {
    let message = response.headers().get("x-error-message");
    let message = message.and_then(|value| value.to_str().ok()).map(|text| {
        let shown = text.chars().filter(|c| !c.is_control());
        shown.take(MESSAGE).collect()
    });
    HubError::Status {
        url: plain(response.url()),
        status: response.status().as_u16(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(endpoint: &str) -> Result<Client> {
        Client::new(&HubOptions {
            endpoint: endpoint.to_owned(),
            token: Some("hf_secret".to_owned().into()),
            ..HubOptions::new("/cache")
        })
    }

    #[test]
    fn the_token_is_for_the_endpoint_alone() {
        let client = client("https://hub.example/mirror/").unwrap();
        let own = |url: &str| client.is_own(&Url::parse(url).unwrap());
        assert!(own("https://hub.example/other"));
        for foreign in [
            "https://cdn.hub.example/x",
            "http://hub.example/x",
            "https://hub.example:8443/x",
            "https://hub.example.evil/x",
        ] {
            assert!(!own(foreign), "{foreign}");
        }
    }

    #[test]
    fn addresses_are_escaped_and_keep_the_mirrors_path() {
        let client = client("https://hub.example/mirror/").unwrap();
        let url = client.url(["a", "b", "resolve", "refs/pr/1", "unet", "a b?.bin"]);
        assert_eq!(
            url.as_str(),
            "https://hub.example/mirror/a/b/resolve/refs%2Fpr%2F1/unet/a%20b%3F.bin"
        );
    }

    #[test]
    fn shown_addresses_have_no_signature() {
        let url = Url::parse("https://user:pw@cdn.example/x?Signature=abc#y").unwrap();
        assert_eq!(plain(&url), "https://cdn.example/x");
    }

    #[test]
    fn an_endpoint_is_an_address() {
        for wrong in ["", "hub.example", "ftp://hub.example", "https://"] {
            let error = client(wrong)
                .err()
                .map(|error| error.to_string())
                .unwrap_or_default();
            assert!(error.contains("HF_ENDPOINT"), "{wrong}: {error}");
        }
    }
}
