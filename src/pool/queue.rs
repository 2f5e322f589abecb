//! The order in which pictures are drawn: pure, synchronous, without time or threads.

use std::collections::{HashMap, VecDeque};

use crate::{JobId, Refusal, UserId};

/// Holds waiting jobs and hands out their pictures in turn.
///
/// A turn is one picture: users take turns round robin, and a user's own jobs and pictures come in the order they were
/// asked for. So four pictures of one person do not hold up the single picture of the next, and nobody starves.
/// A job stays in the queue until its last picture is handed out, and counts until then: the bound holds however
/// many jobs were begun.
#[derive(Debug)]
pub struct JobQueue {
    capacity: usize,
    per_user: usize,
    /// Users with something in the queue, next first.
    ring: VecDeque<UserId>,
    /// Each such user's jobs, next first; never empty.
    lanes: HashMap<UserId, VecDeque<Waiting>>,
    owners: HashMap<JobId, UserId>,
}

#[derive(Debug)]
struct Waiting {
    id: JobId,
    /// Pictures not handed out, next first; never empty.
    pictures: VecDeque<u8>,
    begun: bool,
}

/// Is the right to begin one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    /// The job.
    pub id: JobId,
    /// The picture, from 0.
    pub picture: u8,
    /// Whether it is the first of its job to be handed out.
    pub first: bool,
}

impl JobQueue {
    /// Makes an empty queue for `capacity` jobs in all and `per_user` of each person.
    pub fn new(capacity: usize, per_user: usize) -> Self {
        Self {
            capacity,
            per_user,
            ring: VecDeque::new(),
            lanes: HashMap::new(),
            owners: HashMap::new(),
        }
    }

    /// Puts a job of `pictures` pictures behind its user's others.
    ///
    /// # Errors
    /// [`Refusal::AlreadyKnown`], [`Refusal::TooManyWaiting`] or [`Refusal::QueueFull`], and nothing is changed.
    pub fn push(&mut self, id: JobId, user: UserId, pictures: u8) -> Result<(), Refusal> {
        if self.owners.contains_key(&id) {
            return Err(Refusal::AlreadyKnown { id });
        }
        // The person's own limit first: its answer tells them what they can do themselves.
        if self
            .lanes
            .get(&user)
            .is_some_and(|lane| lane.len() >= self.per_user)
            || self.per_user == 0
        {
            return Err(Refusal::TooManyWaiting { limit: self.per_user });
        }
        if self.owners.len() >= self.capacity {
            return Err(Refusal::QueueFull {
                capacity: self.capacity,
            });
        }
        if pictures > 0 {
            self.owners.insert(id, user);
            let waiting = Waiting {
                id,
                pictures: (0..pictures).collect(),
                begun: false,
            };
            match self.lanes.get_mut(&user) {
                Some(lane) => lane.push_back(waiting),
                None => {
                    self.lanes.insert(user, VecDeque::from([waiting]));
                    self.ring.push_back(user);
                }
            }
        }
        Ok(())
    }

    /// Puts a picture that was handed out back to the very front, since its turn has come before. No limit applies:
    /// the job was let in already.
    pub fn put_back(&mut self, id: JobId, user: UserId, picture: u8) {
        let lane = self.lanes.entry(user).or_default();
        match lane.iter_mut().find(|waiting| waiting.id == id) {
            Some(waiting) => {
                // Kept in order, so that several put back in any order are drawn as they were asked for.
                let place = waiting.pictures.partition_point(|other| *other < picture);
                waiting.pictures.insert(place, picture);
            }
            None => lane.push_front(Waiting {
                id,
                pictures: VecDeque::from([picture]),
                begun: true,
            }),
        }
        self.owners.insert(id, user);
        self.ring.retain(|other| *other != user);
        self.ring.push_front(user);
    }

    /// Hands out the next picture.
    pub fn pop(&mut self) -> Option<Ticket> {
        let user = self.ring.pop_front()?;
        let lane = self.lanes.get_mut(&user)?;
        let waiting = lane.front_mut()?;
        let ticket = Ticket {
            id: waiting.id,
            picture: waiting.pictures.pop_front()?,
            first: !waiting.begun,
        };
        waiting.begun = true;
        if waiting.pictures.is_empty() {
            lane.pop_front();
            self.owners.remove(&ticket.id);
        }
        if lane.is_empty() {
            self.lanes.remove(&user);
        } else {
            self.ring.push_back(user);
        }
        Some(ticket)
    }

    /// Takes a job out; false if it is not in the queue.
    pub fn remove(&mut self, id: JobId) -> bool {
        let Some(user) = self.owners.remove(&id) else {
            return false;
        };
        if let Some(lane) = self.lanes.get_mut(&user) {
            lane.retain(|waiting| waiting.id != id);
            if lane.is_empty() {
                self.lanes.remove(&user);
                self.ring.retain(|other| *other != user);
            }
        }
        true
    }

    /// Takes out every job that has not begun and returns them in the order they would have begun.
    pub fn remove_unbegun(&mut self) -> Vec<JobId> {
        let unbegun: Vec<JobId> = self.positions().map(|(id, _)| id).collect();
        for id in &unbegun {
            self.remove(*id);
        }
        unbegun
    }

    /// Returns the pictures left in the order they would be handed out if nothing else came.
    pub fn order(&self) -> impl Iterator<Item = Ticket> + '_ {
        let mut turns: VecDeque<_> = self
            .ring
            .iter()
            .filter_map(|user| self.lanes.get(user))
            .map(|lane| lane_order(lane).peekable())
            .collect();
        std::iter::from_fn(move || {
            let mut lane = turns.pop_front()?;
            let ticket = lane.next();
            if lane.peek().is_some() {
                turns.push_back(lane);
            }
            ticket
        })
    }

    /// Returns each job that has not begun with its position, from 1, in the order they would begin.
    pub fn positions(&self) -> impl Iterator<Item = (JobId, usize)> + '_ {
        self.order()
            .filter(|ticket| ticket.first)
            .zip(1..)
            .map(|(ticket, position)| (ticket.id, position))
    }

    /// Returns a job's position; `None` if it has begun or is not in the queue.
    pub fn position(&self, id: JobId) -> Option<usize> {
        self.positions()
            .find(|(other, _)| *other == id)
            .map(|(_, position)| position)
    }

    /// Returns the number of jobs with pictures left.
    pub fn len(&self) -> usize {
        self.owners.len()
    }

    /// Tells whether no picture is left.
    pub fn is_empty(&self) -> bool {
        self.owners.is_empty()
    }
}

fn lane_order(lane: &VecDeque<Waiting>) -> impl Iterator<Item = Ticket> + '_ {
    lane.iter().flat_map(|waiting| {
        waiting.pictures.iter().enumerate().map(|(nth, picture)| Ticket {
            id: waiting.id,
            picture: *picture,
            first: nth == 0 && !waiting.begun,
        })
    })
}

#[cfg(test)]
mod tests;
