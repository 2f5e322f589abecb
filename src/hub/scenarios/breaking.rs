use super::*;
use crate::fake::{Fault, hashes, model};

#[tokio::test]
async fn a_broken_transfer_goes_on_from_where_it_broke() {
    let bench = Bench::new().await;
    bench.server.fail(UNET, [Fault::Cut(100_000), Fault::Cut(50_000)]);
    let diary = Diary::default();
    let pulled = bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
    let asked = |from: u32| Some(format!("bytes={from}-"));
    assert_eq!(bench.server.ranges(), [None, asked(100_000), asked(150_000)]);
    assert!(diary.has(&format!("{UNET} again")), "{:?}", diary.lines());
    assert_eq!(bench.partial(), None);
}

#[tokio::test]
async fn a_later_run_goes_on_from_what_an_earlier_one_left() {
    let bench = Bench::new().await;
    bench.server.fail(
        UNET,
        [Fault::Cut(120_000), Fault::Cut(0), Fault::Cut(0), Fault::Cut(0)],
    );
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(
        error.contains(UNET) && error.contains("goes on from there"),
        "{error}"
    );
    assert!(!error.contains("Signature"), "{error}");
    assert!(bench.partial().unwrap() == bench.unet[..120_000]);
    bench.server.state().faults.clear();

    let diary = Diary::default();
    let pulled = bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    assert!(diary.has(&format!("{UNET} from 120000")), "{:?}", diary.lines());
    assert_eq!(
        bench.server.ranges().last().unwrap().as_deref(),
        Some("bytes=120000-")
    );
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
}

#[tokio::test]
async fn a_stopped_download_goes_on_from_there() {
    let bench = Bench::new().await;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    struct StopAt(Mutex<Option<tokio::sync::oneshot::Sender<()>>>);
    impl Progress for StopAt {
        fn on(&self, event: Event<'_>) {
            if matches!(event, Event::Advanced { path: UNET, .. })
                && let Some(stop) = self.0.lock().unwrap().take()
            {
                let _ = stop.send(());
            }
        }
    }
    // The rest of the first answer never comes.
    bench.server.fail(UNET, [Fault::Stall(70_000)]);
    let watcher = StopAt(Mutex::new(Some(stop)));
    tokio::select! {
        ended = async { bench.hub().pull(&model(&ALL), false, &watcher).await } => panic!("{ended:?}"),
        _ = stopped => {}
    }
    let diary = Diary::default();
    let pulled = bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
}

#[tokio::test]
async fn a_wrong_content_never_looks_whole() {
    let bench = Bench::new().await;
    bench.server.fail(UNET, [Fault::Garbled]);
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(error.contains(UNET) && error.contains("SHA-256 is"), "{error}");
    assert!(error.contains(&hashes(&bench.unet).sha256), "{error}");
    assert!(!bench.blob(&bench.unet).exists());
    assert_eq!(bench.partial(), None);
    bench.pull(&model(&ALL)).await.unwrap();
}

#[tokio::test]
async fn a_wrong_small_file_is_found_by_gits_hash() {
    let bench = Bench::new().await;
    bench.server.fail(INDEX, [Fault::Garbled]);
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(error.contains(INDEX) && error.contains("Git hash"), "{error}");
}

#[tokio::test]
async fn damaged_leftovers_are_replaced_without_being_asked() {
    let bench = Bench::new().await;
    let partial = bench.blob(&bench.unet).with_extension("incomplete");
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    fs::write(&partial, vec![7; 1000]).unwrap();
    let diary = Diary::default();
    let pulled = bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
    assert!(
        diary.has(&format!("{UNET} without {}", bench.unet.len())),
        "{:?}",
        diary.lines()
    );
}

#[tokio::test]
async fn leftovers_longer_than_the_file_are_discarded() {
    let bench = Bench::new().await;
    let partial = bench.blob(&bench.unet).with_extension("incomplete");
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    fs::write(&partial, vec![7; bench.unet.len() + 1]).unwrap();
    let pulled = bench.pull(&model(&ALL)).await.unwrap();
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
    assert_eq!(bench.server.ranges(), [None]);
}

#[tokio::test]
async fn a_server_without_ranges_sends_all_again() {
    let bench = Bench::new().await;
    bench.server.fail(UNET, [Fault::Cut(100_000), Fault::Whole]);
    let pulled = bench.pull(&model(&ALL)).await.unwrap();
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
}

#[tokio::test]
async fn more_bytes_than_announced_are_not_taken() {
    let bench = Bench::new().await;
    bench.server.fail(UNET, [Fault::Longer]);
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(error.contains(UNET) && error.contains("size"), "{error}");
    assert_eq!(bench.partial(), None);
}

#[tokio::test]
async fn a_busy_hub_is_asked_again() {
    let bench = Bench::new().await;
    bench
        .server
        .fail("listing", [Fault::Status(429), Fault::Status(503)]);
    bench.server.fail(UNET, [Fault::Status(503)]);
    let diary = Diary::default();
    bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    assert!(diary.has("owner/tiny again") && diary.has(&format!("{UNET} again")));

    bench.server.fail(
        "listing",
        [Fault::Status(503), Fault::Status(503), Fault::Status(503)],
    );
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(
        error.contains("503") && error.contains("/api/models/owner/tiny"),
        "{error}"
    );
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_named() {
    let bench = Bench::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let options = HubOptions {
        endpoint: format!("http://{closed}"),
        ..bench.options()
    };
    let error = message(
        Hub::new(&options)
            .unwrap()
            .pull(&model(&ALL), false, &Silent)
            .await,
    );
    assert!(
        error.contains(&closed.to_string()) && error.contains("refused"),
        "{error}"
    );
}
