use super::*;
use crate::fake::{Fault, model, part};

fn with_token(bench: &Bench, token: &str) -> Hub {
    let options = HubOptions {
        token: Some(token.to_owned().into()),
        ..bench.options()
    };
    Hub::new(&options).unwrap()
}

#[tokio::test]
async fn a_gated_repository_says_what_to_accept_and_to_set() {
    let bench = Bench::new().await;
    bench.server.state().gate = Some("hf_right".to_owned());
    let error = message(bench.pull(&model(&ALL)).await);
    let page = format!("{}/owner/tiny", bench.server.endpoint);
    assert!(
        error.contains("accept the licence") && error.contains(&page) && error.contains("HF_TOKEN"),
        "{error}"
    );

    let hub = with_token(&bench, "hf_other");
    let error = message(hub.pull(&model(&ALL), false, &Silent).await);
    assert!(
        error.contains("no access yet") && !error.contains("hf_other"),
        "{error}"
    );

    let hub = with_token(&bench, "hf_right");
    hub.pull(&model(&ALL), false, &Silent).await.unwrap();
}

#[tokio::test]
async fn the_token_goes_to_the_hub_and_nowhere_else() {
    let bench = Bench::new().await;
    bench.server.state().gate = Some("hf_right".to_owned());
    bench.server.fail(UNET, [Fault::Cut(1000)]);
    let hub = with_token(&bench, "hf_right");
    hub.pull(&model(&ALL), false, &Silent).await.unwrap();
    let state = bench.server.state();
    let (cdn, own): (Vec<_>, Vec<_>) = state.seen.iter().partition(|seen| seen.cdn);
    assert!(
        own.iter()
            .all(|seen| seen.authorization.as_deref() == Some("Bearer hf_right"))
    );
    assert_eq!(cdn.len(), 2);
    assert!(cdn.iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn a_token_that_cannot_be_one_is_refused_without_being_shown() {
    let bench = Bench::new().await;
    let options = HubOptions {
        token: Some("hf_secret\nX: y".to_owned().into()),
        ..bench.options()
    };
    let error = Hub::new(&options).err().unwrap().to_string();
    assert!(
        error.contains("HF_TOKEN") && !error.contains("hf_secret"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_is_not_there_is_named_with_the_most_similar_one() {
    let bench = Bench::new().await;
    let error = message(bench.pull(&model(&[INDEX, "unet/w.fp16.safetensors"])).await);
    assert!(
        error.contains("unet/w.fp16.safetensors") && error.contains(UNET),
        "{error}"
    );
    assert!(bench.server.ranges().is_empty());
}

#[tokio::test]
async fn a_repository_or_revision_that_is_not_there_is_named() {
    let bench = Bench::new().await;
    let mut other = part(&ALL);
    other.repo = "owner/other".to_owned();
    let other = Model::new("other", vec![other]).unwrap();
    let error = message(bench.pull(&other).await);
    assert!(
        error.contains("owner/other") && error.contains("does not exist"),
        "{error}"
    );
    let error = message(with_token(&bench, "hf_x").pull(&other, false, &Silent).await);
    assert!(
        error.contains("owner/other") && error.contains("misspelt"),
        "{error}"
    );

    let mut old = part(&ALL);
    old.revision = "v9".to_owned();
    let error = message(bench.pull(&Model::new("tiny", vec![old]).unwrap()).await);
    assert!(error.contains("`v9`"), "{error}");
}

#[tokio::test]
async fn a_revision_may_be_a_branch_with_slashes_or_a_commit() {
    let bench = Bench::new().await;
    for revision in ["refs/pr/1", crate::fake::COMMIT] {
        let mut part = part(&ALL);
        part.revision = revision.to_owned();
        let model = Model::new("tiny", vec![part]).unwrap();
        let pulled = bench.pull(&model).await.unwrap();
        assert_eq!(
            bench.hub().cache().state(&model),
            crate::State::Here(pulled.folder)
        );
    }
}

#[tokio::test]
async fn a_refusal_of_the_other_server_is_its_own() {
    let bench = Bench::new().await;
    bench.server.fail(UNET, [Fault::Status(403)]);
    let error = message(bench.pull(&model(&ALL)).await);
    assert!(
        error.contains("/cdn/") && error.contains("403") && !error.contains("Signature"),
        "{error}"
    );
}

#[tokio::test]
async fn a_server_that_is_no_hub_is_told_apart() {
    let bench = Bench::new().await;
    // The second server has none of the hub's routes.
    let options = HubOptions {
        endpoint: bench.server.state().cdn.clone(),
        ..bench.options()
    };
    let result = Hub::new(&options)
        .unwrap()
        .pull(&model(&ALL), false, &Silent)
        .await;
    assert!(matches!(result, Err(HubError::RepoNotFound { .. })), "{result:?}");
}
