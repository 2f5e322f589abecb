//! The arithmetic of β, the degree of personalisation.

/// Is what one reaction asks of β.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Step {
    /// More of the person's taste.
    Up,
    /// Less of it.
    Down,
    /// Exactly this much.
    To(f64),
}

impl Step {
    /// The reactions that the bot offers under a picture, in this order.
    pub(super) const OFFERED: [&'static str; 3] = ["➕", "➖", "0️⃣"];

    /// Reads a reaction. Beside those offered, the other digits and 🔟 set β in tenths.
    pub(super) fn from_emoji(emoji: &str) -> Option<Self> {
        match emoji {
            "➕" => return Some(Self::Up),
            "➖" => return Some(Self::Down),
            "🔟" => return Some(Self::To(1.0)),
            _ => {}
        }
        // A keycap is a digit, an optional variation selector and the combining keycap.
        let digit = emoji.strip_suffix('\u{20e3}')?.trim_end_matches('\u{fe0f}');
        let mut characters = digit.chars();
        match (characters.next()?.to_digit(10), characters.next()) {
            (Some(tenths), None) => Some(Self::To(f64::from(tenths) / 10.0)),
            _ => None,
        }
    }

    /// Applies the step to a β, in steps of `by`; the result lies in 0 to 1.
    pub(super) fn apply(self, beta: f64, by: f64) -> f64 {
        let moved = match self {
            Self::Up => beta + by,
            Self::Down => beta - by,
            Self::To(exact) => exact,
        };
        round(moved.clamp(0.0, 1.0))
    }
}

/// Rounds away what repeated additions of 0.2 leave behind, so that equal β are equal numbers.
pub(super) fn round(beta: f64) -> f64 {
    (beta * 1000.0).round() / 1000.0
}

/// Writes a β with one decimal place, or with two where it has them.
pub(super) fn show(beta: f64) -> String {
    let short = format!("{beta:.1}");
    if short
        .parse::<f64>()
        .is_ok_and(|shown| (shown - beta).abs() < 0.005)
    {
        short
    } else {
        format!("{beta:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_are_read_with_and_without_the_variation_selector() {
        assert_eq!(Step::from_emoji("➕"), Some(Step::Up));
        assert_eq!(Step::from_emoji("➖"), Some(Step::Down));
        assert_eq!(Step::from_emoji("0\u{fe0f}\u{20e3}"), Some(Step::To(0.0)));
        assert_eq!(Step::from_emoji("7\u{20e3}"), Some(Step::To(0.7)));
        assert_eq!(Step::from_emoji("🔟"), Some(Step::To(1.0)));
        for other in ["👍", "#\u{fe0f}\u{20e3}", "", "\u{20e3}", "5"] {
            assert_eq!(Step::from_emoji(other), None, "{other:?}");
        }
        assert!(
            Step::OFFERED
                .iter()
                .all(|emoji| Step::from_emoji(emoji).is_some())
        );
    }

    #[test]
    fn steps_land_on_round_numbers_and_stay_in_range() {
        let mut beta = 0.0;
        for expected in [0.2, 0.4, 0.6, 0.8, 1.0, 1.0] {
            beta = Step::Up.apply(beta, 0.2);
            assert_eq!(beta, expected);
        }
        assert_eq!(Step::Down.apply(0.1, 0.2), 0.0);
        assert_eq!(Step::To(0.0).apply(0.7, 0.2), 0.0);
    }

    #[test]
    fn beta_is_written_as_short_as_it_is() {
        assert_eq!(show(0.8), "0.8");
        assert_eq!(show(1.0), "1.0");
        assert_eq!(show(0.75), "0.75");
    }
}
