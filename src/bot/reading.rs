//! Comments are read one after the other, on a blocking thread: a model may take seconds, and it is there once.

use std::sync::Arc;
use std::time::Duration;

use tastemaker_preference::{CommentedImage, ExtractError, Extraction, Extractor};
use thiserror::Error;
use tokio::sync::Mutex;
use tokio::task::{JoinError, spawn_blocking};

/// Says why a comment was not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It took longer than the configuration allows.
    #[error("not read within {} s (preference.reading_timeout_s)", within.as_secs())]
    TimedOut {
        /// What it was given.
        within: Duration,
    },
    /// The extractor reported an error.
    #[error(transparent)]
    Extract(#[from] ExtractError),
    /// The extractor panicked.
    #[error("the extractor broke: {0}")]
    Broke(#[from] JoinError),
    /// The image of the comment cannot be decoded.
    #[error("the image of the comment cannot be decoded: {0}")]
    Image(#[from] image::ImageError),
}

/// Reads comments with the extractor of the configuration, in the order they come.
pub struct CommentReader {
    extractor: Arc<dyn Extractor>,
    turn: Arc<Mutex<()>>,
    timeout: Duration,
}

impl CommentReader {
    /// Makes a reader that gives up a comment after `timeout`, waiting for those before it included.
    pub fn new(extractor: Arc<dyn Extractor>, timeout: Duration) -> Self {
        Self {
            extractor,
            turn: Arc::default(),
            timeout,
        }
    }

    /// Names the extractor as the configuration does.
    pub fn name(&self) -> &'static str {
        self.extractor.name()
    }

    /// Reads a comment. `picture` is the image's file, which is decoded only for an extractor that looks at it.
    ///
    /// A comment that was given up while it was read still ends before the next begins.
    ///
    /// # Errors
    /// When it takes too long, or with the extractor's.
    pub async fn read(
        &self,
        mut comment: CommentedImage,
        picture: Option<Arc<[u8]>>,
    ) -> Result<Extraction, ReadError> {
        let read = async {
            let turn = Arc::clone(&self.turn).lock_owned().await;
            let extractor = Arc::clone(&self.extractor);
            let task = spawn_blocking(move || {
                let _turn = turn;
                if let Some(bytes) = picture.filter(|_| extractor.sees_images()) {
                    comment.picture = Some(Arc::new(image::load_from_memory(&bytes)?.into_rgb8()));
                }
                Ok(extractor.extract(&comment)?)
            });
            task.await?
        };
        let within = self.timeout;
        tokio::time::timeout(within, read)
            .await
            .map_err(|_| ReadError::TimedOut { within })?
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tastemaker_preference::LexiconExtractor;

    use super::*;

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

    fn slow(timeout: Duration) -> (CommentReader, mpsc::Sender<()>) {
        let (sender, receiver) = mpsc::channel();
        let extractor = Slow {
            let_go: std::sync::Mutex::new(receiver),
            reading: AtomicUsize::new(0),
        };
        (CommentReader::new(Arc::new(extractor), timeout), sender)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn comments_are_read_one_after_the_other() {
        let (reader, go) = slow(Duration::from_secs(600));
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        let read = |text: &str| reader.read(CommentedImage::of_text(text), None);
        let (first, second, third) = tokio::join!(read("love the fog"), read("hm"), read("too dark"));
        assert_eq!(first.unwrap().liked[0].attribute, "foggy atmosphere");
        assert!(second.unwrap().is_empty());
        assert_eq!(third.unwrap().disliked[0].attribute, "dark lighting");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_comment_that_takes_too_long_is_given_up_and_the_next_one_waits_for_its_end() {
        let (reader, go) = slow(Duration::from_millis(1));
        let late = reader.read(CommentedImage::of_text("love the fog"), None).await;
        assert!(matches!(late, Err(ReadError::TimedOut { .. })), "{late:?}");
        let next = CommentReader {
            timeout: Duration::from_secs(600),
            ..reader
        };
        go.send(()).unwrap();
        go.send(()).unwrap();
        assert!(next.read(CommentedImage::of_text("fog"), None).await.is_ok());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_image_is_decoded_only_for_those_who_look_at_it() {
        let reader = CommentReader::new(Arc::new(LexiconExtractor::embedded()), Duration::from_secs(600));
        let broken = Some(Arc::from(&b"no picture"[..]));
        let read = reader.read(CommentedImage::of_text("love the fog"), broken).await;
        assert!(read.is_ok(), "{read:?}");
    }
}
