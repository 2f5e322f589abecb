use super::*;
use crate::fake::model;

#[tokio::test]
async fn another_process_that_downloads_the_same_file_is_waited_for() {
    let bench = Bench::new().await;
    let hash = crate::fake::hashes(&bench.unet).sha256;
    let locks = bench.folder.path().join("hub/.locks/models--owner--tiny");
    fs::create_dir_all(&locks).unwrap();
    let lock = fs::File::create(locks.join(format!("{hash}.lock"))).unwrap();
    lock.lock().unwrap();
    /// The other process: when this one has begun to wait, it puts the file there and lets go of the lock.
    struct Other {
        lock: Mutex<Option<fs::File>>,
        blob: PathBuf,
        content: Vec<u8>,
        diary: Diary,
    }
    impl Progress for Other {
        fn on(&self, event: Event<'_>) {
            if let Event::Waiting { .. } = event {
                fs::write(&self.blob, &self.content).unwrap();
                drop(self.lock.lock().unwrap().take());
            }
            self.diary.on(event);
        }
    }
    fs::create_dir_all(bench.blob(&[]).parent().unwrap()).unwrap();
    let other = Other {
        lock: Mutex::new(Some(lock)),
        blob: bench.blob(&bench.unet),
        content: bench.unet.clone(),
        diary: Diary::default(),
    };
    let pulled = bench.hub().pull(&model(&ALL), false, &other).await.unwrap();
    assert!(
        other.diary.has(&format!("waiting for {UNET}")),
        "{:?}",
        other.diary.lines()
    );
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
    assert!(bench.server.ranges().is_empty());
}

#[tokio::test]
async fn two_downloads_at_once_share_the_work() {
    let bench = Bench::new().await;
    let (first, second) = (bench.hub(), bench.hub());
    let model = model(&ALL);
    let (a, b) = tokio::join!(
        first.pull(&model, false, &Silent),
        second.pull(&model, false, &Silent)
    );
    assert!(fs::read(a.unwrap().folder.join(UNET)).unwrap() == bench.unet);
    assert!(fs::read(b.unwrap().folder.join(UNET)).unwrap() == bench.unet);
    assert_eq!(bench.server.ranges().len(), 1);
}
