//! What people read where a safety check found something in a picture: kindly, since it is often wrong.

use tastemaker_pool::Safety;
use tastemaker_storage::Receipt;

/// Says what was done to the pictures of a job, if anything was.
pub(super) fn note(receipt: Option<&Receipt>) -> Option<String> {
    let found = |safety| {
        receipt.map_or(0, |receipt| {
            receipt.safety.iter().filter(|it| **it == safety).count()
        })
    };
    let count = receipt.map_or(0, |receipt| receipt.safety.len());
    let which = |some: usize| match (some, count) {
        (1, 1) => "this picture".to_owned(),
        (some, all) if some == all => "these pictures".to_owned(),
        (1, _) => "one of these pictures".to_owned(),
        (some, _) => format!("{some} of these pictures"),
    };
    let lines: Vec<String> = [
        (
            Safety::Withheld,
            "so I keep that to myself. Other words may help, and so may *Again*.",
        ),
        (Safety::Blurred, "so that is blurred. *Again* may turn out clear."),
        (
            Safety::Spoiler,
            "so that waits behind a spoiler for those who want to see it.",
        ),
    ]
    .into_iter()
    .filter_map(|(safety, done)| {
        let some = found(safety);
        (some > 0).then(|| {
            format!(
                "A check found that {} might not be for everyone (it is cautious, and often wrong), {done}",
                which(some)
            )
        })
    })
    .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::super::render::tests::task;
    use super::*;

    fn told(safety: &[Safety]) -> Option<String> {
        let mut receipt = task(0.6).record.receipt.unwrap();
        receipt.safety = safety.to_vec();
        note(Some(&receipt))
    }

    #[test]
    fn nothing_found_is_nothing_said() {
        assert_eq!(told(&[]), None);
        assert_eq!(told(&[Safety::Clear; 2]), None);
        assert_eq!(note(None), None);
    }

    #[test]
    fn each_thing_done_is_said_with_how_many_it_was_done_to() {
        let withheld = told(&[Safety::Withheld]).unwrap();
        assert!(withheld.contains("that this picture might") && withheld.contains("to myself"));
        let both = told(&[Safety::Spoiler, Safety::Clear, Safety::Spoiler, Safety::Blurred]).unwrap();
        assert!(both.contains("2 of these pictures") && both.contains("one of these pictures"));
        assert!(told(&[Safety::Blurred; 2]).unwrap().contains("these pictures"));
    }
}
