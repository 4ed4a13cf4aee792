//! How a command speaks: lines for people, or one JSON object a line with names that stay.

use std::io::{self, IsTerminal as _, Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use muttr_core::{
    name::Alias,
    rejection::Rejection,
    seed::{ContactView, Delivery, Draft, Message, Status, Trust},
};
use serde::Serialize;

use super::{date, trouble::Trouble};

/// Where a command says what it found.
pub(super) struct Output {
    json: bool,
    terminal: bool,
}

/// A message, as `--json` prints it.
#[derive(Serialize)]
struct MessageLine<'a> {
    id: String,
    from: String,
    to: String,
    text: &'a str,
    sent: String,
    received: String,
    verified: bool,
    trust: &'static str,
    request: bool,
    content_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reply_to: Option<String>,
    /// Of what is no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

/// How far a sent message came, as `--json` prints it.
#[derive(Serialize)]
struct DeliveryLine {
    id: String,
    to: String,
    status: &'static str,
    seeds: u32,
    pods: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<String>,
    expires: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    record_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// A person, as `--json` prints them.
#[derive(Serialize)]
struct ContactLine<'a> {
    alias: String,
    fingerprint: String,
    trust: &'static str,
    accepted: bool,
    blocked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_to: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    safety_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unread: Option<u32>,
}

#[derive(Serialize)]
struct TroubleLine {
    code: &'static str,
    message: String,
}

impl Output {
    pub(super) fn new(json: bool) -> Self {
        let terminal = io::stdout().is_terminal();
        Self { json, terminal }
    }

    /// Says something in both ways of speaking.
    pub(super) fn line(&self, object: &impl Serialize, text: &str) -> Result<(), Trouble> {
        let line = if self.json {
            serde_json::to_string(object).map_err(|error| Trouble::Pipe(error.into()))?
        } else if self.terminal {
            tame(text)
        } else {
            text.to_owned()
        };
        self.raw(format!("{line}\n").as_bytes())
    }

    /// Writes bytes as they are; they have left this process when it returns.
    pub(super) fn raw(&self, bytes: &[u8]) -> Result<(), Trouble> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Trouble::Closed,
            _ => Trouble::Pipe(error),
        })
    }

    pub(super) fn trouble(&self, trouble: &Trouble) {
        let code = trouble.code().code();
        let message = trouble.to_string();
        let line = TroubleLine { code, message };
        let text = match serde_json::to_string(&line) {
            Ok(text) if self.json => text,
            _ => format!("muttr: {trouble} ({code})"),
        };
        // Nobody is left to be told when stderr is closed.
        let _ = writeln!(io::stderr(), "{text}");
    }

    pub(super) fn message(&self, message: &Message) -> Result<(), Trouble> {
        let text = text_of(message);
        let line = MessageLine {
            id: message.id.to_string(),
            from: message.from.to_string(),
            to: message.to.to_string(),
            text: text.unwrap_or_default(),
            sent: date::rfc3339(message.sent_ms),
            received: date::rfc3339(message.at_ms),
            verified: message.verified,
            trust: trust(message.trust),
            request: message.request,
            content_type: &message.content_type,
            reply_to: message.reply_to.map(|id| id.to_string()),
            body_base64: text.is_none().then(|| STANDARD.encode(&message.body)),
        };
        let mut head = format!("{}  {}", date::short(message.sent_ms), message.from);
        if message.request {
            head.push_str("  (new contact)");
        }
        if !message.verified {
            head.push_str("  (nobody vouches for the author)");
        }
        let body = match text {
            Some(text) => text.to_owned(),
            None => format!("[{}, {} bytes]", message.content_type, message.body.len()),
        };
        self.line(&line, &format!("{head}\n{body}\n"))
    }

    /// A bot answers.
    pub(super) fn answered(&self, message: &Message, answer: &Draft) -> Result<(), Trouble> {
        #[derive(Serialize)]
        struct AnswerLine {
            to: String,
            reply_to: String,
            bytes: usize,
        }
        let line = AnswerLine {
            to: message.from.to_string(),
            reply_to: message.id.to_string(),
            bytes: answer.body.len(),
        };
        let text = format!("answered {} with {} bytes", line.to, line.bytes);
        self.line(&line, &text)
    }

    pub(super) fn delivery(&self, delivery: &Delivery) -> Result<(), Trouble> {
        let line = DeliveryLine {
            id: delivery.id.to_string(),
            to: delivery.to.to_string(),
            status: status(delivery.status),
            seeds: delivery.seeds,
            pods: delivery.pods,
            confirmed: (delivery.confirmed_ms > 0).then(|| date::rfc3339(delivery.confirmed_ms)),
            expires: date::rfc3339(delivery.expires_ms),
            record_key: delivery.key.map(|key| key.to_string()),
            reason: delivery.reason.map(Rejection::code),
        };
        let (to, expires) = (&delivery.to, date::short(delivery.expires_ms));
        let pods = count(delivery.pods, "pod");
        let seeds = count(delivery.seeds, "seed");
        let mut text = format!("sent to {to}: with {pods} and {seeds}, until {expires}");
        if delivery.forwarding {
            let why = delivery.reason.map_or("", Rejection::code);
            let host = to.host();
            text.push_str(&format!(
                "; {host} has not taken the news of it yet ({why}), your pod goes on trying"
            ));
        }
        self.line(&line, &text)
    }

    pub(super) fn contact(
        &self,
        contact: &ContactView,
        safety_number: Option<&str>,
        unread: Option<u32>,
    ) -> Result<(), Trouble> {
        let line = ContactLine {
            alias: contact.alias.to_string(),
            fingerprint: contact.fingerprint.to_string(),
            trust: trust(contact.trust),
            accepted: contact.accepted,
            blocked: contact.blocked,
            moved_to: contact.moved_to.as_ref().map(ToString::to_string),
            safety_number,
            unread,
        };
        let mut text = format!("{}  {}", contact.alias, trust(contact.trust));
        if contact.blocked {
            text.push_str(", blocked");
        } else if !contact.accepted {
            text.push_str(", new");
        }
        if let Some(to) = &contact.moved_to {
            text.push_str(&format!(", moved to {to}"));
        }
        if let Some(unread) = unread.filter(|unread| *unread > 0) {
            text.push_str(&format!(", {unread} unread"));
        }
        if let Some(number) = safety_number {
            let fingerprint = contact.fingerprint;
            text.push_str(&format!(
                "\nsafety number  {number}\nfingerprint    {fingerprint}"
            ));
        }
        self.line(&line, &text)
    }

    /// What was registered, or made.
    pub(super) fn person(
        &self,
        alias: Option<&Alias>,
        fingerprint: &str,
        text: &str,
    ) -> Result<(), Trouble> {
        #[derive(Serialize)]
        struct PersonLine<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            alias: Option<String>,
            fingerprint: &'a str,
        }
        let alias = alias.map(ToString::to_string);
        self.line(&PersonLine { alias, fingerprint }, text)
    }
}

/// The body as text, if it says that it is and is.
pub(super) fn text_of(message: &Message) -> Option<&str> {
    let text = message.content_type.starts_with("text/");
    std::str::from_utf8(&message.body).ok().filter(|_| text)
}

pub(super) const fn trust(trust: Trust) -> &'static str {
    match trust {
        Trust::Unverified => "unverified",
        Trust::Verified => "verified",
        Trust::KeyChanged => "key-changed",
    }
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Queued => "queued",
        Status::Stored => "stored",
        Status::Notified => "notified",
        Status::Fetched => "fetched",
        Status::Read => "read",
        Status::Lost => "lost",
    }
}

/// `1 pod`, `2 pods`.
fn count(number: u32, of: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {of}{s}")
}

/// What others wrote must not steer the terminal it is shown on.
fn tame(text: &str) -> String {
    let harmless = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    text.chars()
        .map(|c| if harmless(c) { c } else { '\u{fffd}' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_shown_as_unreadable() {
        assert_eq!(tame("oak\n\tleaf"), "oak\n\tleaf");
        assert_eq!(tame("\u{1b}]0;owned\u{7}"), "\u{fffd}]0;owned\u{fffd}");
        assert_eq!(tame("a\rb\u{9b}31m"), "a\u{fffd}b\u{fffd}31m");
    }
}
