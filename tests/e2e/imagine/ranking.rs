//! ♥ and ✗ under pictures, and what the bot makes of them.

use serde_json::json;
use tastemaker_sandbox::User;
use tastemaker_sandbox::model::Message;

use super::{eventually, person};
use crate::support::{Acts, World};

/// How many pictures a person has marked: liked, disliked.
fn marked(world: &World, user: &User) -> (usize, usize) {
    world.bot().app().store.context_size(user.id().get()).unwrap()
}

/// What *Why this image?* says.
async fn why(user: &User, picture: &Message) -> String {
    let told = |message: &Message| !message.embeds.is_empty() && message.text().contains("Made with");
    user.click_until(picture, "Why this image?", told).await.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn marked_pictures_choose_the_next_ones() {
    let mut world = World::with(|config| config.generation.best_of = 3).await;
    let ada = person(&world, "Ada", &["watercolour"], &["neon colours"]).await;
    let dm = ada.dm();
    let mut pictures = Vec::new();
    for seed in 1..=4 {
        let options = json!({"prompt": "a lighthouse", "seed": seed});
        pictures.push(ada.imagine(dm, options).await);
    }
    let text = why(&ada, &pictures[0]).await;
    assert!(
        text.contains("Nothing was ranked") && text.contains("there are 0 and 0"),
        "{text}"
    );

    for (at, emoji) in ["❤️", "❤️", "❌", "❌"].into_iter().enumerate() {
        ada.react(&pictures[at], emoji).unwrap();
    }
    eventually("four marks", || marked(&world, &ada) == (2, 2)).await;
    ada.unreact(&pictures[3], "❌").unwrap();
    eventually("a mark taken back", || marked(&world, &ada) == (2, 1)).await;
    ada.react(&pictures[3], "❌").unwrap();
    eventually("and given again", || marked(&world, &ada) == (2, 2)).await;
    // The marks on a picture itself do not count for its own score.
    let text = why(&ada, &pictures[0]).await;
    assert!(
        text.contains("Nothing was ranked") && text.contains("there are 1 and 2"),
        "{text}"
    );

    world.restart_bot().await;
    let drawn = |world: &World| world.bot().app().pool.status().counters.pictures;
    let before = drawn(&world);
    let best = ada
        .imagine(dm, json!({"prompt": "a lighthouse", "seed": 10, "count": 2}))
        .await;
    assert_eq!((drawn(&world) - before, best.attachments.len()), (6, 2));
    assert!(best.content.contains("The best 2 of 6"), "{}", best.content);
    let store = world.bot().app().store.clone();
    let job = store.job_of_message(best.id.get()).unwrap().unwrap();
    let record = store.job(job).unwrap().unwrap();
    let ranking = record.ranking.unwrap();
    assert_eq!(
        (record.job.request.count, ranking.scores.len(), ranking.liked),
        (2, 2, 2)
    );
    assert!(ranking.scores[0] >= ranking.scores[1]);
    assert!(
        store.image(job, 2).unwrap().is_none(),
        "what is not shown is not kept"
    );
    let text = why(&ada, &best).await;
    assert!(
        text.contains("Used to choose") && text.contains("I drew 6 pictures"),
        "{text}"
    );

    // A picture that was deleted is not learned from either.
    ada.click_until(&pictures[1], "Delete", |message| {
        message.content.contains("Deleted")
    })
    .await;
    assert_eq!(marked(&world, &ada), (1, 2));
    world.finish().await;
}
