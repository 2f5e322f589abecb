//! A local server that speaks the hub's routes, and a second one, on another port, where it keeps large files.

mod routes;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::digest::{Found, Hasher};
use crate::model::{Model, Part, RepoFile};

/// The only repository.
pub const REPO: &str = "owner/tiny";
/// Its commit until it is changed.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong with one answer about a file's content.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The connection is closed after so many bytes of the body.
    Cut(usize),
    /// The rest after so many bytes of the body never comes.
    Stall(usize),
    /// Another content of the same length.
    Garbled,
    /// More bytes than announced.
    Longer,
    /// The whole file although a range was asked for.
    Whole,
    /// This status.
    Status(u16),
}

/// One request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
    /// Whether the second server got it.
    pub cdn: bool,
}

pub struct State {
    pub commit: String,
    pub files: BTreeMap<String, Vec<u8>>,
    /// The token that the repository asks for.
    pub gate: Option<String>,
    /// What goes wrong next, by file, or by `listing`.
    pub faults: HashMap<String, VecDeque<Fault>>,
    pub seen: Vec<Seen>,
    /// Where large files are.
    pub cdn: String,
    /// Called before every answer about a large file's content.
    pub before_content: Option<Box<dyn Fn() + Send>>,
}

type Shared = Arc<Mutex<State>>;

pub struct FakeHub {
    pub endpoint: String,
    state: Shared,
    servers: [JoinHandle<()>; 2],
}

impl Drop for FakeHub {
    fn drop(&mut self) {
        self.servers.iter().for_each(JoinHandle::abort);
    }
}

impl FakeHub {
    /// Serves these files of [`REPO`]; `.safetensors` ones are large.
    pub async fn serve(files: &[(&str, &[u8])]) -> Self {
        let (hub, cdn) = (listen().await, listen().await);
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let endpoint = address(&hub);
        let state = Arc::new(Mutex::new(State {
            commit: COMMIT.to_owned(),
            files: files
                .iter()
                .map(|(path, content)| ((*path).to_owned(), content.to_vec()))
                .collect(),
            gate: None,
            faults: HashMap::new(),
            seen: Vec::new(),
            cdn: address(&cdn),
            before_content: None,
        }));
        let servers = [
            tokio::spawn(run(hub, routes::hub(Arc::clone(&state)))),
            tokio::spawn(run(cdn, routes::cdn(Arc::clone(&state)))),
        ];
        Self {
            endpoint,
            state,
            servers,
        }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Lets the next answers about a file go wrong.
    pub fn fail(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.state()
            .faults
            .entry(path.to_owned())
            .or_default()
            .extend(faults);
    }

    /// The ranges that were asked for of large files' contents, in order.
    pub fn ranges(&self) -> Vec<Option<String>> {
        let state = self.state();
        state
            .seen
            .iter()
            .filter(|seen| seen.cdn)
            .map(|seen| seen.range.clone())
            .collect()
    }

    /// Requests that the hub and the other server have had.
    pub fn requests(&self) -> usize {
        self.state().seen.len()
    }
}

async fn listen() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.unwrap()
}

async fn run(listener: TcpListener, router: axum::Router) {
    axum::serve(listener, router).await.unwrap();
}

/// A checkpoint with these files of [`REPO`].
pub fn model(files: &[&str]) -> Model {
    Model::new("tiny", vec![part(files)]).unwrap()
}

pub fn part(files: &[&str]) -> Part {
    let file = |path: &&str| RepoFile {
        path: (*path).to_owned(),
        place: (*path).to_owned(),
        size: None,
        sha256: None,
    };
    Part {
        repo: REPO.to_owned(),
        revision: "main".to_owned(),
        gated: false,
        files: files.iter().map(file).collect(),
    }
}

/// The hashes of a content.
pub fn hashes(content: &[u8]) -> Found {
    let mut hasher = Hasher::new(content.len() as u64, true);
    hasher.update(content);
    hasher.finish()
}

/// A weights file of so many bytes of data.
pub fn weights(data: usize) -> Vec<u8> {
    let header = format!("{{\"w\":{{\"dtype\":\"U8\",\"shape\":[{data}],\"data_offsets\":[0,{data}]}}}}");
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    file.extend((0..data).map(|n| (n * 31 % 251) as u8));
    file
}
