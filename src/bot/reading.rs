//! Comments are read one after the other, on a blocking thread: a model may take seconds, and it is there once.

use std::sync::Arc;
use std::time::Duration;

use tastemaker_preference::{Cancel, CommentedImage, ExtractError, Extraction, Extractor};
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use super::turnstile::{Interrupted, Turnstile};

/// Says why a comment was not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It took longer than the configuration allows, was cancelled, or panicked.
    #[error("reading: {0} (preference.reading_timeout_s, together_timeout_s)")]
    Interrupted(#[from] Interrupted),
    /// The extractor reported an error.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The image of the comment cannot be decoded.
    #[error("the image of the comment cannot be decoded: {0}")]
    Image(#[from] image::ImageError),
}

/// What reading may take, waiting for what is read before included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadingTimes {
    /// One comment.
    pub one: Duration,
    /// All comments of a round together.
    pub together: Duration,
}

/// A comment, and the file of the image that it is about.
pub type WithPicture = (CommentedImage, Option<Arc<[u8]>>);

/// Reads comments with the extractor of the configuration, in the order they come.
pub struct CommentReader {
    extractor: Arc<dyn Extractor>,
    turns: Turnstile,
    times: ReadingTimes,
}

impl CommentReader {
    /// Makes a reader that gives up what takes longer than `times`, and everything when `stopping` is cancelled.
    pub fn new(extractor: Arc<dyn Extractor>, times: ReadingTimes, stopping: CancellationToken) -> Self {
        Self {
            extractor,
            turns: Turnstile::new(stopping),
            times,
        }
    }

    /// Names the extractor as the configuration does.
    pub fn name(&self) -> &'static str {
        self.extractor.name()
    }

    /// Tells whether comments are better read together than alone.
    pub fn reads_together(&self) -> bool {
        self.extractor.sees_images()
    }

    /// Reads a person's comment. The image's file is decoded only for an extractor that looks at it.
    ///
    /// A comment that was given up while it was read still ends before the next begins.
    ///
    /// # Errors
    /// When it takes too long or is interrupted, or with the extractor's.
    pub async fn read(&self, user: u64, comment: WithPicture) -> Result<Extraction, ReadError> {
        let mut read = self.pass(user, vec![comment], self.times.one).await?;
        Ok(read.pop().unwrap_or_default())
    }

    /// Reads all comments of a person together; what was found comes in their order.
    ///
    /// # Errors
    /// When it takes too long or is interrupted, or with the extractor's.
    pub async fn read_together(
        &self,
        user: u64,
        comments: Vec<WithPicture>,
    ) -> Result<Vec<Extraction>, ReadError> {
        self.pass(user, comments, self.times.together).await
    }

    async fn pass(
        &self,
        user: u64,
        comments: Vec<WithPicture>,
        within: Duration,
    ) -> Result<Vec<Extraction>, ReadError> {
        let extractor = Arc::clone(&self.extractor);
        let read = move |cancel: &Cancel| {
            let sees = extractor.sees_images();
            let decoded = comments.into_iter().map(|(mut comment, file)| {
                if let Some(bytes) = file.filter(|_| sees) {
                    comment.picture = Some(Arc::new(image::load_from_memory(&bytes)?.into_rgb8()));
                }
                Ok(comment)
            });
            let comments = decoded.collect::<Result<Vec<_>, image::ImageError>>()?;
            Ok(extractor.extract_until(&comments, cancel)?)
        };
        self.turns.pass(user, within, read).await?
    }

    /// Ends what is being read of a person's; tells whether there was anything.
    pub fn interrupt(&self, user: u64) -> bool {
        self.turns.interrupt(user)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tastemaker_preference::LexiconExtractor;

    use super::*;

    const LONG: Duration = Duration::from_secs(600);

    /// Reads each comment only when it is let, and counts those it reads at the same time.
    struct Slow {
        let_go: std::sync::Mutex<mpsc::Receiver<()>>,
        reading: AtomicUsize,
    }

    impl Extractor for Slow {
        fn name(&self) -> &'static str {
            "slow"
        }

        fn extract(&self, comment: &CommentedImage) -> Result<Extraction, ExtractError> {
            assert_eq!(self.reading.fetch_add(1, Ordering::SeqCst), 0, "two at once");
            let_go(&self.let_go);
            self.reading.fetch_sub(1, Ordering::SeqCst);
            LexiconExtractor::embedded().extract(comment)
        }
    }

    fn let_go(receiver: &std::sync::Mutex<mpsc::Receiver<()>>) {
        receiver.lock().unwrap().recv().unwrap();
    }

    fn reader(extractor: impl Extractor + 'static, one: Duration) -> CommentReader {
        let times = ReadingTimes { one, together: LONG };
        CommentReader::new(Arc::new(extractor), times, CancellationToken::new())
    }

    fn slow(one: Duration) -> (CommentReader, mpsc::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        let extractor = Slow {
            let_go: std::sync::Mutex::new(receiver),
            reading: AtomicUsize::new(0),
        };
        (reader(extractor, one), sender)
    }

    fn said(text: &str) -> WithPicture {
        (CommentedImage::of_text(text), None)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn comments_are_read_one_after_the_other() {
        let (reader, go) = slow(LONG);
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        let read = |text: &str| reader.read(1, said(text));
        let (first, second, third) = tokio::join!(read("love the fog"), read("hm"), read("too dark"));
        assert_eq!(first.unwrap().liked[0].attribute, "foggy atmosphere");
        assert!(second.unwrap().is_empty());
        assert_eq!(third.unwrap().disliked[0].attribute, "dark lighting");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_comment_that_takes_too_long_is_given_up_and_the_next_one_waits_for_its_end() {
        let (reader, go) = slow(Duration::from_millis(1));
        let late = reader.read(1, said("love the fog")).await;
        assert!(
            matches!(late, Err(ReadError::Interrupted(Interrupted::TimedOut { .. }))),
            "{late:?}"
        );
        go.send(()).unwrap();
        go.send(()).unwrap();
        let next = reader.read_together(1, vec![said("fog")]).await;
        assert!(next.is_ok(), "it has more time: {next:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn several_are_read_together_in_their_order() {
        let reader = reader(LexiconExtractor::embedded(), LONG);
        let comments = vec![said("love the fog"), said("hm"), said("too dark")];
        let read = reader.read_together(1, comments).await.unwrap();
        assert_eq!(read[0].liked[0].attribute, "foggy atmosphere");
        assert!(read[1].is_empty());
        assert_eq!(read[2].disliked[0].attribute, "dark lighting");
        assert!(!reader.reads_together() && !reader.interrupt(1));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_image_is_decoded_only_for_those_who_look_at_it() {
        let reader = reader(LexiconExtractor::embedded(), LONG);
        let (comment, _) = said("love the fog");
        let read = reader
            .read(1, (comment, Some(Arc::from(&b"no picture"[..]))))
            .await;
        assert!(read.is_ok(), "{read:?}");
    }
}
