use super::*;
use crate::cache::{Cache, State};
use crate::fake::{COMMIT, hashes, model, part};
use crate::model::RepoFile;

#[tokio::test]
async fn a_pulled_checkpoint_is_a_snapshot_as_python_lays_it_out() {
    let bench = Bench::new().await;
    let pulled = bench.pull(&model(&ALL)).await.unwrap();
    let repo = bench.folder.path().join("hub/models--owner--tiny");
    assert_eq!(pulled.folder, repo.join("snapshots").join(COMMIT));
    assert_eq!(pulled.downloaded, bench.unet.len() as u64 + 2);
    assert!(fs::read(pulled.folder.join(UNET)).unwrap() == bench.unet);
    assert_eq!(fs::read_to_string(repo.join("refs/main")).unwrap(), COMMIT);
    let git = hashes(b"{}").git.unwrap();
    assert_eq!(fs::read(repo.join("blobs").join(&git)).unwrap(), b"{}");
    #[cfg(unix)]
    {
        let link = fs::read_link(pulled.folder.join(INDEX)).unwrap();
        assert_eq!(link, PathBuf::from("../../blobs").join(git));
        let link = fs::read_link(pulled.folder.join(UNET)).unwrap();
        assert_eq!(
            link,
            PathBuf::from("../../../blobs").join(hashes(&bench.unet).sha256)
        );
    }
}

#[tokio::test]
async fn what_is_here_is_not_downloaded_again() {
    let bench = Bench::new().await;
    bench.pull(&model(&ALL)).await.unwrap();
    let contents = bench.server.ranges().len();
    let again = bench.pull(&model(&ALL)).await.unwrap();
    assert_eq!((again.downloaded, bench.server.ranges().len()), (0, contents));
}

#[tokio::test]
async fn a_moved_branch_brings_the_changed_file_alone() {
    let bench = Bench::new().await;
    let old = bench.pull(&model(&ALL)).await.unwrap();
    {
        let mut state = bench.server.state();
        state.commit = "f".repeat(40);
        state.files.insert(INDEX.to_owned(), b"{\"new\": 1}".to_vec());
    }
    let new = bench.pull(&model(&ALL)).await.unwrap();
    assert_eq!(new.downloaded, 10);
    assert_eq!(fs::read(new.folder.join(INDEX)).unwrap(), b"{\"new\": 1}");
    assert_eq!(fs::read(old.folder.join(INDEX)).unwrap(), b"{}");
    assert!(new.folder.join(UNET).is_file());
}

#[tokio::test]
async fn files_of_one_content_are_downloaded_once() {
    let bench = Bench::new().await;
    let unet = bench.unet.clone();
    bench
        .server
        .state()
        .files
        .insert("vae/w.safetensors".to_owned(), unet);
    let pulled = bench.pull(&model(&[UNET, "vae/w.safetensors"])).await.unwrap();
    assert_eq!(bench.server.ranges().len(), 1);
    assert_eq!(
        fs::read(pulled.folder.join("vae/w.safetensors")).unwrap(),
        bench.unet
    );
    let cache = Cache::new(bench.folder.path().join("hub"));
    assert_eq!(
        cache.size_on_disk(&model(&[UNET, "vae/w.safetensors"])),
        bench.unet.len() as u64
    );
}

#[tokio::test]
async fn a_composed_checkpoint_is_a_folder_of_links() {
    let bench = Bench::new().await;
    let fast = weights(500);
    bench
        .server
        .state()
        .files
        .insert("fast.safetensors".to_owned(), fast.clone());
    let mut own = part(&["fast.safetensors"]);
    own.files[0].place = UNET.to_owned();
    // The same repository stands for a second one here: its snapshot is another part all the same.
    let composed = Model::new("fast", vec![own, part(&ALL)]).unwrap();
    let pulled = bench.pull(&composed).await.unwrap();
    assert!(pulled.folder.ends_with("models--owner--tiny/tastemaker/fast"));
    assert_eq!(fs::read(pulled.folder.join(UNET)).unwrap(), fast);
    assert_eq!(fs::read(pulled.folder.join(INDEX)).unwrap(), b"{}");
    // The base's own file of that place was not wanted.
    assert_eq!(pulled.downloaded, fast.len() as u64 + 2);
    let cache = Cache::new(bench.folder.path().join("hub"));
    assert_eq!(cache.state(&composed), State::Here(pulled.folder));
}

#[tokio::test]
async fn a_cache_can_be_moved() {
    let bench = Bench::new().await;
    bench.pull(&model(&ALL)).await.unwrap();
    let moved = bench.folder.path().join("moved");
    fs::rename(bench.folder.path().join("hub"), &moved).unwrap();
    assert!(matches!(Cache::new(&moved).state(&model(&ALL)), State::Here(_)));
}

#[tokio::test]
async fn pins_of_the_manifest_are_compared_before_anything_comes() {
    let bench = Bench::new().await;
    let with = |size, sha256: Option<String>| {
        let mut part = part(&ALL);
        let file: &mut RepoFile = &mut part.files[1];
        (file.size, file.sha256) = (size, sha256);
        Model::new("tiny", vec![part]).unwrap()
    };
    let right = hashes(&bench.unet).sha256;
    let error = message(bench.pull(&with(Some(5), None)).await);
    assert!(
        error.contains(UNET) && error.contains("5 bytes") && error.contains("manifest"),
        "{error}"
    );
    let error = message(bench.pull(&with(None, Some("0".repeat(64)))).await);
    assert!(error.contains(&right) && error.contains("manifest"), "{error}");
    assert!(bench.server.ranges().is_empty());
    bench
        .pull(&with(Some(bench.unet.len() as u64), Some(right)))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_small_files_pin_is_compared_with_its_content() {
    let bench = Bench::new().await;
    let mut part = part(&ALL);
    part.files[0].sha256 = Some("0".repeat(64));
    let error = message(bench.pull(&Model::new("tiny", vec![part]).unwrap()).await);
    assert!(
        error.contains(INDEX) && error.contains(&hashes(b"{}").sha256),
        "{error}"
    );
}

#[tokio::test]
async fn sizes_and_hashes_are_written_down() {
    let bench = Bench::new().await;
    let model = model(&ALL);
    bench.pull(&model).await.unwrap();
    let cache = Cache::new(bench.folder.path().join("hub"));
    let pins = cache.pins(&model).unwrap().unwrap();
    assert_eq!(pins.files[0].sha256, hashes(b"{}").sha256);
    assert_eq!(pins.files[1].sha256, hashes(&bench.unet).sha256);
    assert_eq!(pins.files[1].size, bench.unet.len() as u64);
    assert_eq!(pins.files[1].source, Some(format!("owner/tiny@{COMMIT}")));
}

#[tokio::test]
async fn watchers_hear_of_every_byte() {
    #[derive(Default)]
    struct Sum(Mutex<u64>);
    impl Progress for Sum {
        fn on(&self, event: Event<'_>) {
            if let Event::Advanced { bytes, .. } = event {
                *self.0.lock().unwrap() += bytes;
            }
        }
    }
    let bench = Bench::new().await;
    let (sum, diary) = (Sum::default(), Diary::default());
    let pulled = bench.hub().pull(&model(&ALL), false, &sum).await.unwrap();
    assert_eq!(*sum.0.lock().unwrap(), pulled.downloaded);
    bench.hub().pull(&model(&ALL), false, &diary).await.unwrap();
    let all = bench.unet.len() + 2;
    assert_eq!(diary.lines(), [format!("2 files, {all} of {all}")]);
}
