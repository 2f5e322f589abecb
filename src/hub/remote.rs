//! What the hub says about a repository and its files.

use std::collections::BTreeSet;

use reqwest::Method;
use reqwest::header::{CONTENT_LENGTH, ETAG, HeaderMap};
use serde::Deserialize;

use crate::client::{Ask, Client, broken, protocol};
use crate::digest::Digest;
use crate::error::{HubError, Result};
use crate::model::{Part, RepoFile};
use crate::progress::Progress;

/// The hash of a large file's content, given along with the redirect to it.
const LINKED_ETAG: &str = "x-linked-etag";
const LINKED_SIZE: &str = "x-linked-size";
/// How similar a file's name must be to be offered instead (Damerau–Levenshtein, 0 to 1).
const SIMILAR: f64 = 0.5;

/// A repository at one commit.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    pub commit: String,
    files: BTreeSet<String>,
}

/// A file's content before it is here.
#[derive(Debug, Clone)]
pub(crate) struct Content {
    pub digest: Digest,
    pub size: u64,
}

#[derive(Deserialize)]
struct RawListing {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl Listing {
    /// Checks that a file is there.
    pub fn check(&self, part: &Part, file: &RepoFile) -> Result<()> {
        if self.files.contains(&file.path) {
            return Ok(());
        }
        let similarity = |name: &String| strsim::normalized_damerau_levenshtein(name, &file.path);
        let nearest = self
            .files
            .iter()
            .map(|name| (similarity(name), name))
            .filter(|(similarity, _)| *similarity >= SIMILAR)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        Err(HubError::FileNotFound {
            repo: part.repo.clone(),
            revision: part.revision.clone(),
            path: file.path.clone(),
            nearest: nearest.map(|(_, name)| name.clone()),
        })
    }
}

impl Client {
    /// Asks which commit a part's revision is and which files it has.
    pub async fn listing(&self, part: &Part, progress: &dyn Progress) -> Result<Listing> {
        let repo = part.repo.split('/');
        let segments = ["api", "models"]
            .into_iter()
            .chain(repo)
            .chain(["revision", &part.revision]);
        let url = self.url(segments);
        let ask = Ask {
            method: Method::GET,
            url: url.clone(),
            from: 0,
            path: &part.repo,
            progress,
        };
        let response = self.send(&ask, |_| false).await?;
        if !response.status().is_success() {
            return Err(self.refusal(&response, part, None));
        }
        let body = response.bytes().await.map_err(|error| broken(&url, error))?;
        let raw: RawListing = serde_json::from_slice(&body).map_err(|error| {
            protocol(
                &url,
                format!("its answer is no repository's description ({error})"),
            )
        })?;
        if raw.sha.len() != 40 || !raw.sha.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(protocol(&url, "the description names no commit"));
        }
        Ok(Listing {
            commit: raw.sha,
            files: raw.siblings.into_iter().map(|it| it.rfilename).collect(),
        })
    }

    /// Asks for a file's size and hash.
    pub async fn content(
        &self,
        part: &Part,
        commit: &str,
        file: &RepoFile,
        progress: &dyn Progress,
    ) -> Result<Content> {
        let url = self.file_url(part, commit, file);
        let ask = Ask {
            method: Method::HEAD,
            url: url.clone(),
            from: 0,
            path: &file.place,
            progress,
        };
        // A large file's answer is a redirect to where it is stored, which has no need to be asked.
        let response = self
            .send(&ask, |headers| headers.contains_key(LINKED_ETAG))
            .await?;
        if !response.status().is_success() && !response.status().is_redirection() {
            return Err(self.refusal(&response, part, Some(&file.path)));
        }
        let headers = response.headers();
        let linked = headers.contains_key(LINKED_ETAG);
        let digest = text(headers, if linked { LINKED_ETAG } else { ETAG.as_str() })
            .and_then(Digest::of_etag)
            .ok_or_else(|| protocol(&url, "it gives no hash of the file (ETag or X-Linked-Etag)"))?;
        let size = text(
            headers,
            if linked {
                LINKED_SIZE
            } else {
                CONTENT_LENGTH.as_str()
            },
        )
        .and_then(|size| size.parse().ok())
        .ok_or_else(|| {
            protocol(
                &url,
                "it gives no size of the file (Content-Length or X-Linked-Size)",
            )
        })?;
        Ok(Content { digest, size })
    }

    /// Where a file's content is had.
    pub fn file_url(&self, part: &Part, commit: &str, file: &RepoFile) -> reqwest::Url {
        let segments = part
            .repo
            .split('/')
            .chain(["resolve", commit])
            .chain(file.path.split('/'));
        self.url(segments)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
