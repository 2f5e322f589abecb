//! The taste card: likes and dislikes with a bar for their weight and the person's own words.

use serenity::all::CreateEmbed;
use tastemaker_preference::{Polarity, Profile, ProfileEntry};

use crate::bot::imagine::text::{cut, escape};

/// Discord's limit for the value of one embed field, in characters.
const FIELD_LIMIT: usize = 1024;
/// Characters that each of the two lists may take, so that the whole embed stays under 6,000, with what an
/// onboarding adds to it.
const LIST_LIMIT: usize = 2200;
/// Characters shown of a quote.
const QUOTE_SHOWN: usize = 90;
/// Room kept for the line that counts what is left out.
const TAIL: usize = 60;
/// Cells of a weight bar.
const CELLS: usize = 5;
/// Colour of every card.
pub(in crate::bot) const COLOUR: u32 = 0x7C_5C_FF;

/// Draws the card of a profile.
pub(in crate::bot) fn embed(profile: &Profile, title: &str) -> CreateEmbed {
    let embed = CreateEmbed::new().title(title).colour(COLOUR);
    if profile.is_empty() {
        return embed.description("Nothing yet.");
    }
    let embed = list(embed, "You like", profile, Polarity::Liked);
    list(embed, "Not for you", profile, Polarity::Disliked)
}

/// Adds one list, over as many fields as it takes, up to its limit.
fn list(mut embed: CreateEmbed, name: &str, profile: &Profile, polarity: Polarity) -> CreateEmbed {
    let entries = profile.list(polarity);
    if entries.is_empty() {
        return embed.field(name, "Nothing so far.", false);
    }
    for (at, value) in fields(entries).into_iter().enumerate() {
        let name = if at == 0 {
            format!("{name} ({})", entries.len())
        } else {
            format!("{name}, continued")
        };
        embed = embed.field(name, value, false);
    }
    embed
}

/// Lays the lines of entries out over fields; what does not fit is counted.
fn fields(entries: &[ProfileEntry]) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut total = 0;
    for (shown, entry) in entries.iter().enumerate() {
        let line = line(entry);
        let length = line.chars().count() + 1;
        if total + length + TAIL > LIST_LIMIT {
            append(
                &mut fields,
                &format!(
                    "… and {} more, all in the file from /profile export",
                    entries.len() - shown
                ),
            );
            break;
        }
        total += length;
        append(&mut fields, &line);
    }
    fields
}

fn append(fields: &mut Vec<String>, line: &str) {
    let full = |field: &String| field.chars().count() + 1 + line.chars().count() > FIELD_LIMIT;
    match fields.last_mut() {
        Some(field) if field.is_empty() => field.push_str(line),
        Some(field) if !full(field) => {
            field.push('\n');
            field.push_str(line);
        }
        _ => fields.push(line.to_owned()),
    }
}

/// Writes one entry: bar, name, and the latest words behind it.
fn line(entry: &ProfileEntry) -> String {
    let name = escape(&entry.attribute);
    match entry.evidence.last() {
        Some(evidence) => format!(
            "`{}` **{name}** · “{}”",
            bar(entry.weight),
            escape(&cut(evidence.quote.trim(), QUOTE_SHOWN))
        ),
        None => format!("`{}` **{name}** · set by you", bar(entry.weight)),
    }
}

/// Draws a weight; what is there at all has at least one cell.
pub(in crate::bot) fn bar(weight: f32) -> String {
    let filled = ((weight * CELLS as f32).round() as usize).clamp(1, CELLS);
    (0..CELLS)
        .map(|cell| if cell < filled { '▰' } else { '▱' })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use tastemaker_preference::{Extraction, Preference};

    use super::*;

    fn profile(count: usize, quote: &str) -> Profile {
        let preference = |at: usize| Preference {
            attribute: format!("look number {at}"),
            category: "other".into(),
            weight: 0.8,
            evidence: quote.to_owned(),
        };
        let mut profile = Profile::default();
        profile.merge(
            None,
            &Extraction {
                liked: (0..count).map(preference).collect(),
                disliked: (count..2 * count).map(preference).collect(),
            },
        );
        profile
    }

    fn shown(profile: &Profile) -> Value {
        serde_json::to_value(embed(profile, "Your taste")).unwrap()
    }

    #[test]
    fn an_entry_has_its_bar_and_the_words_behind_it() {
        let card = shown(&profile(1, "*love* it @everyone"));
        assert_eq!(
            card["fields"][0]["value"],
            "`▰▰▰▰▱` **look number 0** · “\\*love\\* it \\@everyone”"
        );
        assert_eq!(card["fields"][0]["name"], "You like (1)");
    }

    #[test]
    fn the_largest_profile_fits_into_an_embed_and_what_is_left_out_is_counted() {
        for count in [1, 10, 25, 120, 256] {
            for quote in ["short", &"*".repeat(200)] {
                let card = shown(&profile(count, quote));
                let fields = card["fields"].as_array().unwrap();
                assert!(fields.len() <= 25);
                let mut total = card["title"].as_str().unwrap().chars().count();
                for field in fields {
                    let length = field["value"].as_str().unwrap().chars().count();
                    assert!((1..=FIELD_LIMIT).contains(&length), "{length}");
                    total += length + field["name"].as_str().unwrap().chars().count();
                }
                assert!(total <= 5100, "{total}");
            }
        }
        assert!(
            shown(&profile(256, "short"))
                .to_string()
                .contains("more, all in the file")
        );
    }

    #[test]
    fn an_empty_profile_has_a_card_too() {
        assert_eq!(shown(&Profile::default())["description"], "Nothing yet.");
    }

    #[test]
    fn bars_are_full_only_for_the_whole_weight_and_never_empty() {
        assert_eq!(bar(1.0), "▰▰▰▰▰");
        assert_eq!(bar(0.05), "▰▱▱▱▱");
    }
}
