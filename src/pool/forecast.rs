//! How long things take: measured, then reckoned ahead.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use crate::JobId;

/// Weight of the newest measurement: a change of load shows within about ten steps, one slow step hardly.
const NEWEST: f64 = 0.2;

/// Remembers how long joint steps and pictures take, by batch size and picture size.
#[derive(Debug, Default)]
pub(crate) struct Speed {
    /// Seconds of a joint step per pixel of its (mean) picture; index `n - 1` for a batch of `n`.
    step: Vec<Option<f64>>,
    /// Seconds per pixel that a picture takes beside its steps: encoding the prompt, decoding the latent.
    overhead: Option<f64>,
}

impl Speed {
    /// Learns from a joint step over `batch` pictures of `pixels` pixels on average.
    pub(crate) fn stepped(&mut self, batch: usize, pixels: f64, took: Duration) {
        if batch == 0 || pixels <= 0.0 {
            return;
        }
        if self.step.len() < batch {
            self.step.resize(batch, None);
        }
        learn(&mut self.step[batch - 1], took.as_secs_f64() / pixels);
    }

    /// Learns from the time that beginning and finishing one picture took.
    pub(crate) fn finished(&mut self, pixels: f64, took: Duration) {
        if pixels > 0.0 {
            learn(&mut self.overhead, took.as_secs_f64() / pixels);
        }
    }

    /// Tells whether anything was measured.
    pub(crate) fn is_known(&self) -> bool {
        self.step.iter().any(Option::is_some)
    }

    /// Reckons the time of `steps` steps and the finish of one picture in a batch of `batch`.
    ///
    /// `None` before anything was measured. Beginning and finishing hold up the whole batch, and in one picture's
    /// time each of the others does so once.
    pub(crate) fn picture(&self, steps: u32, pixels: u64, batch: usize) -> Option<Duration> {
        let step = self.step_at(batch)?;
        let overhead = self.overhead.unwrap_or(0.0) * batch.max(1) as f64;
        Duration::try_from_secs_f64(pixels as f64 * (f64::from(steps) * step + overhead)).ok()
    }

    /// Returns the step time at a batch size, from the nearest one measured. A larger batch is taken to cost in
    /// proportion, a smaller one as much: wrong only towards the pleasant surprise.
    fn step_at(&self, batch: usize) -> Option<f64> {
        let measured = self
            .step
            .iter()
            .zip(1_usize..)
            .filter_map(|(step, n)| step.map(|step| (n, step)));
        let (n, step) = measured.min_by_key(|(n, _)| n.abs_diff(batch))?;
        Some(if batch > n {
            step * batch as f64 / n as f64
        } else {
            step
        })
    }
}

fn learn(known: &mut Option<f64>, measured: f64) {
    *known = Some(known.map_or(measured, |known| known + NEWEST * (measured - known)));
}

/// Reckons when each waiting job will be ready.
///
/// `busy` holds the time after which each occupied slot is free, `free` counts the unoccupied ones, `waiting` the
/// pictures in service order with the time each takes. Each picture goes to the slot that is free first, as the
/// workers do it; a job is ready when its last picture is.
pub(crate) fn ready_times(
    busy: impl IntoIterator<Item = Duration>,
    free: usize,
    waiting: impl IntoIterator<Item = (JobId, Duration)>,
) -> HashMap<JobId, Duration> {
    let idle = std::iter::repeat_n(Duration::ZERO, free);
    let mut slots: BinaryHeap<_> = busy.into_iter().chain(idle).map(Reverse).collect();
    let mut ready: HashMap<JobId, Duration> = HashMap::new();
    for (id, takes) in waiting {
        let Some(Reverse(free_at)) = slots.pop() else {
            break;
        };
        let done = free_at.saturating_add(takes);
        slots.push(Reverse(done));
        let last = ready.entry(id).or_default();
        *last = (*last).max(done);
    }
    ready
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_is_promised_before_anything_was_measured() {
        assert_eq!(Speed::default().picture(20, 1000, 1), None);
    }

    #[test]
    fn a_picture_takes_its_steps_and_the_finishing_of_its_batch() {
        let mut speed = Speed::default();
        speed.stepped(2, 100.0, secs(3));
        speed.finished(100.0, secs(5));
        assert_eq!(speed.picture(10, 100, 2), Some(secs(10 * 3 + 2 * 5)));
        assert_eq!(
            speed.picture(10, 200, 2),
            Some(secs(2 * (10 * 3 + 2 * 5))),
            "twice the pixels"
        );
    }

    #[test]
    fn an_unmeasured_batch_is_never_reckoned_faster_than_the_nearest_measured() {
        let mut speed = Speed::default();
        speed.stepped(2, 1.0, secs(4));
        assert_eq!(speed.picture(1, 1, 4), Some(secs(8)));
        assert_eq!(speed.picture(1, 1, 1), Some(secs(4)));
        speed.stepped(4, 1.0, secs(5));
        assert_eq!(speed.picture(1, 1, 4), Some(secs(5)), "measured now");
    }

    #[test]
    fn one_slow_step_moves_the_estimate_little_and_many_move_it_all_the_way() {
        let mut speed = Speed::default();
        speed.stepped(1, 1.0, secs(1));
        speed.stepped(1, 1.0, secs(11));
        assert_eq!(speed.picture(1, 1, 1), Some(secs(3)));
        for _ in 0..100 {
            speed.stepped(1, 1.0, secs(11));
        }
        let settled = speed.picture(1, 1, 1).unwrap().as_secs_f64();
        assert!((settled - 11.0).abs() < 1e-6);
    }

    #[test]
    fn pictures_go_to_the_slot_that_is_free_first() {
        let waiting = [(1, secs(10)), (2, secs(10)), (3, secs(10))];
        let ready = ready_times([secs(4), secs(7)], 1, waiting);
        // Job 1 takes the idle slot, job 2 the one free after 4 s, job 3 the one free after 7 s.
        assert_eq!(
            ready,
            HashMap::from([(1, secs(10)), (2, secs(14)), (3, secs(17))])
        );
    }

    #[test]
    fn a_job_is_ready_when_its_last_picture_is() {
        let ready = ready_times([], 1, [(1, secs(5)), (2, secs(5)), (1, secs(5))]);
        assert_eq!(ready, HashMap::from([(1, secs(15)), (2, secs(10))]));
    }

    #[test]
    fn without_a_slot_there_is_no_estimate() {
        assert!(ready_times([], 0, [(1, secs(5))]).is_empty());
    }
}
