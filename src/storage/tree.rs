//! The trees of the database and the keys in them.

use sled::Batch;

/// Names a tree.
///
/// Ids in keys are big endian, so that keys sort as numbers and one id's keys are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Tree {
    /// user → [`ProfileRecord`](crate::ProfileRecord)
    Profiles,
    /// user → [`OnboardingRecord`](crate::OnboardingRecord)
    Onboarding,
    /// job → [`JobRecord`](crate::JobRecord)
    Jobs,
    /// user, job → nothing: whose job it is
    UserJobs,
    /// job → nothing: somebody waits for it
    OpenJobs,
    /// message → job
    Messages,
    /// job, message → nothing: the same from the other side
    JobMessages,
    /// job, index → age, image
    Images,
    /// age → job, index, length of the image
    ImageAges,
    /// user → nothing: direct messages to them failed
    DmClosed,
    /// user, job, index → marks, age, picture: what they said of a picture of theirs with ♥ and ✗
    Tastes,
    /// name → number: what the database knows of itself
    Meta,
}

impl Tree {
    /// Every tree.
    pub(crate) const ALL: [Self; 12] = [
        Self::Profiles,
        Self::Onboarding,
        Self::Jobs,
        Self::UserJobs,
        Self::OpenJobs,
        Self::Messages,
        Self::JobMessages,
        Self::Images,
        Self::ImageAges,
        Self::DmClosed,
        Self::Tastes,
        Self::Meta,
    ];

    /// Returns its name in the database and in errors.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Profiles => "profiles",
            Self::Onboarding => "onboarding",
            Self::Jobs => "jobs",
            Self::UserJobs => "user_jobs",
            Self::OpenJobs => "open_jobs",
            Self::Messages => "messages",
            Self::JobMessages => "job_messages",
            Self::Images => "images",
            Self::ImageAges => "image_ages",
            Self::DmClosed => "dm_closed",
            Self::Tastes => "tastes",
            Self::Meta => "meta",
        }
    }
}

/// Collects writes to any trees, to be committed all or none.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<(Tree, Batch)>);

impl Changes {
    pub(crate) fn insert(&mut self, tree: Tree, key: impl AsRef<[u8]>, value: impl Into<sled::IVec>) {
        self.batch(tree).insert(key.as_ref(), value);
    }

    pub(crate) fn remove(&mut self, tree: Tree, key: impl AsRef<[u8]>) {
        self.batch(tree).remove(key.as_ref());
    }

    /// Returns the writes of each tree that has any.
    pub(crate) fn batches(&self) -> &[(Tree, Batch)] {
        &self.0
    }

    fn batch(&mut self, tree: Tree) -> &mut Batch {
        let place = self
            .0
            .iter()
            .position(|(other, _)| *other == tree)
            .unwrap_or_else(|| {
                self.0.push((tree, Batch::default()));
                self.0.len() - 1
            });
        &mut self.0[place].1
    }
}

/// Makes a key of one id.
pub(crate) fn id(id: u64) -> [u8; 8] {
    id.to_be_bytes()
}

/// Makes a key of two ids.
pub(crate) fn ids(first: u64, second: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&id(first));
    key[8..].copy_from_slice(&id(second));
    key
}

/// Makes the key of an image.
pub(crate) fn image(job: u64, index: u8) -> [u8; 9] {
    let mut key = [index; 9];
    key[..8].copy_from_slice(&id(job));
    key
}

/// Makes the key of a picture in a person's context.
pub(crate) fn taste(user: u64, job: u64, index: u8) -> [u8; 17] {
    let mut key = [index; 17];
    key[..16].copy_from_slice(&ids(user, job));
    key
}

/// Reads an id that stands at a place in a key or value; `None` if it is too short.
pub(crate) fn read_id(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes)
}

/// Writes a key as people can look it up.
pub(crate) fn show(key: &[u8]) -> String {
    match (key.len(), read_id(key, 0), read_id(key, 8)) {
        (8, Some(id), _) => id.to_string(),
        (9, Some(job), _) => format!("{job}/{}", key[8]),
        (16, Some(first), Some(second)) => format!("{first}/{second}"),
        (17, Some(user), Some(job)) => format!("{user}/{job}/{}", key[16]),
        _ => key.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}
