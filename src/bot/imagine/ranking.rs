//! Pictures rated for a person, from those they marked with ♥ and ✗: to choose among more than are shown, and to say
//! afterwards what a picture was given.
//!
//! Reading pictures and rating them takes processor time, so all of it is done on blocking threads; rating has a limit, past
//! which pictures are shown unranked.

use std::io::Cursor;
use std::time::Duration;

use image::imageops::FilterType;
use image::{DynamicImage, ImageFormat, RgbImage};
use tastemaker_pool::{ImageRequest, JobId, Picture, Safety, SourceOf};
use tastemaker_preference::{Cancel, Metric, MetricError, Scorer};
use tastemaker_storage::{ContextPicture, JobOrigin, JobRecord, Mark, Ranking};
use tokio::task::spawn_blocking;

use super::pictures::Kept;
use crate::bot::context::App;
use crate::bot::errors::BotError;
use crate::bot::rater::RateError;
use crate::bot::turnstile::Interrupted;

/// Marked pictures on each side from which a taste is guessed. Fewer say next to nothing; `docs/metric.md`.
pub(super) const NEEDED: usize = 2;
/// Most pictures that one request draws, however many it shows.
const MOST_DRAWN: u8 = 16;
/// Longest side of a marked picture's copy, in pixels: what the largest metric looks at.
const COPY_SIDE: u32 = 448;

/// Says what is known of how much a person would like a job's pictures.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Rating {
    /// Nothing rates pictures here.
    Off,
    /// Too few pictures are marked.
    TooFew {
        /// With ♥.
        liked: usize,
        /// With ✗.
        disliked: usize,
    },
    /// The pictures are no longer there, or cannot be rated.
    Unknown,
    /// Rating took longer than this.
    OverTime(Duration),
    /// A score for each picture, 0 to 1.
    Scores(Vec<f32>),
}

/// Turns a request into one for more pictures than it asks for, where there is a metric and enough for it to go by.
///
/// # Errors
/// With the store's.
pub(super) async fn widen(
    app: &App,
    user: u64,
    origin: JobOrigin,
    request: &mut ImageRequest,
) -> Result<Option<Ranking>, BotError> {
    let Some(rater) = &app.rater else {
        return Ok(None);
    };
    let drawn = drawn(request, origin, app.config.generation.best_of);
    if drawn <= request.count {
        return Ok(None);
    }
    let (liked, disliked) = app.with_store(move |store| store.context_size(user)).await?;
    if liked < NEEDED || disliked < NEEDED {
        return Ok(None);
    }
    let ranking = Ranking {
        shown: request.count,
        drawn,
        metric: rater.name().to_owned(),
        scores: Vec::new(),
        liked,
        disliked,
        over_time_s: None,
    };
    request.count = drawn;
    Ok(Some(ranking))
}

/// How many pictures to draw: more only where they are new, and not one for each of another job's.
fn drawn(request: &ImageRequest, origin: JobOrigin, best_of: u8) -> u8 {
    let fresh = matches!(origin, JobOrigin::Imagine | JobOrigin::Again);
    let from_pictures = request
        .source
        .as_ref()
        .is_some_and(|source| matches!(source.of, SourceOf::Pictures(_)));
    if !fresh || from_pictures || !request.picks.is_empty() {
        return request.count;
    }
    request
        .count
        .saturating_mul(best_of)
        .min(MOST_DRAWN)
        .max(request.count)
}

/// Chooses the pictures to show and turns the record into that of those alone. Where they cannot be ranked, the first
/// ones are shown.
pub(super) async fn choose(app: &App, record: &mut JobRecord, pictures: Vec<Picture>) -> Vec<Picture> {
    let Some(ranking) = record.ranking.clone() else {
        return pictures;
    };
    if pictures.len() <= usize::from(ranking.shown) {
        // Chosen before, and drawn again.
        return pictures;
    }
    // What a check hid is not rated: nobody would see it.
    let images: Vec<Option<RgbImage>> = pictures
        .iter()
        .map(|picture| match picture.safety() {
            Safety::Clear | Safety::Spoiler => picture.image().cloned(),
            _ => None,
        })
        .collect();
    let mut over_time_s = None;
    let scores = match scores(app, record.job.user, images).await {
        Ok(Ok(scores)) => scores,
        Ok(Err(error)) => {
            over_time_s = over_time(&error).map(|within| within.as_secs());
            tracing::warn!(job = record.job.id, %error, "pictures are shown unranked");
            Vec::new()
        }
        Err(error) => {
            tracing::error!(job = record.job.id, %error, "pictures could not be ranked");
            Vec::new()
        }
    };
    let best = best(&scores, pictures.len(), usize::from(ranking.shown));
    let places: Vec<u8> = best.iter().filter_map(|at| u8::try_from(*at).ok()).collect();
    record.job.request.pick(&places);
    let given = |at: &usize| scores.get(*at).copied().flatten();
    record.ranking = Some(Ranking {
        // A picture that a check hid has no score, and then nor do the others: they stand in one row.
        scores: best.iter().map(given).collect::<Option<_>>().unwrap_or_default(),
        over_time_s,
        ..ranking
    });
    let mut pictures: Vec<Option<Picture>> = pictures.into_iter().map(Some).collect();
    best.iter().filter_map(|at| pictures[*at].take()).collect()
}

/// Rates pictures by all that a person marked.
async fn scores(
    app: &App,
    user: u64,
    images: Vec<Option<RgbImage>>,
) -> Result<Result<Vec<Option<f32>>, RateError>, BotError> {
    let Some(rater) = &app.rater else {
        return Ok(Ok(Vec::new()));
    };
    let context = app.with_store(move |store| store.context(user)).await?;
    let rated = rater.rate(user, move |metric, cancel| {
        let mut scorer = scorer(metric, &context, cancel)?;
        let mut score =
            |image: &Option<RgbImage>| image.as_ref().map(|image| scorer.score(image)).transpose();
        images.iter().map(&mut score).collect()
    });
    Ok(rated.await)
}

/// The time that rating was given, if it took longer.
fn over_time(error: &RateError) -> Option<Duration> {
    match error {
        RateError::Interrupted(Interrupted::TimedOut { within }) => Some(*within),
        _ => None,
    }
}

/// The places of the pictures to show, best first; those without a score come last, and equal ones in their order.
fn best(scores: &[Option<f32>], count: usize, shown: usize) -> Vec<usize> {
    let score = |at: &usize| scores.get(*at).copied().flatten().unwrap_or(f32::MIN);
    let mut places: Vec<usize> = (0..count).collect();
    places.sort_by(|a, b| score(b).total_cmp(&score(a)));
    places.truncate(shown);
    places
}

/// Rates the pictures of a job for its owner, as far as that can be done now. Marks on the pictures themselves do not
/// count: they would only be given back.
pub(super) async fn rate(app: &App, record: &JobRecord, kept: Option<Vec<Kept>>) -> Result<Rating, BotError> {
    let Some(rater) = &app.rater else {
        return Ok(Rating::Off);
    };
    let (user, job) = (record.job.user, record.job.id);
    let mut context = app.with_store(move |store| store.context(user)).await?;
    context.retain(|picture| picture.job != job);
    let count = |mark| context.iter().filter(|picture| picture.mark == mark).count();
    let (liked, disliked) = (count(Mark::Liked), count(Mark::Disliked));
    if liked < NEEDED || disliked < NEEDED {
        return Ok(Rating::TooFew { liked, disliked });
    }
    let Some(kept) = kept.filter(|kept| !kept.is_empty()) else {
        return Ok(Rating::Unknown);
    };
    let rated = rater.rate(user, move |metric, cancel| {
        let mut scorer = scorer(metric, &context, cancel)?;
        kept.iter()
            .map(|kept| scorer.score(&decoded(&kept.png)?))
            .collect()
    });
    Ok(match rated.await {
        Ok(scores) => Rating::Scores(scores),
        Err(error) => {
            tracing::warn!(job, %error, "pictures could not be rated");
            over_time(&error).map_or(Rating::Unknown, Rating::OverTime)
        }
    })
}

/// Marks the pictures of a job.
///
/// # Errors
/// With the store's.
pub(super) async fn mark(
    app: &App,
    user: u64,
    job: JobId,
    kept: Vec<Kept>,
    mark: Mark,
) -> Result<(), BotError> {
    let files = spawn_blocking(move || -> Result<Vec<(u8, Vec<u8>)>, MetricError> {
        kept.iter()
            .map(|kept| Ok((kept.index, copy(&kept.png)?)))
            .collect()
    });
    let files = files
        .await
        .map_err(BotError::internal)?
        .map_err(BotError::internal)?;
    app.with_store(move |store| store.mark(user, job, &files, mark))
        .await
}

/// A copy of a picture, no larger than a metric looks at and without what the file says of its making.
fn copy(png: &[u8]) -> Result<Vec<u8>, MetricError> {
    let picture = DynamicImage::from(decoded(png)?);
    let picture = if picture.width().max(picture.height()) > COPY_SIDE {
        picture.resize(COPY_SIDE, COPY_SIDE, FilterType::CatmullRom)
    } else {
        picture
    };
    let mut file = Cursor::new(Vec::new());
    picture
        .write_to(&mut file, ImageFormat::Png)
        .map_err(unreadable)?;
    Ok(file.into_inner())
}

fn scorer(
    metric: &dyn Metric,
    context: &[ContextPicture],
    cancel: &Cancel,
) -> Result<Box<dyn Scorer>, MetricError> {
    let side = |mark: Mark| -> Result<Vec<RgbImage>, MetricError> {
        // The latest first: a metric that takes fewer leaves out the oldest.
        let pictures = context.iter().rev().filter(|picture| picture.mark == mark);
        pictures.map(|picture| decoded(&picture.file)).collect()
    };
    metric.context_until(&side(Mark::Liked)?, &side(Mark::Disliked)?, cancel)
}

fn decoded(png: &[u8]) -> Result<RgbImage, MetricError> {
    let picture = image::load_from_memory_with_format(png, ImageFormat::Png).map_err(unreadable)?;
    Ok(picture.into_rgb8())
}

fn unreadable(error: image::ImageError) -> MetricError {
    MetricError::Failed {
        message: format!("a stored picture: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    #[test]
    fn more_are_drawn_only_where_they_are_new() {
        let mut request = task(0.6).record.job.request;
        request.count = 2;
        assert_eq!(drawn(&request, JobOrigin::Imagine, 1), 2);
        assert_eq!(drawn(&request, JobOrigin::Imagine, 3), 6);
        assert_eq!(drawn(&request, JobOrigin::Again, 8), MOST_DRAWN);
        for origin in [JobOrigin::Beta, JobOrigin::Vary, JobOrigin::Upscale] {
            assert_eq!(drawn(&request, origin, 4), 2);
        }
        request.picks = vec![3, 1];
        assert_eq!(drawn(&request, JobOrigin::Imagine, 4), 2);
    }

    #[test]
    fn the_best_are_shown_best_first_and_those_withheld_only_for_want_of_others() {
        let scores = [Some(0.2), None, Some(0.9), Some(0.5)];
        assert_eq!(best(&scores, 4, 2), [2, 3]);
        assert_eq!(best(&scores, 4, 4), [2, 3, 0, 1]);
        assert_eq!(best(&[], 4, 2), [0, 1], "not ranked");
    }

    #[test]
    fn picked_pictures_keep_their_seeds() {
        let mut request = task(0.6).record.job.request;
        request.count = 6;
        let seeds: Vec<u64> = [4, 1].map(|at| request.seed_of(at)).into();
        request.pick(&[4, 1]);
        assert_eq!(request.count, 2);
        assert_eq!((0..2).map(|at| request.seed_of(at)).collect::<Vec<_>>(), seeds);
        request.pick(&[1]);
        assert_eq!(request.seed_of(0), seeds[1]);
        request.picks.clear();
        request.count = 6;
        request.pick(&[0, 1]);
        assert!(request.picks.is_empty());
    }

    #[test]
    fn copies_are_small_and_say_nothing_of_their_making() {
        let large = DynamicImage::from(RgbImage::new(900, 450));
        let mut file = Cursor::new(Vec::new());
        large.write_to(&mut file, ImageFormat::Png).unwrap();
        let copy = decoded(&copy(&file.into_inner()).unwrap()).unwrap();
        assert_eq!(copy.dimensions(), (448, 224));
    }
}
