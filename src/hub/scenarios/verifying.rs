use super::*;
use crate::fake::{hashes, model};
use crate::verify::{Finding, Verdict, pins_of, verify, verify_folder};

fn verdict<'f>(findings: &'f [Finding], place: &str) -> &'f Verdict {
    &findings.iter().find(|it| it.place == place).unwrap().verdict
}

#[tokio::test]
async fn a_whole_checkpoint_is_whole_also_without_a_lock_file() {
    let bench = Bench::new().await;
    let (model, cache) = (model(&ALL), bench.hub().cache().clone());
    bench.pull(&model).await.unwrap();
    for _ in 0..2 {
        let findings = verify(&cache, &model, &Silent).unwrap();
        assert!(
            findings.iter().all(|it| it.verdict == Verdict::Whole),
            "{findings:?}"
        );
        // As after a download by Python: the cache's own names say the hashes.
        let _ = fs::remove_file(cache.pins_path(&model).unwrap());
    }
}

#[tokio::test]
async fn damaged_files_are_named_and_repaired() {
    let bench = Bench::new().await;
    let (model, cache) = (model(&ALL), bench.hub().cache().clone());
    bench.pull(&model).await.unwrap();
    let blob = bench.blob(&bench.unet);
    let mut damaged = bench.unet.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&blob, &damaged).unwrap();
    let findings = verify(&cache, &model, &Silent).unwrap();
    let expected = Verdict::Hash {
        kind: "SHA-256",
        expected: hashes(&bench.unet).sha256,
        found: hashes(&damaged).sha256,
    };
    assert_eq!(verdict(&findings, UNET), &expected);
    assert!(verdict(&findings, INDEX).is_good());

    bench.hub().pull(&model, true, &Silent).await.unwrap();
    assert!(fs::read(&blob).unwrap() == bench.unet);

    fs::write(&blob, &bench.unet[..1000]).unwrap();
    let findings = verify(&cache, &model, &Silent).unwrap();
    let (expected, found) = (bench.unet.len() as u64, 1000);
    assert_eq!(verdict(&findings, UNET), &Verdict::Size { expected, found });
    fs::remove_file(&blob).unwrap();
    let findings = verify(&cache, &model, &Silent).unwrap();
    assert_eq!(verdict(&findings, UNET), &Verdict::Missing);
    bench.pull(&model).await.unwrap();
    assert!(
        verify(&cache, &model, &Silent)
            .unwrap()
            .iter()
            .all(|it| it.verdict.is_good())
    );
}

#[test]
fn a_folder_of_ones_own_is_read_and_can_be_pinned() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("unet")).unwrap();
    let unet = weights(100);
    fs::write(folder.path().join(UNET), &unet).unwrap();
    fs::write(folder.path().join(INDEX), "{}").unwrap();
    let findings = verify_folder(folder.path(), None, &Silent).unwrap();
    assert!(findings.iter().all(|it| it.verdict == Verdict::Unpinned) && findings.len() == 2);
    let pins = pins_of(&findings);

    let mut damaged = unet.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(folder.path().join(UNET), damaged).unwrap();
    fs::remove_file(folder.path().join(INDEX)).unwrap();
    let findings = verify_folder(folder.path(), Some(&pins), &Silent).unwrap();
    assert!(
        matches!(verdict(&findings, UNET), Verdict::Hash { .. }),
        "{findings:?}"
    );
    assert_eq!(verdict(&findings, INDEX), &Verdict::Missing);
}

#[test]
fn truncated_weights_are_found_without_a_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("one.safetensors");
    fs::write(&path, &weights(100)[..120]).unwrap();
    let findings = verify_folder(&path, None, &Silent).unwrap();
    assert_eq!(findings.len(), 1);
    assert!(
        matches!(&findings[0].verdict, Verdict::Damaged(why) if why.contains("truncated")),
        "{findings:?}"
    );
}
