//! Step-level batching against one picture at a time: the same mixed queue through the same pool, once with one slot and
//! once with more. Six people ask over time for pictures of different step counts, samplers and conditioning modes.
//!
//! `cargo bench --bench batching` (on the embedded model, or the manifest that `TASTEMAKER_MODEL__NAME` names)
//!
//! Gaps between requests are drawn once, from an exponential distribution whose mean is what the requested pictures take
//! alone divided by the load, so a faster machine gets a faster queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tastemaker::config::{Config, Sources};
use tastemaker::engine;
use tastemaker_pool::{ImageRequest, Job, JobEvent, WorkerPool};

/// Requests of one run.
const JOBS: u64 = 20;
/// People who ask.
const PEOPLE: u64 = 6;
/// How much more is asked for than one picture at a time can give.
const LOADS: [f64; 2] = [0.8, 1.5];
/// Pictures denoised together.
const SLOTS: [usize; 2] = [1, 4];
const STEPS: [u32; 4] = [2, 4, 8, 12];
const SCHEDULERS: [&str; 5] = ["ddim", "euler_a", "dpmpp_2m_karras", "unipc", "dpmpp_2m_sde"];

/// What one job went through.
struct Served {
    wait: Duration,
    total: Duration,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // Tests of all targets start this too, and want to see only that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let mut config = Config::load(&Sources::usual(None, None))?;
    config.pool.waiting_per_user = JOBS as usize;
    config.pool.preview_every = 0;
    let requests = requests(&config)?;
    let alone = alone(&config, &requests).await?;
    println!(
        "{JOBS} requests, {} pictures; alone they take {:.1} s",
        pictures(&requests),
        alone.as_secs_f64()
    );
    println!("| load | slots | pictures/s | mean batch | wait p50 | wait p95 | total p50 | total p95 |");
    println!("|---|---|---|---|---|---|---|---|");
    for load in LOADS {
        let gaps = gaps(alone.div_f64(load * JOBS as f64));
        for slots in SLOTS {
            config.pool.max_slots = slots;
            let pool = pool(&config).await?;
            let begun = Instant::now();
            let mut served = serve(&pool, &requests, &gaps).await?;
            let rate = pictures(&requests) as f64 / begun.elapsed().as_secs_f64();
            let counters = pool.status().counters;
            let batch = counters.slot_steps as f64 / counters.joint_steps.max(1) as f64;
            print!("| {load} | {slots} | {rate:.2} | {batch:.2} ");
            for of in [|it: &Served| it.wait, |it: &Served| it.total] {
                served.sort_by_key(of);
                for share in [0.50, 0.95] {
                    let index = ((served.len() as f64 * share).ceil() as usize).clamp(1, served.len()) - 1;
                    print!("| {:.2} s ", of(&served[index]).as_secs_f64());
                }
            }
            println!("|");
            pool.drain(Duration::from_secs(10)).await;
        }
    }
    Ok(())
}

fn pictures(requests: &[ImageRequest]) -> u64 {
    requests.iter().map(|request| u64::from(request.count)).sum()
}

/// The mixed queue, the same in every run.
fn requests(config: &Config) -> anyhow::Result<Vec<ImageRequest>> {
    let plain = engine::manifest(config)?.defaults("");
    let mut rng = StdRng::seed_from_u64(7);
    let subjects = [
        "a lighthouse",
        "a cat",
        "a mountain lake",
        "a city at night",
        "a tree",
    ];
    let requests = (0..JOBS).map(|seed| ImageRequest {
        prompt: subjects[rng.random_range(0..subjects.len())].to_owned(),
        negative: String::new(),
        vp_plus: "watercolor, soft light".to_owned(),
        vp_minus: "neon".to_owned(),
        beta: 0.6,
        conditioning: if rng.random_bool(0.2) {
            "guidance"
        } else {
            "embedding"
        }
        .to_owned(),
        seed: 100 * seed,
        picks: Vec::new(),
        noise: plain.noise.to_string(),
        steps: STEPS[rng.random_range(0..STEPS.len())],
        guidance: plain.guidance,
        guidance_rescale: plain.guidance_rescale,
        scheduler: SCHEDULERS[rng.random_range(0..SCHEDULERS.len())].to_owned(),
        width: plain.width as u32,
        height: plain.height as u32,
        count: if rng.random_bool(0.25) { 2 } else { 1 },
        variations: Vec::new(),
        source: None,
        hires: None,
    });
    Ok(requests.collect())
}

/// Time from the start to each request.
fn gaps(mean: Duration) -> Vec<Duration> {
    let mut rng = StdRng::seed_from_u64(8);
    let mut at = Duration::ZERO;
    (0..JOBS)
        .map(|_| {
            let now = at;
            at += mean.mul_f64(-(1.0 - rng.random::<f64>()).ln());
            now
        })
        .collect()
}

async fn pool(config: &Config) -> anyhow::Result<WorkerPool> {
    let manifest = engine::manifest(config)?;
    let pool = engine::start_pool(config, &manifest, &Arc::default())?;
    pool.ready().await?;
    Ok(pool)
}

/// How long the requests take one after the other, with nothing between them.
async fn alone(config: &Config, requests: &[ImageRequest]) -> anyhow::Result<Duration> {
    let mut config = config.clone();
    config.pool.max_slots = 1;
    let pool = pool(&config).await?;
    let begun = Instant::now();
    serve(&pool, requests, &vec![Duration::ZERO; requests.len()]).await?;
    let took = begun.elapsed();
    pool.drain(Duration::from_secs(10)).await;
    Ok(took)
}

/// Puts each request to the pool when its time has come, and waits for all.
async fn serve(
    pool: &WorkerPool,
    requests: &[ImageRequest],
    times: &[Duration],
) -> anyhow::Result<Vec<Served>> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for ((id, request), time) in (0..).zip(requests).zip(times) {
        tokio::time::sleep_until((begun + *time).into()).await;
        let mut handle = pool.submit(Job {
            id,
            user: id % PEOPLE,
            guild: None,
            request: request.clone(),
        })?;
        let submitted = Instant::now();
        tasks.push(tokio::spawn(async move {
            let mut wait = None;
            while let Some(event) = handle.events.next().await {
                if !matches!(event, JobEvent::Queued { .. }) {
                    wait.get_or_insert_with(|| submitted.elapsed());
                }
                if event.is_final() {
                    ensure!(matches!(event, JobEvent::Finished { .. }), "{event:?}");
                    let (wait, total) = (wait.unwrap_or_default(), submitted.elapsed());
                    return Ok(Served { wait, total });
                }
            }
            anyhow::bail!("a job had no end")
        }));
    }
    let mut served = Vec::new();
    for task in tasks {
        served.push(task.await.context("a listener panicked")??);
    }
    Ok(served)
}
