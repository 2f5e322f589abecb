//! *Why this image?*: what steered a picture, how strongly, and how to make it again.

use std::fmt::Write as _;

use serenity::all::{CreateEmbed, CreateEmbedFooter};
use tastemaker_pool::ImageRequest;
use tastemaker_preference::{AttributeDef, Vocabulary};
use tastemaker_storage::{AppliedAttribute, JobRecord};

use super::ranking::{NEEDED, Rating};
use super::{beta, render, reproduce, text};

/// Discord's limit for the value of one embed field, in characters.
const FIELD_LIMIT: usize = 1024;

/// Says that an attribute of the person's taste meets one that the prompt asks for itself.
#[derive(Debug, PartialEq)]
pub(super) struct Clash<'a> {
    /// The person's.
    pub applied: &'a AppliedAttribute,
    /// The prompt's, of the same category.
    pub asked: &'a AttributeDef,
}

/// Finds the attributes that a prompt names, as whole words, by name or by a word people use for them.
pub(super) fn named_in<'v>(prompt: &str, vocabulary: &'v Vocabulary) -> Vec<&'v AttributeDef> {
    let prompt = words(prompt);
    let names = |attribute: &&AttributeDef| {
        std::iter::once(&attribute.name)
            .chain(&attribute.words)
            .any(|word| prompt.contains(&words(word)))
    };
    vocabulary.attributes().iter().filter(names).collect()
}

/// Finds where the prompt asks for something else in a category that the person's taste speaks about too.
pub(super) fn clashes<'a>(record: &'a JobRecord, vocabulary: &'a Vocabulary) -> Vec<Clash<'a>> {
    let asked = named_in(&record.job.request.prompt, vocabulary);
    let mut found = Vec::new();
    for applied in &record.applied {
        let Some(definition) = vocabulary.get(&applied.attribute) else {
            continue;
        };
        let other = asked.iter().find(|asked| {
            asked.category == definition.category && (asked.name != definition.name) == applied.liked
        });
        found.extend(other.map(|asked| Clash { applied, asked }));
    }
    found
}

/// Lower-case words between single spaces, with one at either end, so that whole words can be searched for.
fn words(text: &str) -> String {
    let mut plain = String::from(" ");
    for word in text
        .to_lowercase()
        .split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        plain.push_str(word);
        plain.push(' ');
    }
    plain
}

/// Writes the explanation of a job's pictures; `rating` is what the metric says of them, for their owner alone.
pub(super) fn embed(
    record: &JobRecord,
    vocabulary: &Vocabulary,
    model: &str,
    rating: Option<&Rating>,
) -> CreateEmbed {
    let request = &record.job.request;
    let mut embed = CreateEmbed::new()
        .title("Why this image?")
        .description(text::escape(&text::cut(&request.prompt, 600)))
        .field("How your taste took part", steering(record), false);
    for (liked, title) in [(true, "Drawn towards"), (false, "Drawn away from")] {
        if let Some(lines) = attributes(record, vocabulary, liked) {
            embed = embed.field(title, lines, true);
        }
    }
    if request.beta > 0.0
        && let Some(lines) = overridden(&clashes(record, vocabulary))
    {
        embed = embed.field("Where the prompt decides", lines, false);
    }
    if let Some(lines) = rating.and_then(|rating| fit(record, rating)) {
        embed = embed.field("How much you may like it", lines, false);
    }
    embed = embed.field("Made with", facts(record), false);
    let command = reproduce::command_line(request, model);
    // A code block shows a text as it is, unless the text ends the block.
    if command.chars().count() + 8 <= FIELD_LIMIT && !command.contains("```") {
        embed = embed.field("Make it again", format!("```sh\n{command}\n```"), false);
    } else {
        embed = embed.field("Make it again", "The command line is in the file below.", false);
    }
    match record.profile_version {
        Some(version) => embed.footer(CreateEmbedFooter::new(format!(
            "Profile version {version}. Change it with /profile edit."
        ))),
        None => embed,
    }
}

/// Returns the command line when it is too long for [`embed`] and has to come as a file.
pub(super) fn long_command(request: &ImageRequest, model: &str) -> Option<String> {
    let command = reproduce::command_line(request, model);
    (command.chars().count() + 8 > FIELD_LIMIT || command.contains("```")).then_some(command)
}

fn steering(record: &JobRecord) -> String {
    let request = &record.job.request;
    if !render::is_personal(record) {
        return "Not at all: there was no profile. /onboard makes one from a few comments on pictures."
            .to_owned();
    }
    if request.beta == 0.0 {
        return "Not at all: β is 0, so this is what anybody gets for this prompt and seed.".to_owned();
    }
    let how = match request.conditioning.as_str() {
        "guidance" => {
            "At every step the picture is pushed from what you dislike towards what you like, beside the push towards the prompt"
        }
        "reference" => {
            "What you like is mixed into the prompt and what you dislike into what to avoid, and both push the picture at every step"
        }
        _ => {
            "The prompt's meaning is moved from what you dislike towards what you like before the picture is drawn"
        }
    };
    format!(
        "β {} of 1.0. {how} (mode `{}`).",
        beta::show(request.beta),
        text::cut(&request.conditioning, 32)
    )
}

/// What the metric says, and what part it had in the choice; `None` where there is no metric.
fn fit(record: &JobRecord, rating: &Rating) -> Option<String> {
    if let Some(ranking) = &record.ranking {
        let (drawn, shown) = (ranking.drawn, ranking.shown);
        let shown = if shown == 1 {
            "the one".to_owned()
        } else {
            format!("the {shown}")
        };
        let marked = format!(
            "the {} ❤️ and {} ❌ you had given",
            ranking.liked, ranking.disliked
        );
        return Some(match ranking.scores.is_empty() {
            true => {
                let but = match ranking.over_time_s {
                    Some(within) => format!("rating them took longer than {within} s"),
                    None => "could not rate them all".to_owned(),
                };
                format!(
                    "Not ranked: I drew {drawn} pictures to show {shown} you might like most, but {but}. I show them in the order of their seeds."
                )
            }
            false => format!(
                "{} of 1, from {marked} (metric `{}`).\n**Used to choose**: I drew {drawn} pictures and show {shown} with the highest score. \
                 A high score was therefore to be expected, and proves nothing: whether you like it, only you can say.",
                scores(&ranking.scores),
                text::cut(&ranking.metric, 32)
            ),
        });
    }
    match rating {
        Rating::Off => None,
        Rating::TooFew { liked, disliked } => Some(format!(
            "Nothing was ranked, and there is no score yet. It takes {NEEDED} other pictures with your ❤️ and {NEEDED} with your ❌; so far there are {liked} and {disliked}."
        )),
        Rating::Unknown => {
            Some("Nothing was ranked, and there is no score: the picture is no longer at hand.".to_owned())
        }
        Rating::OverTime(within) => Some(format!(
            "Nothing was ranked, and there is no score: rating took longer than the {} s that it may.",
            within.as_secs()
        )),
        Rating::Scores(given) => Some(format!(
            "{} of 1, from the ❤️ and ❌ you gave other pictures.\n**Not used to choose**: nothing else was drawn.",
            scores(given)
        )),
    }
}

fn scores(scores: &[f32]) -> String {
    let shown: Vec<String> = scores.iter().map(|score| format!("{score:.2}")).collect();
    format!(
        "{} {}",
        if shown.len() == 1 { "Score" } else { "Scores" },
        text::list(&shown)
    )
}

/// One line an attribute, strongest first; `None` if there is none.
fn attributes(record: &JobRecord, vocabulary: &Vocabulary, liked: bool) -> Option<String> {
    let mut lines = Vec::new();
    for applied in record.applied.iter().filter(|applied| applied.liked == liked) {
        let category = vocabulary
            .get(&applied.attribute)
            .map_or("other", |definition| &definition.category);
        lines.push(format!(
            "{} · {category} · {:.2}",
            text::escape(&text::cut(&applied.attribute, 60)),
            applied.weight
        ));
    }
    (!lines.is_empty()).then(|| within(lines, 900))
}

fn overridden(clashes: &[Clash<'_>]) -> Option<String> {
    let line = |clash: &Clash<'_>| {
        let yours = text::escape(&clash.applied.attribute);
        let Clash {
            asked: AttributeDef { name, category, .. },
            applied,
        } = clash;
        if applied.liked {
            format!("It asks for *{name}* ({category}), which outweighs your *{yours}*.")
        } else {
            format!("It asks for *{name}* ({category}), though you would rather not see it.")
        }
    };
    (!clashes.is_empty()).then(|| within(clashes.iter().map(line).collect(), 700))
}

/// Joins as many lines as fit into `limit` characters and counts the rest.
fn within(lines: Vec<String>, limit: usize) -> String {
    let mut text = String::new();
    let all = lines.len();
    for (index, line) in lines.into_iter().enumerate() {
        if text.chars().count() + line.chars().count() + 16 > limit {
            // Writing to a string cannot fail.
            let _ = write!(text, "and {} more", all - index);
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text
}

fn facts(record: &JobRecord) -> String {
    let request = &record.job.request;
    let model = record.receipt.as_ref().map_or_else(String::new, |receipt| {
        format!("{} `{}` · ", text::escape(&receipt.model), receipt.model_hash)
    });
    let mut facts = format!(
        "{model}{}×{} · {} steps of {} · guidance {} · seed {}",
        request.width, request.height, request.steps, request.scheduler, request.guidance, request.seed
    );
    if !request.negative.is_empty() {
        let _ = write!(
            facts,
            " · without {}",
            text::escape(&text::cut(&request.negative, 200))
        );
    }
    if let Some(source) = &request.source {
        let share = source.strength * 100.0;
        let hash = source.hash_of(0).unwrap_or_default();
        let _ = write!(facts, "\n{share:.0} % of a picture (`{hash}`) drawn anew");
    }
    if let Some(hires) = &request.hires {
        let _ = write!(
            facts,
            "\nthen {}×{} from the {}, {:.0} % of it drawn anew in {} steps",
            hires.width,
            hires.height,
            text::cut(&hires.upscale, 32),
            hires.strength * 100.0,
            hires.steps_taken()
        );
    }
    for variation in &request.variations {
        let _ = write!(
            facts,
            "\nvaried {:.0} % towards seed {}",
            variation.strength * 100.0,
            variation.seed
        );
    }
    text::cut(&facts, FIELD_LIMIT)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tastemaker_storage::Ranking;

    use super::super::render::tests::task;
    use super::*;

    fn vocabulary() -> &'static Vocabulary {
        Vocabulary::embedded()
    }

    fn json(embed: &CreateEmbed) -> String {
        serde_json::to_string(embed).unwrap()
    }

    #[test]
    fn the_prompt_names_attributes_as_whole_words_only() {
        let names = |prompt: &str| -> Vec<&str> {
            named_in(prompt, vocabulary())
                .iter()
                .map(|attribute| attribute.name.as_str())
                .collect()
        };
        assert!(names("a lighthouse, in Black-and-White").contains(&"black and white"));
        assert!(
            names("a lighthouse by the sea").is_empty(),
            "{:?}",
            names("a lighthouse by the sea")
        );
    }

    #[test]
    fn the_prompt_overrides_what_stands_in_the_same_category() {
        let mut record = task(0.6).record;
        record.job.request.prompt = "a lighthouse in black and white, neon colours".into();
        record.applied[0].attribute = "pastel colours".into();
        record.applied[2].attribute = "neon colours".into();
        let clashes = clashes(&record, vocabulary());
        let told: Vec<_> = clashes
            .iter()
            .map(|it| (it.applied.attribute.as_str(), it.applied.liked))
            .collect();
        assert_eq!(told, [("pastel colours", true), ("neon colours", false)]);
        assert_eq!(clashes[1].asked.name, "neon colours");
    }

    #[test]
    fn the_explanation_names_what_took_part_and_how_much() {
        let json = json(&embed(&task(0.6).record, vocabulary(), "embedded", None));
        for part in [
            "watercolour",
            "0.90",
            "neon colours",
            "β 0.6",
            "seed 7",
            "Profile version 4",
            "tastemaker imagine",
        ] {
            assert!(json.contains(part), "{part} in {json}");
        }
    }

    #[test]
    fn plain_pictures_are_explained_as_plain() {
        let mut record = task(0.0).record;
        assert!(json(&embed(&record, vocabulary(), "embedded", None)).contains("β is 0"));
        record.job.request.vp_plus.clear();
        record.job.request.vp_minus.clear();
        assert!(json(&embed(&record, vocabulary(), "embedded", None)).contains("/onboard"));
    }

    #[test]
    fn a_score_is_told_with_the_part_it_had() {
        let mut record = task(0.6).record;
        let told = |record: &JobRecord, rating: &Rating| fit(record, rating).unwrap();
        let few = told(
            &record,
            &Rating::TooFew {
                liked: 1,
                disliked: 0,
            },
        );
        assert!(
            few.contains("Nothing was ranked") && few.contains("1 and 0"),
            "{few}"
        );
        let scored = told(&record, &Rating::Scores(vec![0.634]));
        assert!(
            scored.starts_with("Score 0.63 of 1") && scored.contains("Not used to choose"),
            "{scored}"
        );
        assert_eq!(fit(&record, &Rating::Off), None);
        record.ranking = Some(Ranking {
            shown: 2,
            drawn: 8,
            metric: "embedded".into(),
            scores: vec![0.91, 0.8],
            liked: 3,
            disliked: 2,
            over_time_s: None,
        });
        let chosen = told(&record, &Rating::Scores(vec![0.1]));
        assert!(
            chosen.starts_with("Scores 0.91 and 0.80 of 1, from the 3 ❤️ and 2 ❌")
                && chosen.contains("**Used to choose**: I drew 8 pictures and show the 2 with"),
            "{chosen}"
        );
        record.ranking.as_mut().unwrap().scores.clear();
        assert!(told(&record, &Rating::Off).starts_with("Not ranked"));
        record.ranking.as_mut().unwrap().over_time_s = Some(20);
        let late = told(&record, &Rating::Off);
        assert!(late.contains("rating them took longer than 20 s"), "{late}");
        record.ranking = None;
        let late = told(&record, &Rating::OverTime(Duration::from_secs(20)));
        assert!(late.contains("longer than the 20 s"), "{late}");
    }

    #[test]
    fn the_longest_explanation_fits_into_an_embed() {
        let mut record = task(0.6).record;
        record.job.request.prompt = "*".repeat(1000);
        record.job.request.negative = "_".repeat(1000);
        record.applied = vec![record.applied[0].clone(); 100];
        record
            .applied
            .extend(vec![task(0.6).record.applied[2].clone(); 100]);
        let value = serde_json::to_value(embed(&record, vocabulary(), "embedded", None)).unwrap();
        let mut total = 0;
        for part in [&value["title"], &value["description"], &value["footer"]["text"]] {
            total += part.as_str().unwrap_or_default().chars().count();
        }
        for field in value["fields"].as_array().unwrap() {
            let length = field["value"].as_str().unwrap().chars().count();
            assert!((1..=FIELD_LIMIT).contains(&length), "{field}");
            total += length + field["name"].as_str().unwrap().chars().count();
        }
        assert!(total <= 6000, "{total}");
        assert!(long_command(&record.job.request, "embedded").is_some());
    }
}
