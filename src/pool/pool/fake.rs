//! A backend without a device: tests let it step, see every call it gets, and choose what goes wrong.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::Duration;

use image::{Rgb, RgbImage};

use crate::{
    Backend, BackendError, BackendFactory, ImageRequest, Job, JobId, LongText, Picture, Progress,
    RequestText, UserId,
};

/// Long enough that only a hang reaches it.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Words of a prompt that the fake reads at once.
pub(super) const WORDS_READ: usize = 3;

/// Is a call that a worker made. Pictures go by their seed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Made {
        worker: usize,
    },
    Start {
        seed: u64,
    },
    /// Seeds in the joint step, and whether it succeeded.
    Step {
        seeds: Vec<u64>,
        ok: bool,
    },
    Preview {
        seed: u64,
    },
    Finish {
        seed: u64,
    },
    Dropped {
        seed: u64,
    },
}

/// Is a test's hold on all fake backends of one pool.
#[derive(Clone)]
pub(super) struct Stage(Arc<(Mutex<Rules>, Condvar)>, mpsc::Sender<Call>);

/// Says what goes wrong.
#[derive(Default)]
pub(super) struct Rules {
    /// Steps that may be taken; `None` for any number.
    pub(super) permits: Option<usize>,
    /// A clock's hand that each step moves by one.
    pub(super) hand: Option<Arc<AtomicU64>>,
    /// Pictures that fit into memory jointly.
    pub(super) memory: Option<usize>,
    /// Steps until the device is lost, once.
    pub(super) lose_in: Option<usize>,
    /// Seeds whose decoding runs out of memory, once each.
    pub(super) oom_finish: HashSet<u64>,
    /// How often making a backend fails first.
    pub(super) broken_builds: usize,
    pub(super) build_is_invalid: bool,
}

/// Sees the calls.
pub(super) struct Calls(mpsc::Receiver<Call>);

impl Calls {
    /// Returns the next call.
    pub(super) fn next(&self) -> Call {
        self.0.recv_timeout(PATIENCE).expect("a call in time")
    }

    /// Returns the next call that fits.
    pub(super) fn find(&self, fits: impl Fn(&Call) -> bool) -> Call {
        std::iter::repeat_with(|| self.next())
            .find(|call| fits(call))
            .expect("calls have no end")
    }

    /// Returns the seeds of the next joint step that succeeded.
    pub(super) fn step(&self) -> Vec<u64> {
        match self.find(|call| matches!(call, Call::Step { ok: true, .. })) {
            Call::Step { seeds, .. } => seeds,
            _ => Vec::new(),
        }
    }

    /// Returns the calls so far.
    pub(super) fn so_far(&self) -> Vec<Call> {
        self.0.try_iter().collect()
    }
}

impl Stage {
    pub(super) fn new() -> (Self, Calls) {
        let (sender, receiver) = mpsc::channel();
        (Self(Arc::default(), sender), Calls(receiver))
    }

    /// Makes a stage on which no step is taken until it is allowed.
    pub(super) fn halted() -> (Self, Calls) {
        let (stage, calls) = Self::new();
        stage.rules().permits = Some(0);
        (stage, calls)
    }

    pub(super) fn rules(&self) -> MutexGuard<'_, Rules> {
        self.0.0.lock().expect("no test panics with the rules in hand")
    }

    /// Allows some more joint steps.
    pub(super) fn allow(&self, steps: usize) {
        let mut rules = self.rules();
        rules.permits = rules.permits.map(|permits| permits + steps);
        drop(rules);
        self.0.1.notify_all();
    }

    /// Allows any number of steps.
    pub(super) fn open(&self) {
        self.rules().permits = None;
        self.0.1.notify_all();
    }

    pub(super) fn backends(&self, workers: usize) -> Vec<BackendFactory<Fake>> {
        let factory = |worker| -> BackendFactory<Fake> {
            let stage = self.clone();
            Box::new(move || {
                let mut rules = stage.rules();
                if rules.build_is_invalid {
                    return Err(BackendError::invalid("no such model"));
                }
                if rules.broken_builds > 0 {
                    rules.broken_builds -= 1;
                    return Err(BackendError::failed("no device yet"));
                }
                drop(rules);
                stage.tell(Call::Made { worker });
                Ok(Fake(stage.clone()))
            })
        };
        (0..workers).map(factory).collect()
    }

    fn tell(&self, call: Call) {
        // A test that no longer looks is none of the backend's business.
        let _unread = self.1.send(call);
    }

    fn wait_for_permit(&self) -> MutexGuard<'_, Rules> {
        let rules = self.rules();
        let mut rules = self
            .0
            .1
            .wait_while(rules, |rules| rules.permits == Some(0))
            .expect("the rules are sound");
        rules.permits = rules.permits.map(|permits| permits - 1);
        rules
    }
}

pub(super) struct Fake(Stage);

pub(super) struct Slot {
    seed: u64,
    prompt: String,
    row_pixels: u64,
    progress: Progress,
    stage: Stage,
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.stage.tell(Call::Dropped { seed: self.seed });
    }
}

/// Does what a prompt such as `panic in step` says.
fn obey(prompt: &str, place: &str) -> Result<(), BackendError> {
    match prompt.split_once(" in ") {
        Some(("panic", where_)) if where_ == place => panic!("as asked, in {place}"),
        Some(("fail", where_)) if where_ == place => Err(BackendError::failed("as asked")),
        Some(("invalid", where_)) if where_ == place => Err(BackendError::invalid("as asked")),
        _ => Ok(()),
    }
}

impl Backend for Fake {
    type Slot = Slot;

    fn warm_up(&mut self) -> Result<(), BackendError> {
        Ok(())
    }

    fn start(&mut self, request: &ImageRequest, picture: u8) -> Result<Slot, BackendError> {
        let seed = request.seed_of(picture);
        self.0.tell(Call::Start { seed });
        obey(&request.prompt, "start")?;
        let progress = Progress {
            done: 0,
            total: request.steps,
        };
        Ok(Slot {
            seed,
            prompt: request.prompt.clone(),
            row_pixels: request.pixels() * if request.conditioning == "embedding" { 2 } else { 4 },
            progress,
            stage: self.0.clone(),
        })
    }

    /// Reads as many words of a prompt at once as [`WORDS_READ`] says.
    fn long_texts(&mut self, request: &ImageRequest) -> Result<Vec<LongText>, BackendError> {
        obey(&request.prompt, "reading")?;
        let beyond: Vec<&str> = request.prompt.split(' ').skip(WORDS_READ).collect();
        let long = LongText {
            text: RequestText::Prompt,
            beyond: beyond.join(" "),
            unused: String::new(),
        };
        Ok(if beyond.is_empty() { Vec::new() } else { vec![long] })
    }

    fn step(&mut self, slots: &mut [&mut Slot]) -> Result<(), BackendError> {
        let seeds: Vec<u64> = slots.iter().map(|slot| slot.seed).collect();
        let mut rules = self.0.wait_for_permit();
        if let Some(hand) = &rules.hand {
            hand.fetch_add(1, Ordering::Relaxed);
        }
        let fits = rules.memory.is_none_or(|memory| slots.len() <= memory);
        rules.lose_in = rules.lose_in.and_then(|steps| steps.checked_sub(1));
        let lost = rules.lose_in == Some(0);
        if lost {
            rules.lose_in = None;
        }
        drop(rules);
        let mut result = Ok(());
        if lost {
            result = Err(BackendError::lost("unplugged"));
        } else if !fits {
            result = Err(BackendError::out_of_memory(format!("{} pictures", slots.len())));
        } else if slots.iter().any(|slot| slot.prompt == "panic in step") {
            self.0.tell(Call::Step { seeds, ok: false });
            panic!("as asked, in step");
        } else {
            for slot in slots.iter_mut() {
                // Those before the one at fault have taken their step.
                result = obey(&slot.prompt, "step");
                if result.is_err() {
                    break;
                }
                slot.progress.done += 1;
            }
        }
        self.0.tell(Call::Step {
            seeds,
            ok: result.is_ok(),
        });
        result
    }

    fn row_pixels(&self, slot: &Slot) -> u64 {
        slot.row_pixels
    }

    fn progress(&self, slot: &Slot) -> Progress {
        slot.progress
    }

    fn preview(&mut self, slot: &Slot) -> Result<RgbImage, BackendError> {
        self.0.tell(Call::Preview { seed: slot.seed });
        obey(&slot.prompt, "preview")?;
        Ok(picture(slot.seed))
    }

    fn finish(&mut self, slot: Slot) -> Result<Picture, BackendError> {
        self.0.tell(Call::Finish { seed: slot.seed });
        obey(&slot.prompt, "finish")?;
        if self.0.rules().oom_finish.remove(&slot.seed) {
            return Err(BackendError::out_of_memory("decoding"));
        }
        assert!(slot.progress.is_finished(), "a picture left too early");
        Ok(Picture::Clear(picture(slot.seed)))
    }
}

/// Is the picture that the fake draws for a seed.
pub(super) fn picture(seed: u64) -> RgbImage {
    RgbImage::from_pixel(2, 2, Rgb([seed.to_le_bytes()[0], seed.to_le_bytes()[1], 7]))
}

/// Makes a request for `count` pictures of three steps, with seeds `1000 * id` and up.
pub(super) fn job(id: JobId, user: UserId, count: u8, prompt: &str) -> Job {
    let request = ImageRequest {
        prompt: prompt.to_owned(),
        negative: String::new(),
        vp_plus: String::new(),
        vp_minus: String::new(),
        beta: 0.5,
        conditioning: "embedding".to_owned(),
        seed: 1000 * id,
        picks: Vec::new(),
        noise: "portable".to_owned(),
        steps: 3,
        guidance: 5.0,
        guidance_rescale: 0.0,
        scheduler: "ddim".to_owned(),
        width: 64,
        height: 64,
        count,
        variations: Vec::new(),
        source: None,
        hires: None,
    };
    Job {
        id,
        user,
        guild: None,
        request,
    }
}
