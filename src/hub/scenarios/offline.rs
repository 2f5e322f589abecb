use super::*;
use crate::cache::State;
use crate::fake::{model, part};

fn offline(bench: &Bench) -> Hub {
    let options = HubOptions {
        offline: true,
        ..bench.options()
    };
    Hub::new(&options).unwrap()
}

#[tokio::test]
async fn what_is_here_needs_no_network() {
    let bench = Bench::new().await;
    let pulled = bench.pull(&model(&ALL)).await.unwrap();
    let requests = bench.server.requests();
    let again = offline(&bench).pull(&model(&ALL), false, &Silent).await.unwrap();
    assert_eq!((again.folder, again.downloaded), (pulled.folder, 0));
    assert_eq!(bench.server.requests(), requests);
}

#[tokio::test]
async fn what_is_missing_is_listed() {
    let bench = Bench::new().await;
    let error = message(offline(&bench).pull(&model(&ALL), false, &Silent).await);
    assert!(
        error.contains(INDEX) && error.contains(UNET) && error.contains("HF_HUB_OFFLINE"),
        "{error}"
    );
    bench.pull(&model(&[INDEX])).await.unwrap();
    let error = message(offline(&bench).pull(&model(&ALL), false, &Silent).await);
    assert!(!error.contains(INDEX) && error.contains(UNET), "{error}");
    assert_eq!(
        bench.hub().cache().state(&model(&ALL)),
        State::Incomplete(vec![UNET.to_owned()])
    );
}

#[tokio::test]
async fn a_composed_checkpoint_whose_files_are_here_is_laid_out() {
    let bench = Bench::new().await;
    bench.pull(&model(&ALL)).await.unwrap();
    let mut own = part(&ALL);
    own.files[0].place = "other.json".to_owned();
    let composed = Model::new("composed", vec![own]).unwrap();
    assert_eq!(
        bench.hub().cache().state(&composed),
        State::Incomplete(Vec::new())
    );
    let pulled = offline(&bench).pull(&composed, false, &Silent).await.unwrap();
    assert_eq!(fs::read(pulled.folder.join("other.json")).unwrap(), b"{}");
    assert_eq!(bench.hub().cache().state(&composed), State::Here(pulled.folder));
}

#[tokio::test]
async fn a_truncated_file_is_not_here() {
    let bench = Bench::new().await;
    bench.pull(&model(&ALL)).await.unwrap();
    fs::write(bench.blob(&bench.unet), &bench.unet[..9]).unwrap();
    assert_eq!(
        bench.hub().cache().state(&model(&ALL)),
        State::Incomplete(vec![UNET.to_owned()])
    );
}
