//! Keeps the answer of one job up to date until its end.

use std::time::Duration;

use image::RgbImage;
use tastemaker_pool::{JobError, JobEvent, JobEvents, LongText, Picture};
use tastemaker_storage::JobState;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep_until};

use super::answer::{Answer, Post};
use super::render::{self, Task};
use super::{pictures, records};
use crate::bot::context::App;

/// Says how a job ended.
#[derive(Debug)]
pub(super) enum End {
    /// With its pictures.
    Finished {
        /// In the order of their seeds.
        pictures: Vec<Picture>,
        /// Time the drawing took.
        elapsed: Duration,
        /// Texts that are longer than the model reads at once.
        long_texts: Vec<LongText>,
    },
    /// Without them.
    Failed(JobError),
    /// By somebody's wish.
    Cancelled,
    /// Not yet: the pool was drained, and the job goes on after the next start.
    Kept,
}

/// Is what there is to show, the latest only.
struct News {
    post: Post,
    preview: Option<RgbImage>,
}

/// Shows every piece of news of a job, at most one in an edit interval, and returns how the job ended.
///
/// The end itself is not shown: that is [`deliver`](super::deliver)'s part, or nobody's, when a newer job takes over
/// the answer.
pub(super) async fn follow(app: &App, task: &mut Task, answer: &mut Answer, mut events: JobEvents) -> End {
    let mut news: Option<News> = None;
    let mut due = Instant::now();
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            () = sleep_until(due), if news.is_some() => {
                if let Some(latest) = news.take() {
                    show(app, task, answer, latest).await;
                    due = Instant::now() + app.config.edit_interval;
                }
                continue;
            }
        };
        match event {
            None => return End::Kept,
            Some(JobEvent::Finished {
                pictures,
                elapsed,
                long_texts,
            }) => {
                return End::Finished {
                    pictures,
                    elapsed,
                    long_texts,
                };
            }
            Some(JobEvent::Failed(error)) => return End::Failed(error),
            Some(JobEvent::Cancelled) => return End::Cancelled,
            Some(JobEvent::Queued { position, eta }) => {
                news = Some(News {
                    post: render::queued(task, position, eta),
                    preview: None,
                });
            }
            Some(JobEvent::Started) => {
                task.record.state = JobState::Running;
                records::save(app, &task.record).await;
                news = Some(News {
                    post: render::drawing(task, 0, task.record.job.request.steps_taken()),
                    preview: None,
                });
            }
            Some(JobEvent::Progress { done, total, preview }) => {
                // A preview not shown yet is still the latest one.
                let preview = preview.or_else(|| news.take().and_then(|unread| unread.preview));
                news = Some(News {
                    post: render::drawing(task, done, total),
                    preview,
                });
            }
        }
    }
}

/// Shows one piece of news. News that cannot be shown is no reason to stop drawing.
async fn show(app: &App, task: &mut Task, answer: &mut Answer, news: News) {
    let News { mut post, preview } = news;
    if let Some(picture) = preview {
        match spawn_blocking(move || pictures::preview(&picture)).await {
            Ok(Ok(file)) => post.files = Some(vec![file]),
            Ok(Err(error)) => {
                tracing::warn!(job = task.record.job.id, %error, "a preview could not be encoded")
            }
            Err(error) => tracing::warn!(job = task.record.job.id, %error, "a preview could not be encoded"),
        }
    }
    if let Err(error) = answer.update(&app.http, &post).await {
        tracing::debug!(job = task.record.job.id, %error, "progress could not be shown");
    }
    // Known from the first edit on: with it, the job finds its answer after a restart.
    let message = answer.message().map(|message| message.get());
    if message.is_some() && message != task.record.message {
        task.record.message = message;
        records::save(app, &task.record).await;
    }
}
