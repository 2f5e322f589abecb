//! Numbers as people read them: a progress bar, a duration, a place in the queue.

use std::time::Duration;

/// Cells of the progress bar.
const CELLS: u64 = 16;

/// Draws `done` of `total` as a bar; it is full only when everything is done.
pub(super) fn bar(done: u32, total: u32) -> String {
    let filled = u64::from(done.min(total)) * CELLS / u64::from(total.max(1));
    (0..CELLS)
        .map(|cell| if cell < filled { '▰' } else { '▱' })
        .collect()
}

/// Writes a duration that was measured: "0.8 s", "42 s", "3 min 5 s".
pub(super) fn took(time: Duration) -> String {
    match time.as_secs() {
        0..10 => format!("{:.1} s", time.as_secs_f64()),
        seconds @ 10..60 => format!("{seconds} s"),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}

/// Writes a duration that was guessed, no more exactly than it is known: "about 20 s", "about 3 min".
pub(super) fn about(time: Duration) -> String {
    match time.as_secs() {
        0..5 => "a few seconds".to_owned(),
        seconds @ 5..60 => format!("about {} s", seconds.div_ceil(5) * 5),
        seconds => format!("about {} min", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_full_only_at_the_end() {
        assert_eq!(bar(0, 25), "▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱");
        assert_eq!(bar(24, 25).matches('▱').count(), 1);
        assert_eq!(bar(25, 25), "▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰▰");
        assert_eq!(bar(0, 0).chars().count(), 16);
    }

    #[test]
    fn durations_are_as_exact_as_they_are_known() {
        assert_eq!(took(Duration::from_millis(840)), "0.8 s");
        assert_eq!(took(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(about(Duration::from_secs(2)), "a few seconds");
        assert_eq!(about(Duration::from_secs(31)), "about 35 s");
        assert_eq!(about(Duration::from_secs(121)), "about 3 min");
    }
}
