//! Reading a script: TOML into checked steps, with the line of every fault.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value};
use toml::Spanned;

use crate::play::conditions::Conditions;
use crate::play::error::ScriptError;
use crate::play::step::{Act, Expectation, Place, Step, Wait};

/// Time that a wait without a timeout of its own gets.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Least difference of pictures that are expected to differ, on a scale of 0 to 1.
const DEFAULT_DIFFERENCE: f64 = 0.005;
/// Who acts until a step says otherwise.
const FIRST_USER: &str = "you";

/// A conversation to play.
#[derive(Clone, Debug)]
pub struct Script {
    /// File name, for messages.
    pub name: String,
    /// What it shows, in a line.
    pub title: String,
    /// The folder that paths in it are relative to.
    pub folder: PathBuf,
    /// The steps, in order.
    pub steps: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScript {
    #[serde(default)]
    title: String,
    timeout: Option<Seconds>,
    #[serde(default)]
    step: Vec<Spanned<RawStep>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    #[serde(rename = "as")]
    user: Option<String>,
    #[serde(rename = "in")]
    place: Option<RawPlace>,
    note: Option<String>,
    on: Option<String>,
    name: Option<String>,
    say: Option<String>,
    command: Option<String>,
    options: Option<Map<String, Value>>,
    files: Option<BTreeMap<String, String>>,
    click: Option<String>,
    select: Option<String>,
    values: Option<Vec<String>>,
    submit: Option<BTreeMap<String, String>>,
    react: Option<String>,
    unreact: Option<String>,
    dms: Option<RawDms>,
    advance: Option<Seconds>,
    restart: Option<bool>,
    wait: Option<Conditions>,
    expect: Option<Conditions>,
    timeout: Option<Seconds>,
    settled: Option<Seconds>,
    old: Option<bool>,
    gone: Option<bool>,
    differs_from: Option<String>,
    same_as: Option<String>,
    by: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawPlace {
    Dm,
    Channel,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RawDms {
    Open,
    Closed,
}

/// A duration: a number of seconds, or a text such as "15m" or "1h30m".
#[derive(Clone, Copy, Deserialize)]
#[serde(try_from = "RawSeconds")]
struct Seconds(Duration);

#[derive(Deserialize)]
#[serde(untagged)]
enum RawSeconds {
    Number(f64),
    Text(String),
}

impl TryFrom<RawSeconds> for Seconds {
    type Error = String;

    fn try_from(raw: RawSeconds) -> Result<Self, String> {
        let seconds = match &raw {
            RawSeconds::Number(seconds) => Some(*seconds),
            RawSeconds::Text(text) => in_seconds(text),
        };
        let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
        duration.map(Seconds).ok_or_else(|| {
            "a duration is a number of seconds or a text such as \"90s\", \"15m\", \"1h30m\"".to_owned()
        })
    }
}

fn in_seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut number = String::new();
    for character in text.chars() {
        let unit = match character {
            's' => 1.0,
            'm' => 60.0,
            'h' => 3600.0,
            'd' => 86_400.0,
            _ => {
                number.push(character);
                continue;
            }
        };
        total += number.trim().parse::<f64>().ok()? * unit;
        number.clear();
    }
    (number.is_empty() && !text.is_empty()).then_some(total)
}

impl Script {
    /// Reads a script from a file.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or is no valid script; the message names file and line.
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let text = std::fs::read_to_string(path).map_err(|source| ScriptError::Read {
            path: path.to_owned(),
            source,
        })?;
        let name = path.file_name().map_or_else(
            || path.display().to_string(),
            |name| name.to_string_lossy().into_owned(),
        );
        let mut script = Self::parse(&name, &text)?;
        script.folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(script)
    }

    /// Reads a script from its text; `name` stands in messages.
    ///
    /// # Errors
    ///
    /// When it is no valid script; the message names the line.
    pub fn parse(name: &str, text: &str) -> Result<Self, ScriptError> {
        let syntax = |error: toml::de::Error| ScriptError::Syntax {
            name: name.to_owned(),
            reason: error.to_string(),
        };
        let raw: RawScript = toml::from_str(text).map_err(syntax)?;
        let mut reader = Reader {
            user: FIRST_USER.to_owned(),
            place: Place::Dm,
            timeout: raw.timeout.map_or(DEFAULT_TIMEOUT, |seconds| seconds.0),
            captured: Vec::new(),
        };
        let mut steps = Vec::with_capacity(raw.step.len());
        for step in raw.step {
            let line = 1 + text
                .get(..step.span().start)
                .map_or(0, |before| before.matches('\n').count());
            let fault = |reason| ScriptError::Step {
                name: name.to_owned(),
                line,
                reason,
            };
            steps.push(reader.step(line, step.into_inner()).map_err(fault)?);
        }
        Ok(Script {
            name: name.to_owned(),
            title: raw.title,
            folder: PathBuf::new(),
            steps,
        })
    }
}

/// What carries over from step to step.
struct Reader {
    user: String,
    place: Place,
    timeout: Duration,
    captured: Vec<String>,
}

impl Reader {
    fn step(&mut self, line: usize, raw: RawStep) -> Result<Step, String> {
        if let Some(user) = &raw.user {
            self.user.clone_from(user);
        }
        match raw.place {
            Some(RawPlace::Dm) => self.place = Place::Dm,
            Some(RawPlace::Channel) => self.place = Place::Channel,
            None => {}
        }
        let note = raw.note.clone();
        let act = self.act(raw)?;
        Ok(Step {
            line,
            user: self.user.clone(),
            place: self.place,
            note,
            act,
        })
    }

    fn act(&mut self, raw: RawStep) -> Result<Act, String> {
        check_one_verb(&raw)?;
        check_companions(&raw)?;
        for name in [&raw.on, &raw.differs_from, &raw.same_as].into_iter().flatten() {
            if !self.captured.contains(name) {
                return Err(format!("no step before captures a message as {name:?}"));
            }
        }
        let timeout = raw.timeout.map_or(self.timeout, |seconds| seconds.0);
        let gone = raw.gone.unwrap_or(false);
        if gone && raw.on.is_none() {
            return Err("`gone` needs `on`, the name of a captured message".to_owned());
        }
        self.captured.extend(raw.name.clone());
        let RawStep { on, .. } = raw;
        Ok(if let Some(text) = raw.say {
            Act::Say(text)
        } else if let Some(name) = raw.command {
            let name = name.trim_start_matches('/').to_owned();
            Act::Command {
                name,
                options: raw.options.unwrap_or_default(),
                files: raw.files.unwrap_or_default(),
            }
        } else if let Some(button) = raw.click {
            Act::Click { button, on }
        } else if let Some(menu) = raw.select {
            Act::Select {
                menu,
                values: raw.values.unwrap_or_default(),
                on,
            }
        } else if let Some(fields) = raw.submit {
            Act::Submit(fields)
        } else if let Some(emoji) = raw.react {
            Act::React { emoji, add: true, on }
        } else if let Some(emoji) = raw.unreact {
            Act::React {
                emoji,
                add: false,
                on,
            }
        } else if let Some(dms) = raw.dms {
            Act::Dms(matches!(dms, RawDms::Open))
        } else if let Some(by) = raw.advance {
            Act::Advance(by.0)
        } else if raw.restart.is_some() {
            Act::Restart
        } else if let Some(conditions) = raw.wait {
            let settled = raw.settled.map(|seconds| seconds.0);
            Act::Wait(Wait {
                conditions,
                on,
                gone,
                old: raw.old.unwrap_or(false),
                settled,
                timeout,
                name: raw.name,
            })
        } else {
            Act::Expect(Expectation {
                conditions: raw.expect.unwrap_or_default(),
                on,
                gone,
                differs_from: raw.differs_from,
                same_as: raw.same_as,
                by: raw.by.unwrap_or(DEFAULT_DIFFERENCE),
            })
        })
    }
}

fn check_one_verb(raw: &RawStep) -> Result<(), String> {
    let verbs = [
        ("say", raw.say.is_some()),
        ("command", raw.command.is_some()),
        ("click", raw.click.is_some()),
        ("select", raw.select.is_some()),
        ("submit", raw.submit.is_some()),
        ("react", raw.react.is_some()),
        ("unreact", raw.unreact.is_some()),
        ("dms", raw.dms.is_some()),
        ("advance", raw.advance.is_some()),
        ("restart", raw.restart.is_some()),
        ("wait", raw.wait.is_some()),
        ("expect", raw.expect.is_some()),
    ];
    let given: Vec<&str> = verbs
        .iter()
        .filter(|(_, given)| *given)
        .map(|(verb, _)| *verb)
        .collect();
    match given.as_slice() {
        [_] => Ok(()),
        [] => Err(format!(
            "a step needs one of: {}",
            verbs.map(|(verb, _)| verb).join(", ")
        )),
        several => Err(format!(
            "a step does one thing; this one has: {}",
            several.join(", ")
        )),
    }
}

/// Refuses keys that belong to another verb: they would be ignored, and somebody meant something by them.
fn check_companions(raw: &RawStep) -> Result<(), String> {
    let on = raw.click.is_some() || raw.select.is_some() || raw.react.is_some() || raw.unreact.is_some();
    let (wait, expect) = (raw.wait.is_some(), raw.expect.is_some());
    let misplaced = [
        (
            "options",
            raw.options.is_some() && raw.command.is_none(),
            "command",
        ),
        ("files", raw.files.is_some() && raw.command.is_none(), "command"),
        ("values", raw.values.is_some() && raw.select.is_none(), "select"),
        (
            "on",
            raw.on.is_some() && !(on || wait || expect),
            "click, select, react, unreact, wait, expect",
        ),
        ("name", raw.name.is_some() && !wait, "wait"),
        ("timeout", raw.timeout.is_some() && !wait, "wait"),
        ("settled", raw.settled.is_some() && !wait, "wait"),
        ("old", raw.old.is_some() && !wait, "wait"),
        ("gone", raw.gone.is_some() && !(wait || expect), "wait, expect"),
        ("differs_from", raw.differs_from.is_some() && !expect, "expect"),
        ("same_as", raw.same_as.is_some() && !expect, "expect"),
        (
            "by",
            raw.by.is_some() && raw.differs_from.is_none(),
            "differs_from",
        ),
    ];
    match misplaced.iter().find(|(_, misplaced, _)| *misplaced) {
        Some((key, _, verbs)) => Err(format!("`{key}` goes with: {verbs}")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> String {
        Script::parse("talk.toml", text).unwrap_err().to_string()
    }

    #[test]
    fn person_and_place_carry_over() {
        let text = "[[step]]\nsay = 'hello'\n[[step]]\nas = 'a friend'\nin = 'channel'\nsay = 'hi'\n[[step]]\nrestart = true\n";
        let script = Script::parse("talk.toml", text).unwrap();
        let seen: Vec<_> = script
            .steps
            .iter()
            .map(|step| (step.line, step.user.as_str(), step.place))
            .collect();
        assert_eq!(
            seen,
            [
                (1, "you", Place::Dm),
                (3, "a friend", Place::Channel),
                (7, "a friend", Place::Channel)
            ]
        );
    }

    #[test]
    fn faults_name_the_line_and_what_to_do() {
        assert!(
            fault("title = 'x'\n\n[[step]]\nas = 'you'\n")
                .starts_with("talk.toml:3: a step needs one of: say")
        );
        assert!(fault("[[step]]\nsay = 'a'\nclick = 'b'\n").contains("one thing; this one has: say, click"));
        assert!(
            fault("[[step]]\nsay = 'a'\n[[step]]\nclick = 'x'\non = 'first'\n")
                .starts_with("talk.toml:3: no step before")
        );
        assert!(fault("[[step]]\nsay = 'a'\ntimeout = 3\n").contains("`timeout` goes with: wait"));
        assert!(fault("[[step]]\nsays = 'a'\n").contains("unknown field `says`"));
        assert!(fault("[[step]]\nwait = { contain = 'a' }\n").contains("unknown field `contain`"));
    }

    #[test]
    fn durations_are_numbers_or_words() {
        assert_eq!(in_seconds("15m"), Some(900.0));
        assert_eq!(in_seconds("1h30m"), Some(5400.0));
        assert_eq!(in_seconds("2.5s"), Some(2.5));
        for bad in ["", "15", "m", "15x", "1h30"] {
            assert_eq!(in_seconds(bad), None, "{bad}");
        }
        let text = "timeout = 5\n[[step]]\nwait = {}\n[[step]]\nwait = {}\ntimeout = '2m'\n";
        let script = Script::parse("talk.toml", text).unwrap();
        let timeouts = script.steps.iter().map(|step| match &step.act {
            Act::Wait(wait) => wait.timeout.as_secs(),
            _ => 0,
        });
        assert_eq!(timeouts.collect::<Vec<_>>(), [5, 120]);
    }
}
