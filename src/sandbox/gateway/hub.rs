//! Sessions, and which of them hear of what.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::gateway::intents;
use crate::gateway::opcode::op;
use crate::id::GuildId;

/// How long a session without a socket can be resumed.
const RESUMABLE: Duration = Duration::from_secs(180);
/// How many events a session keeps for a resume.
const REPLAY_EVENTS: usize = 2_000;
/// IDENTIFYs a day.
const IDENTIFIES_A_DAY: usize = 1_000;
/// IDENTIFYs within five seconds. Large bots are granted 16; granted here too, so that restarting a bot in a test
/// needs no five-second wait.
pub(crate) const MAX_CONCURRENCY: usize = 16;

/// What a socket is told to do.
#[derive(Clone, Debug)]
pub(crate) enum Outgoing {
    /// Send a payload.
    Payload(Arc<str>),
    /// Close with a code and reason.
    Close(u16, &'static str),
    /// Drop the connection without a word, as a network failure does.
    Sever,
}

/// The sending side of one socket.
pub(crate) type Link = mpsc::UnboundedSender<Outgoing>;

/// A gateway event before it is numbered for each session.
pub(crate) struct Dispatch {
    pub(crate) name: &'static str,
    /// The intent that the event needs; 0 if none.
    pub(crate) intent: u64,
    pub(crate) guild: Option<GuildId>,
    pub(crate) data: Value,
    /// What sessions without the message-content intent get instead.
    pub(crate) redacted: Option<Value>,
}

/// A session, which outlives its socket.
pub(crate) struct Session {
    pub(crate) intents: u64,
    /// This shard's number and the count of shards.
    pub(crate) shard: (u64, u64),
    sequence: u64,
    replay: VecDeque<(u64, Arc<str>)>,
    /// The socket and its number.
    link: Option<(u64, Link)>,
    detached_at: Option<Instant>,
}

impl Session {
    /// Numbers an event, keeps it for a resume and sends it.
    fn push(&mut self, name: &str, data: &Value) {
        self.sequence += 1;
        let payload = json!({"op": op::DISPATCH, "t": name, "s": self.sequence, "d": data}).to_string();
        let payload: Arc<str> = payload.into();
        self.replay.push_back((self.sequence, payload.clone()));
        if self.replay.len() > REPLAY_EVENTS {
            self.replay.pop_front();
        }
        self.tell(Outgoing::Payload(payload));
    }

    fn tell(&self, what: Outgoing) {
        if let Some((_, link)) = &self.link {
            // A socket that is gone detaches by itself.
            let _ = link.send(what);
        }
    }

    /// Tells whether this shard hears of a place: a guild's shard by its id, direct messages on shard 0.
    pub(crate) fn covers(&self, guild: Option<GuildId>) -> bool {
        guild.map_or(self.shard.0 == 0, |guild| {
            (guild.0 >> 22) % self.shard.1 == self.shard.0
        })
    }
}

/// Why a session cannot be resumed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ResumeError {
    /// It never was, was closed for good, or is too old.
    Unknown,
    /// The client claims events that were never sent.
    Ahead,
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Hub {
    sessions: HashMap<String, Session>,
    identifies: VecDeque<Instant>,
    invalidated: usize,
}

impl Hub {
    /// Sends an event to every session that asked for its kind and covers its place.
    pub(crate) fn dispatch(&mut self, event: &Dispatch) {
        self.drop_stale();
        for session in self.sessions.values_mut() {
            let wanted = event.intent == 0 || session.intents & event.intent != 0;
            if wanted && session.covers(event.guild) {
                let full = session.intents & intents::MESSAGE_CONTENT != 0;
                let data = event.redacted.as_ref().filter(|_| !full).unwrap_or(&event.data);
                session.push(event.name, data);
            }
        }
    }

    /// Counts an IDENTIFY; false if the day's or the five seconds' allowance is used up.
    pub(crate) fn may_identify(&mut self) -> bool {
        let now = Instant::now();
        let within = |limit: u64, at: &&Instant| now.duration_since(**at) < Duration::from_secs(limit);
        self.identifies.retain(|at| within(24 * 3600, &at));
        let recent = self
            .identifies
            .iter()
            .rev()
            .take_while(|at| within(5, at))
            .count();
        let allowed = self.identifies.len() < IDENTIFIES_A_DAY && recent < MAX_CONCURRENCY;
        if allowed {
            self.identifies.push_back(now);
        }
        allowed
    }

    /// Returns the total, the remaining and the time until a remaining IDENTIFY comes back.
    pub(crate) fn identify_budget(&self) -> (usize, usize, Duration) {
        let oldest = self
            .identifies
            .front()
            .map(|at| Duration::from_secs(24 * 3600).saturating_sub(at.elapsed()));
        (
            IDENTIFIES_A_DAY,
            IDENTIFIES_A_DAY.saturating_sub(self.identifies.len()),
            oldest.unwrap_or_default(),
        )
    }

    /// Opens a session on a socket and sends it its first events.
    pub(crate) fn open(
        &mut self,
        id: &str,
        intents: u64,
        shard: (u64, u64),
        link: (u64, Link),
        first: &[(&str, Value)],
    ) {
        let mut session = Session {
            intents,
            shard,
            sequence: 0,
            replay: VecDeque::new(),
            link: Some(link),
            detached_at: None,
        };
        for (name, data) in first {
            session.push(name, data);
        }
        self.sessions.insert(id.to_owned(), session);
    }

    /// Moves a session to a new socket and sends what it missed.
    pub(crate) fn resume(&mut self, id: &str, seen: u64, link: (u64, Link)) -> Result<(), ResumeError> {
        self.drop_stale();
        let session = self.sessions.get_mut(id).ok_or(ResumeError::Unknown)?;
        if seen > session.sequence {
            return Err(ResumeError::Ahead);
        }
        let oldest_kept = session
            .replay
            .front()
            .map_or(session.sequence + 1, |(sequence, _)| *sequence);
        if seen + 1 < oldest_kept {
            self.sessions.remove(id);
            return Err(ResumeError::Unknown);
        }
        // A socket that the session still had is dead or a duplicate.
        session.tell(Outgoing::Sever);
        session.link = Some(link);
        session.detached_at = None;
        let missed: Vec<_> = session
            .replay
            .iter()
            .filter(|(sequence, _)| *sequence > seen)
            .cloned()
            .collect();
        for (_, payload) in missed {
            session.tell(Outgoing::Payload(payload));
        }
        session.push("RESUMED", &json!({"_trace": []}));
        Ok(())
    }

    /// Takes a closed socket off its session; `for_good` ends the session as well.
    pub(crate) fn detach(&mut self, socket: u64, for_good: bool) {
        let on_socket =
            |session: &Session| session.link.as_ref().is_some_and(|(number, _)| *number == socket);
        if for_good {
            self.sessions.retain(|_, session| !on_socket(session));
        }
        for session in self.sessions.values_mut().filter(|session| on_socket(session)) {
            session.link = None;
            session.detached_at = Some(Instant::now());
        }
    }

    /// Returns the session on a socket.
    pub(crate) fn session_on(&self, socket: u64) -> Option<&Session> {
        let on_socket =
            |session: &&Session| session.link.as_ref().is_some_and(|(number, _)| *number == socket);
        self.sessions.values().find(on_socket)
    }

    /// Sends an event to the session on one socket only.
    pub(crate) fn answer(&mut self, socket: u64, name: &str, data: &Value) {
        let on_socket =
            |session: &&mut Session| session.link.as_ref().is_some_and(|(number, _)| *number == socket);
        if let Some(session) = self.sessions.values_mut().find(on_socket) {
            session.push(name, data);
        }
    }

    /// Tells whether any session has a socket.
    pub(crate) fn is_online(&self) -> bool {
        self.sessions.values().any(|session| session.link.is_some())
    }

    /// Tells every connected session's socket.
    pub(crate) fn tell_all(&self, what: &Outgoing) {
        for session in self.sessions.values() {
            session.tell(what.clone());
        }
    }

    /// Asks every connected client to reconnect and resume.
    pub(crate) fn ask_to_reconnect(&self) {
        let payload = json!({"op": op::RECONNECT, "d": null}).to_string();
        self.tell_all(&Outgoing::Payload(payload.into()));
    }

    /// Ends every session and says so to those connected.
    pub(crate) fn invalidate_all(&mut self) {
        let payload: Arc<str> = json!({"op": op::INVALID_SESSION, "d": false}).to_string().into();
        self.tell_all(&Outgoing::Payload(payload));
        self.invalidated += self.sessions.len();
        self.sessions.clear();
    }

    /// Counts an INVALID_SESSION sent.
    pub(crate) fn count_invalid(&mut self) {
        self.invalidated += 1;
    }

    /// Returns how many INVALID_SESSIONs were sent.
    pub(crate) fn invalidated(&self) -> usize {
        self.invalidated
    }

    fn drop_stale(&mut self) {
        let stale = |session: &Session| session.detached_at.is_some_and(|at| at.elapsed() > RESUMABLE);
        self.sessions.retain(|_, session| !stale(session));
    }
}
