//! A text that holds from a day on, as rules and pools do: what a person typed, what is wrong with it, and the form.

use leap_terms::Day;
use leap_web::site::model::{Block, Input, InputKind, PostForm};
use leap_web::site::{Ask, Problem};

use crate::cli::Later;
use crate::versions::Since;

/// Lines of the text that are seen at once.
const LINES: u8 = 24;

/// What a person typed.
#[derive(Clone, Default)]
pub(super) struct Typed {
    /// The text.
    pub(super) text: String,
    /// Its first day, as typed.
    pub(super) effective: String,
    /// What becomes of later ones, as typed.
    pub(super) later: String,
}

/// What is wrong with it, by field.
#[derive(Default)]
pub(super) struct Wrong {
    /// Of the text.
    pub(super) text: String,
    /// Of the day.
    pub(super) effective: String,
    /// Of what becomes of later ones.
    pub(super) later: String,
}

impl Typed {
    /// Ends of lines are those of the text in force: browsers send others.
    pub(super) fn of(ask: &Ask, in_force: Option<&str>) -> Result<Typed, Problem> {
        let Some(text) = ask.get("text") else {
            let message = "is missing: the whole of it, as the file has it".to_owned();
            return Err(Problem::Parameter { name: "text".to_owned(), message, without: None });
        };
        let plain = |text: &str| text.replace("\r\n", "\n");
        let text = match in_force.filter(|in_force| plain(in_force) == plain(text)) {
            Some(same) => same.to_owned(),
            None => plain(text),
        };
        let word = |name: &str| ask.get(name).unwrap_or_default().trim().to_owned();
        Ok(Typed { text, effective: word("effective"), later: word("later") })
    }

    /// From when on the rules shall hold, and what becomes of later ones.
    pub(super) fn since(&self, days: &[Day]) -> Result<Since, Wrong> {
        let day: Option<Day> = match self.effective.as_str() {
            "" => None,
            text => Some(text.parse().map_err(|error| Wrong { effective: error, ..Wrong::default() })?),
        };
        let later = match self.later.as_str() {
            "" => None,
            "keep" => Some(Later::Keep),
            "replace" => Some(Later::Replace),
            other => {
                let later = format!("'{other}' is none of keep, replace");
                return Err(Wrong { later, ..Wrong::default() });
            }
        };
        let after: Vec<String> =
            days.iter().filter(|other| **other > day.unwrap_or(Day::EARLIEST)).map(ToString::to_string).collect();
        if later.is_none() && !after.is_empty() {
            let later = format!("others are in force from {} on; say what becomes of them", after.join(", "));
            return Err(Wrong { later, ..Wrong::default() });
        }
        Ok(Since { day, later })
    }

    pub(super) fn hidden(&self) -> Vec<(String, String)> {
        let all = [("text", &self.text), ("effective", &self.effective), ("later", &self.later)];
        all.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name.to_owned(), value.clone()))
            .collect()
    }
}

impl Wrong {
    /// All of it in one text.
    pub(super) fn all(&self) -> String {
        format!("{}{}{}", self.text, self.effective, self.later)
    }
}

/// A kind of settings that follow each other in time.
pub(super) struct Kind {
    /// Where its form is sent.
    pub(super) to: &'static str,
    /// For screen readers.
    pub(super) label: &'static str,
    /// What its file is called.
    pub(super) file: &'static str,
    /// An example of it.
    pub(super) example: &'static str,
    /// What it decides.
    pub(super) say: &'static str,
    /// On which days it may begin.
    pub(super) since: &'static str,
}

impl Kind {
    /// The form; `days` are the first days of all that is in force.
    pub(super) fn editor(&self, typed: &Typed, wrong: Wrong, days: &[Day]) -> Block {
        let mut inputs = vec![
            Input {
                name: "text",
                label: self.file.to_owned(),
                value: typed.text.clone(),
                kind: InputKind::Text(LINES),
                example: self.example,
                say: self.say.to_owned(),
                fault: wrong.text,
                is_required: true,
            },
            Input {
                name: "effective",
                label: "In force from".to_owned(),
                value: typed.effective.clone(),
                kind: InputKind::Day,
                say: self.since.to_owned(),
                fault: wrong.effective,
                ..Input::default()
            },
        ];
        if days.len() > 1 || !wrong.later.is_empty() || !typed.later.is_empty() {
            let choices = [
                ("", "There are none"),
                ("keep", "They stay: this holds until the next of them begins"),
                ("replace", "They go: this holds from its day on"),
            ];
            inputs.push(Input {
                name: "later",
                label: "What begins later".to_owned(),
                value: typed.later.clone(),
                kind: InputKind::Choice(choices.into_iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect()),
                fault: wrong.later,
                ..Input::default()
            });
        }
        Block::Form(PostForm {
            to: self.to.to_owned(),
            label: self.label.to_owned(),
            inputs,
            button: "Show the difference".to_owned(),
            ..PostForm::default()
        })
    }
}
