//! The command line that makes a picture again.

use tastemaker_pool::ImageRequest;

/// Writes the command lines that give the pictures of `request` with the model of this manifest name or folder: one, or
/// one for each picture where their seeds are not in a row.
pub(super) fn command_line(request: &ImageRequest, model: &str) -> String {
    if request.picks.is_empty() {
        return one(request, model);
    }
    let each = |picture: u8| {
        let mut alone = request.clone();
        alone.seed = request.seed_of(picture);
        (alone.count, alone.picks) = (1, Vec::new());
        one(&alone, model)
    };
    (0..request.count).map(each).collect::<Vec<_>>().join("\n")
}

fn one(request: &ImageRequest, model: &str) -> String {
    // A leading dash would be taken for an option: such a prompt comes last, after "--".
    let dashed = request.prompt.starts_with('-');
    let mut line = String::from("tastemaker imagine");
    if !dashed {
        line.push_str(&format!(" {}", quote(&request.prompt)));
    }
    let mut option = |name: &str, value: &str| {
        let separator = if value.starts_with('-') { '=' } else { ' ' };
        line.push_str(&format!(" --{name}{separator}{}", quote(value)));
    };
    option("model", model);
    if !request.negative.is_empty() {
        option("negative", &request.negative);
    }
    if !request.vp_plus.is_empty() {
        option("like", &request.vp_plus);
    }
    if !request.vp_minus.is_empty() {
        option("dislike", &request.vp_minus);
    }
    option("beta", &request.beta.to_string());
    option("conditioning", &request.conditioning);
    option("seed", &request.seed.to_string());
    option("noise", &request.noise);
    for variation in &request.variations {
        option("vary", &format!("{}:{}", variation.seed, variation.strength));
    }
    if let Some(source) = &request.source {
        // Whoever has the picture knows its name; the receipt has the hash to know it by.
        option("image", "SOURCE.png");
        option("strength", &source.strength.to_string());
    }
    if let Some(hires) = &request.hires {
        option("hires", &format!("{}x{}", hires.width, hires.height));
        option("hires-strength", &hires.strength.to_string());
        option("hires-steps", &hires.steps.to_string());
        option("hires-upscale", &hires.upscale);
    }
    option("steps", &request.steps.to_string());
    option("guidance", &request.guidance.to_string());
    option("scheduler", &request.scheduler);
    option("size", &format!("{}x{}", request.width, request.height));
    if request.count > 1 {
        option("count", &request.count.to_string());
    }
    if dashed {
        line.push_str(&format!(" -- {}", quote(&request.prompt)));
    }
    line
}

/// Quotes an argument for a POSIX shell, where it needs that.
fn quote(text: &str) -> String {
    let plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '.' | ':' | '_' | '/' | '-')
    };
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use tastemaker_pool::Variation;

    use super::super::render::tests::task;
    use super::*;

    #[test]
    fn chosen_pictures_have_a_command_line_each() {
        let mut request = task(0.6).record.job.request;
        request.count = 6;
        request.pick(&[4, 1]);
        let lines = command_line(&request, "embedded");
        let lines: Vec<&str> = lines.lines().collect();
        assert!(
            lines[0].contains("--seed 11 ") && lines[1].contains("--seed 8 "),
            "{lines:?}"
        );
        assert!(lines.len() == 2 && !lines[0].contains("--count"), "{lines:?}");
    }

    #[test]
    fn the_command_line_says_everything() {
        let mut request = task(0.6).record.job.request;
        request.variations.push(Variation {
            seed: 9,
            strength: 0.35,
        });
        assert_eq!(
            command_line(&request, "embedded"),
            "tastemaker imagine 'a *lighthouse*' --model embedded --like 'watercolour, soft light' \
             --dislike 'neon colours' --beta 0.6 --conditioning embedding --seed 7 --noise portable --vary 9:0.35 --steps 20 \
             --guidance 5 --scheduler ddim --size 128x128"
        );
    }

    #[test]
    fn a_source_and_a_second_pass_are_said_too() {
        let mut request = task(0.6).record.job.request;
        request.source = Some(tastemaker_pool::Source {
            of: tastemaker_pool::SourceOf::Pictures(1),
            strength: 0.6,
            hashes: Vec::new(),
            pixels: Default::default(),
        });
        request.hires = Some(tastemaker_pool::Hires {
            width: 256,
            height: 192,
            strength: 0.4,
            steps: 12,
            upscale: "image".into(),
        });
        let line = command_line(&request, "embedded");
        assert!(
            line.contains(
                " --image SOURCE.png --strength 0.6 --hires 256x192 --hires-strength 0.4 --hires-steps 12 \
                 --hires-upscale image --steps 20 "
            ),
            "{line}"
        );
    }

    #[test]
    fn a_shell_reads_a_prompt_as_it_was_typed() {
        assert_eq!(quote("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
        assert_eq!(quote(""), "''");
    }

    #[test]
    fn a_prompt_is_never_an_option() {
        let mut request = task(0.6).record.job.request;
        request.prompt = "--out /etc".into();
        request.negative = "-x".into();
        let line = command_line(&request, "embedded");
        assert!(
            line.contains(" --negative=-x ") && line.ends_with(" -- '--out /etc'"),
            "{line}"
        );
    }
}
