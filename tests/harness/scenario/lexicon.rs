//! The words of the script language: cutting a line, matching a form, reading a slot.

use std::{fmt, str::FromStr, time::Duration};

use muttr_core::rejection::Rejection;

use super::Address;

/// One word of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Written bare.
    Plain(String),
    /// Written between quotation marks.
    Quoted(String),
}

/// Cuts a line at its spaces, except inside quotation marks.
pub(super) fn words(line: &str) -> Result<Vec<Word>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let (text, after) = quoted
                .split_once('"')
                .ok_or("a quotation mark is never closed")?;
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return Err(format!("no space after \"{text}\""));
            }
            words.push(Word::Quoted(text.into()));
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            words.push(Word::Plain(word.into()));
            rest = after.trim_start();
        }
    }
    Ok(words)
}

/// One sentence of the grammar.
#[derive(Clone, Debug)]
pub(super) struct Form {
    /// What players call it.
    pub(super) name: String,
    /// The sentence as it stands in the grammar.
    pub(super) text: String,
    parts: Vec<String>,
}

/// Reads the grammar.
pub(super) fn forms(grammar: &str) -> Vec<Form> {
    let lines = grammar
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once(char::is_whitespace));
    pairs
        .map(|(name, text)| Form {
            name: name.into(),
            text: text.trim().into(),
            parts: text.split_whitespace().map(Into::into).collect(),
        })
        .collect()
}

fn is_slot(part: &str) -> bool {
    part.bytes().all(|c| c.is_ascii_uppercase())
}

fn fits(part: &str, word: &Word) -> bool {
    match word {
        Word::Quoted(_) => part == "TEXT",
        Word::Plain(_) if part == "TEXT" => false,
        Word::Plain(word) if is_slot(part) => match part {
            "NUMBER" => number(word).is_some(),
            "ADDRESS" => word.contains('@'),
            "PERSONS" => word.ends_with("'s"),
            _ => true,
        },
        Word::Plain(word) => part.split('|').any(|choice| choice == word),
    }
}

impl Form {
    /// Whether a line is this sentence.
    pub(super) fn matches(&self, words: &[Word]) -> bool {
        self.parts.len() == words.len()
            && self
                .parts
                .iter()
                .zip(words)
                .all(|(part, word)| fits(part, word))
    }

    /// How many of the sentence's fixed words the line has; for the mistake's text.
    pub(super) fn likeness(&self, words: &[Word]) -> usize {
        let fixed = self.parts.iter().filter(|part| !is_slot(part));
        fixed
            .filter(|part| words.iter().any(|word| fits(part, word)))
            .count()
    }

    /// The line's words that stand in the sentence's slots.
    pub(super) fn slots<'w>(&self, words: &'w [Word]) -> Vec<&'w Word> {
        let pairs = self.parts.iter().zip(words);
        pairs
            .filter(|(part, _)| is_slot(part))
            .map(|(_, word)| word)
            .collect()
    }
}

macro_rules! word_list {
    ($(#[$doc:meta])* $name:ident, $what:literal: $($(#[$each:meta])* $variant:ident = $word:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum $name { $($(#[$each])* $variant),* }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As scenarios write it.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word),* }
            }
        }

        impl FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                match word {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(format!(concat!("`{}` is no ", $what, " (there are {})"), word, [$($word),*].join(", "))),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

word_list! {
    /// The people of the cast.
    Person, "person of the cast":
    /// Writes first.
    Alice = "alice",
    /// Reads first.
    Bob = "bob",
    /// Comes third.
    Carol = "carol",
    /// Means no good.
    Mallory = "mallory",
}

word_list! {
    /// The pods of the cast.
    PodName, "pod of the cast":
    /// The first.
    Oak = "oak",
    /// The second.
    Elm = "elm",
    /// The third.
    Ash = "ash",
}

word_list! {
    /// Where a scenario can be played.
    Stage, "stage":
    /// Core machines under virtual time.
    Simulator = "simulator",
    /// A real pod and real Chromium.
    Browser = "browser",
}

word_list! {
    /// How far a message came, in this order; `lost` stands by itself.
    Standing, "status":
    /// In the author's outbox.
    Queued = "queued",
    /// Kept by others.
    Stored = "stored",
    /// The recipient's pod durably holds the notification.
    Notified = "notified",
    /// The recipient has the record.
    Fetched = "fetched",
    /// The recipient opened it.
    Read = "read",
    /// Nobody holds it any more.
    Lost = "lost",
}

impl Standing {
    /// Whether a message that is `self` satisfies a claim of `claimed`.
    #[must_use]
    pub fn reaches(self, claimed: Self) -> bool {
        self == claimed || (self > claimed && self != Self::Lost)
    }
}

/// A rejection code that exists.
pub(super) fn code(word: &str) -> Result<String, String> {
    let known = Rejection::ALL
        .iter()
        .any(|rejection| rejection.code() == word);
    if known {
        Ok(word.into())
    } else {
        Err(format!("`{word}` is no rejection code"))
    }
}

fn number(word: &str) -> Option<u32> {
    const WORDS: [&str; 12] = [
        "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
        "twelve",
    ];
    let named = WORDS
        .iter()
        .position(|name| *name == word)
        .map(|index| index as u32 + 1);
    named.or_else(|| word.parse().ok())
}

/// Reads the slots of a matched sentence from left to right.
pub(super) struct Slots<'w> {
    words: std::slice::Iter<'w, &'w Word>,
}

impl<'w> Slots<'w> {
    pub(super) fn new(words: &'w [&'w Word]) -> Self {
        Self {
            words: words.iter(),
        }
    }

    fn next(&mut self) -> Result<&'w str, String> {
        match self.words.next() {
            Some(Word::Plain(word) | Word::Quoted(word)) => Ok(word),
            None => Err("the grammar has fewer slots than its player reads".into()),
        }
    }

    pub(super) fn word(&mut self) -> Result<String, String> {
        self.next().map(Into::into)
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        self.next().map(Into::into)
    }

    pub(super) fn person(&mut self) -> Result<Person, String> {
        self.next()?.parse()
    }

    pub(super) fn persons(&mut self) -> Result<Person, String> {
        let word = self.next()?;
        word.strip_suffix("'s").unwrap_or(word).parse()
    }

    pub(super) fn pod(&mut self) -> Result<PodName, String> {
        self.next()?.parse()
    }

    pub(super) fn stage(&mut self) -> Result<Stage, String> {
        self.next()?.parse()
    }

    pub(super) fn status(&mut self) -> Result<Standing, String> {
        self.next()?.parse()
    }

    pub(super) fn number(&mut self) -> Result<u32, String> {
        let word = self.next()?;
        number(word).ok_or_else(|| format!("`{word}` is no number"))
    }

    pub(super) fn address(&mut self) -> Result<Address, String> {
        let word = self.next()?;
        let (label, pod) = word
            .split_once('@')
            .ok_or_else(|| format!("`{word}` has no @"))?;
        Ok(Address {
            label: label.into(),
            pod: pod.parse()?,
        })
    }

    pub(super) fn span(&mut self) -> Result<Duration, String> {
        let count = u64::from(self.number()?);
        let unit = self.next()?;
        let seconds = match unit.strip_suffix('s').unwrap_or(unit) {
            "second" => 1,
            "minute" => 60,
            "hour" => 3_600,
            "day" => 86_400,
            _ => {
                return Err(format!(
                    "`{unit}` is no unit of time (second, minute, hour, day)"
                ));
            }
        };
        Ok(Duration::from_secs(count * seconds))
    }
}
