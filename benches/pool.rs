//! What the pool costs beside the drawing: admission, queueing, positions, and acknowledging a burst of requests.
//!
//! `cargo bench -p tastemaker-pool`

use std::hint::black_box;
use std::time::Duration;

use divan::{Bencher, counter::ItemsCount};
use image::RgbImage;
use tastemaker_pool::{
    Backend, BackendError, Clock, ImageRequest, Job, JobQueue, LimitOptions, Limits, LongText, Picture,
    PoolOptions, Progress, Rate, WorkerPool,
};

fn main() {
    divan::main();
}

/// Fills a queue with jobs of two pictures from a quarter as many users.
fn filled(jobs: usize) -> JobQueue {
    let mut queue = JobQueue::new(jobs + 1, jobs);
    for id in 0..jobs as u64 {
        let pushed = queue.push(id, id % (jobs as u64 / 4).max(1), 2);
        assert!(pushed.is_ok(), "{pushed:?}");
    }
    queue
}

#[divan::bench(args = [16, 64, 256, 1024])]
fn queue_push_and_pop_everything(bencher: Bencher, jobs: usize) {
    bencher.counter(ItemsCount::new(jobs)).bench(|| {
        let mut queue = filled(jobs);
        while let Some(ticket) = queue.pop() {
            black_box(ticket);
        }
    });
}

#[divan::bench(args = [16, 64, 256, 1024])]
fn queue_positions_of_all(bencher: Bencher, jobs: usize) {
    let queue = filled(jobs);
    bencher
        .counter(ItemsCount::new(jobs))
        .bench(|| queue.positions().last());
}

#[divan::bench(args = [16, 64, 256, 1024])]
fn queue_cancel_in_the_middle(bencher: Bencher, jobs: usize) {
    bencher
        .with_inputs(|| filled(jobs))
        .bench_refs(|queue| queue.remove(jobs as u64 / 2));
}

#[divan::bench(args = [1, 1_000, 100_000])]
fn admission_with_people_remembered(bencher: Bencher, people: u64) {
    let options = LimitOptions {
        user: Rate::new(1_000_000, Duration::from_millis(1)),
        guild: Rate::new(1_000_000, Duration::from_millis(1)),
        global: Rate::new(1_000_000, Duration::from_nanos(1)),
    };
    let mut limits = Limits::new(&options, &Clock::system());
    let mut next = 0;
    bencher.bench_local(|| {
        next = (next + 1) % people;
        limits.admit(next, Some(next % 100))
    });
}

/// Is a device that never gets anywhere, so that everything asked of the pool meets a busy one.
struct Busy;

impl Backend for Busy {
    type Slot = ();

    fn warm_up(&mut self) -> Result<(), BackendError> {
        Ok(())
    }

    fn start(&mut self, _: &ImageRequest, _: u8) -> Result<(), BackendError> {
        Ok(())
    }

    fn long_texts(&mut self, _request: &ImageRequest) -> Result<Vec<LongText>, BackendError> {
        Ok(Vec::new())
    }

    fn step(&mut self, _: &mut [&mut ()]) -> Result<(), BackendError> {
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }

    fn row_pixels(&self, (): &()) -> u64 {
        1
    }

    fn progress(&self, (): &()) -> Progress {
        Progress { done: 0, total: 1 }
    }

    fn preview(&mut self, (): &()) -> Result<RgbImage, BackendError> {
        Ok(RgbImage::new(1, 1))
    }

    fn finish(&mut self, (): ()) -> Result<Picture, BackendError> {
        Ok(Picture::Clear(RgbImage::new(1, 1)))
    }
}

/// Admits, submits and cancels each of so many requests while the device is busy and the queue grows: the part of an
/// acknowledgement that the pool is answerable for.
#[divan::bench(args = [1, 64, 200], sample_count = 20)]
fn burst_of_requests_on_a_busy_device(bencher: Bencher, requests: u64) {
    let options = PoolOptions {
        queue_capacity: 1_000,
        waiting_per_user: 1_000,
        limits: LimitOptions::unlimited(),
        ..PoolOptions::default()
    };
    let pool = WorkerPool::start(vec![Box::new(|| Ok(Busy))], options);
    bencher.counter(ItemsCount::new(requests)).bench_local(|| {
        let handles: Vec<_> = (0..requests)
            .map(|id| {
                let admitted = pool.admit(id % 50, None);
                assert!(admitted.is_ok(), "{admitted:?}");
                pool.submit(Job {
                    id,
                    user: id % 50,
                    guild: None,
                    request: request(),
                })
            })
            .collect();
        for id in 0..requests {
            pool.cancel(id);
        }
        handles
    });
}

fn request() -> ImageRequest {
    ImageRequest {
        prompt: "a lighthouse at dusk".to_owned(),
        negative: String::new(),
        vp_plus: "soft light, watercolour".to_owned(),
        vp_minus: "neon".to_owned(),
        beta: 0.6,
        conditioning: "embedding".to_owned(),
        seed: 1,
        picks: Vec::new(),
        noise: "portable".to_owned(),
        steps: 20,
        guidance: 5.0,
        guidance_rescale: 0.0,
        scheduler: "ddim".to_owned(),
        width: 128,
        height: 128,
        count: 1,
        variations: Vec::new(),
        source: None,
        hires: None,
    }
}
