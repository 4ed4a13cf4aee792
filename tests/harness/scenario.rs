//! The script language of `tests/scenarios`: one sentence a line, one grammar for both stages.
//!
//! The grammar is data (`grammar.txt`); this file cuts a line into words, finds the one sentence
//! it matches, and turns the words in its slots into a [`Step`].

use std::{fmt, time::Duration};

mod lexicon;
#[cfg(test)]
mod tests;

pub use lexicon::{Person, PodName, Stage, Standing};

use lexicon::{Form, Word};

use crate::simulator::Manner;

const GRAMMAR: &str = include_str!("../scenarios/grammar.txt");

/// A whole file, ready to be played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The only stage it plays on, if not on every one.
    pub stage: Option<Stage>,
    /// Its sentences, in order.
    pub lines: Vec<Line>,
}

/// One sentence of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Where it stands in the file, from 1.
    pub number: usize,
    /// As it was written.
    pub text: String,
    /// What it says.
    pub step: Step,
    /// The code of the rejection it must meet, if it must meet one.
    pub refused: Option<String>,
}

/// A place a message is addressed to, as a scenario writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address {
    /// What stands before the `@`, valid or not.
    pub label: String,
    /// Which pod.
    pub pod: PodName,
}

/// What a sentence asks for or claims; `README.md` beside the scenarios says what each means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields repeat the slots of the sentence")]
pub enum Step {
    /// `this plays on STAGE only`
    Stage(Stage),
    /// `POD starts`
    PodStarts(PodName),
    /// `POD is killed`
    PodKilled(PodName),
    /// `POD restarts`
    PodRestarts(PodName),
    /// `POD knows POD`
    PodKnows { pod: PodName, other: PodName },
    /// `PERSON joins POD`, and how
    Join {
        who: Person,
        pod: PodName,
        manner: Manner,
    },
    /// `PERSON leaves`
    Leave(Person),
    /// `PERSON crashes`
    Crash(Person),
    /// `PERSON reloads`
    Reload(Person),
    /// `NUMBER seeds join POD`
    SeedsJoin(u32, PodName),
    /// `NUMBER seeds leave`
    SeedsLeave(u32),
    /// `NUMBER seeds crash`
    SeedsCrash(u32),
    /// `PERSON registers LABEL`
    Register { who: Person, label: String },
    /// `PERSON looks up ADDRESS`
    Resolve { who: Person, address: Address },
    /// `PERSON writes ADDRESS TEXT`; the byte and number forms are turned into their texts
    Write {
        who: Person,
        to: Address,
        texts: Vec<String>,
    },
    /// `PERSON is online` or `offline`
    Online { who: Person, online: bool },
    /// `PERSON is still ADDRESS`
    Still { who: Person, address: Address },
    /// `PERSON reads TEXT from ADDRESS`
    Read {
        who: Person,
        texts: Vec<String>,
        from: Address,
    },
    /// `PERSON reads nothing else`
    ReadNoMore(Person),
    /// `PERSONS TEXT is STATUS`
    Status {
        author: Person,
        text: String,
        status: Standing,
    },
    /// `PERSONS TEXT is held by at least NUMBER seeds and NUMBER pods`
    Held {
        author: Person,
        text: String,
        seeds: u32,
        pods: u32,
    },
    /// `PERSON puts aside NUMBER messages`
    PutAside { who: Person, messages: u32 },
    /// `POD forgets the record of PERSONS TEXT`, or every record
    PodForgets {
        pod: PodName,
        record: Option<(Person, String)>,
    },
    /// `everyone loses every record`
    AllForget,
    /// `POD spoils the record of PERSONS TEXT`
    PodSpoils {
        pod: PodName,
        author: Person,
        text: String,
    },
    /// `PERSON sends POD garbage`
    Garbage { who: Person, pod: PodName },
    /// `PERSON repeats to POD what PERSON said`
    Repeat {
        who: Person,
        pod: PodName,
        whose: Person,
    },
    /// `NUMBER UNIT pass`
    Wait(Duration),
}

/// What is wrong with a scenario, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file, as it was named to [`Scenario::parse`].
    pub file: String,
    /// The line, from 1.
    pub number: usize,
    /// One sentence for whoever wrote the file.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.number, self.what)
    }
}

impl std::error::Error for Mistake {}

impl Scenario {
    /// Reads a scenario. `file` is only for the mistakes.
    ///
    /// # Errors
    /// The first [`Mistake`] in the text.
    pub fn parse(file: &str, text: &str) -> Result<Self, Mistake> {
        let mut scenario = Self {
            stage: None,
            lines: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let number = index + 1;
            let mistake = |what| Mistake {
                file: file.into(),
                number,
                what,
            };
            let (step, refused) = sentence(line).map_err(mistake)?;
            if let Step::Stage(stage) = step {
                if !scenario.lines.is_empty() || scenario.stage.is_some() {
                    return Err(mistake("the stage is named first, and once".into()));
                }
                scenario.stage = Some(stage);
            } else {
                scenario.lines.push(Line {
                    number,
                    text: line.into(),
                    step,
                    refused,
                });
            }
        }
        Ok(scenario)
    }

    /// Whether it may be played on this stage.
    #[must_use]
    pub fn plays_on(&self, stage: Stage) -> bool {
        self.stage.is_none_or(|only| only == stage)
    }
}

/// Reads one line.
fn sentence(line: &str) -> Result<(Step, Option<String>), String> {
    let mut words = lexicon::words(line)?;
    let mut refused = None;
    if let [
        ..,
        Word::Plain(but),
        Word::Plain(is),
        Word::Plain(refused_),
        Word::Plain(code),
    ] = words.as_slice()
        && (but.as_str(), is.as_str(), refused_.as_str()) == ("but", "is", "refused")
    {
        refused = Some(lexicon::code(code)?);
        words.truncate(words.len() - 4);
    }
    let forms = lexicon::forms(GRAMMAR);
    let form = choose(&forms, &words)?;
    let step = step(form, &form.slots(&words))?;
    Ok((step, refused))
}

/// The one form whose fixed words are those of the line.
fn choose<'f>(forms: &'f [Form], words: &[Word]) -> Result<&'f Form, String> {
    if let Some(form) = forms.iter().find(|form| form.matches(words)) {
        return Ok(form);
    }
    let mut near: Vec<_> = forms
        .iter()
        .filter(|form| form.likeness(words) > 0)
        .collect();
    near.sort_by_key(|form| std::cmp::Reverse(form.likeness(words)));
    let near: Vec<_> = near
        .iter()
        .take(3)
        .map(|form| format!("`{}`", form.text))
        .collect();
    Err(match near.as_slice() {
        [] => "no sentence of grammar.txt has any of these words".into(),
        _ => format!(
            "not a sentence of grammar.txt; the nearest are {}",
            near.join(", ")
        ),
    })
}

/// What a form says once its slots are filled.
fn step(form: &Form, slots: &[&Word]) -> Result<Step, String> {
    let mut slots = lexicon::Slots::new(slots);
    Ok(match form.name.as_str() {
        "stage" => Step::Stage(slots.stage()?),
        "pod_starts" => Step::PodStarts(slots.pod()?),
        "pod_knows" => Step::PodKnows {
            pod: slots.pod()?,
            other: slots.pod()?,
        },
        "pod_killed" => Step::PodKilled(slots.pod()?),
        "pod_restarts" => Step::PodRestarts(slots.pod()?),
        "join" => Step::Join {
            who: slots.person()?,
            pod: slots.pod()?,
            manner: Manner::Storing,
        },
        "join_idle" => Step::Join {
            who: slots.person()?,
            pod: slots.pod()?,
            manner: Manner::Idle,
        },
        "join_hidden" => Step::Join {
            who: slots.person()?,
            pod: slots.pod()?,
            manner: Manner::Hidden,
        },
        "leave" => Step::Leave(slots.person()?),
        "crash" => Step::Crash(slots.person()?),
        "reload" => Step::Reload(slots.person()?),
        "seeds_join" => Step::SeedsJoin(slots.number()?, slots.pod()?),
        "seeds_leave" => Step::SeedsLeave(slots.number()?),
        "seeds_crash" => Step::SeedsCrash(slots.number()?),
        _ => return what_people_do(form, slots),
    })
}

/// More of [`step`]: aliases, writing, reading.
fn what_people_do(form: &Form, mut slots: lexicon::Slots<'_>) -> Result<Step, String> {
    Ok(match form.name.as_str() {
        "register" => Step::Register {
            who: slots.person()?,
            label: slots.word()?,
        },
        "resolve" => Step::Resolve {
            who: slots.person()?,
            address: slots.address()?,
        },
        "write" => {
            let (who, to) = (slots.person()?, slots.address()?);
            Step::Write {
                who,
                to,
                texts: vec![slots.text()?],
            }
        }
        "write_bytes" => {
            let (who, to) = (slots.person()?, slots.address()?);
            Step::Write {
                who,
                to,
                texts: vec!["x".repeat(slots.number()? as usize)],
            }
        }
        "write_many" => {
            let (who, to) = (slots.person()?, slots.address()?);
            Step::Write {
                who,
                to,
                texts: numbered(slots.number()?),
            }
        }
        "online" => Step::Online {
            who: slots.person()?,
            online: true,
        },
        "offline" => Step::Online {
            who: slots.person()?,
            online: false,
        },
        "still" => Step::Still {
            who: slots.person()?,
            address: slots.address()?,
        },
        "read" => {
            let (who, text) = (slots.person()?, slots.text()?);
            Step::Read {
                who,
                texts: vec![text],
                from: slots.address()?,
            }
        }
        "read_many" => {
            let (who, texts) = (slots.person()?, numbered(slots.number()?));
            Step::Read {
                who,
                texts,
                from: slots.address()?,
            }
        }
        "read_no_more" => Step::ReadNoMore(slots.person()?),
        _ => return behind_the_scenes(form, slots),
    })
}

/// The rest of [`step`]: what deliveries say, what breaks, what passes.
fn behind_the_scenes(form: &Form, mut slots: lexicon::Slots<'_>) -> Result<Step, String> {
    Ok(match form.name.as_str() {
        "status" => {
            let (author, text) = (slots.persons()?, slots.text()?);
            Step::Status {
                author,
                text,
                status: slots.status()?,
            }
        }
        "held" => {
            let (author, text) = (slots.persons()?, slots.text()?);
            Step::Held {
                author,
                text,
                seeds: slots.number()?,
                pods: slots.number()?,
            }
        }
        "put_aside" => Step::PutAside {
            who: slots.person()?,
            messages: slots.number()?,
        },
        "pod_forgets" => {
            let pod = slots.pod()?;
            Step::PodForgets {
                pod,
                record: Some((slots.persons()?, slots.text()?)),
            }
        }
        "pod_forgets_all" => Step::PodForgets {
            pod: slots.pod()?,
            record: None,
        },
        "all_forget" => Step::AllForget,
        "pod_spoils" => {
            let pod = slots.pod()?;
            Step::PodSpoils {
                pod,
                author: slots.persons()?,
                text: slots.text()?,
            }
        }
        "garbage" => Step::Garbage {
            who: slots.person()?,
            pod: slots.pod()?,
        },
        "repeat" => {
            let (who, pod) = (slots.person()?, slots.pod()?);
            Step::Repeat {
                who,
                pod,
                whose: slots.person()?,
            }
        }
        "wait" => Step::Wait(slots.span()?),
        name => {
            return Err(format!(
                "grammar.txt names `{name}`, which nothing here plays"
            ));
        }
    })
}

/// The texts of `writes ADDRESS NUMBER messages`.
fn numbered(count: u32) -> Vec<String> {
    (1..=count).map(|number| number.to_string()).collect()
}
