//! What is let through to the browser of a far end's words: descriptions (SDP, RFC 8866 and
//! RFC 8841) and candidates (RFC 8839).
//!
//! A browser reads much more than a data channel needs. Here it gets nothing else.

use super::Fault;
use crate::limit;

/// Checks a description: short, for one data channel association and nothing else, and with one
/// SHA-256 fingerprint of the far end's key (RFC 8122), however often that is said.
///
/// # Errors
/// [`Fault::TooMuch`] past [`limit::SDP_BYTES_MAX`] or [`limit::RTC_CANDIDATES_MAX`],
/// [`Fault::Malformed`] for everything else.
pub fn check_description(sdp: &str) -> Result<(), Fault> {
    if sdp.len() > limit::SDP_BYTES_MAX {
        return Err(Fault::TooMuch);
    }
    if sdp.lines().next() != Some("v=0") {
        return Err(Fault::Malformed);
    }
    let (mut fingerprint, mut media, mut candidates) = (None, 0_usize, 0_usize);
    for line in sdp.lines() {
        let (kind, value) = line.split_once('=').ok_or(Fault::Malformed)?;
        if kind.len() != 1 || line.chars().any(char::is_control) {
            return Err(Fault::Malformed);
        }
        if kind == "m" {
            media = media.saturating_add(1);
            check_media(value)?;
        } else if let Some(said) = value.strip_prefix("fingerprint:").filter(|_| kind == "a") {
            let said = parse_fingerprint(said).ok_or(Fault::Malformed)?;
            if *fingerprint.get_or_insert(said) != said {
                return Err(Fault::Malformed);
            }
        } else if kind == "a" && value.starts_with("candidate:") {
            candidates = candidates.saturating_add(1);
        }
    }
    if candidates > limit::RTC_CANDIDATES_MAX {
        return Err(Fault::TooMuch);
    }
    if media == 1 && fingerprint.is_some() {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

/// `application PORT UDP/DTLS/SCTP webrtc-datachannel`; port 0 would mean "refused".
fn check_media(value: &str) -> Result<(), Fault> {
    let mut words = value.split(' ');
    let kind = words.next() == Some("application");
    let port = words.next().and_then(|port| port.parse::<u16>().ok());
    let transport = matches!(words.next(), Some("UDP/DTLS/SCTP" | "TCP/DTLS/SCTP"));
    let format = words.next() == Some("webrtc-datachannel") && words.next().is_none();
    if kind && port.is_some_and(|port| port != 0) && transport && format {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

/// `sha-256 AB:CD:…`, 32 bytes; another hash is none.
fn parse_fingerprint(said: &str) -> Option<[u8; 32]> {
    let (hash, digits) = said.split_once(' ')?;
    if !hash.eq_ignore_ascii_case("sha-256") {
        return None;
    }
    let mut bytes = [0; 32];
    let mut pairs = digits.split(':');
    for byte in &mut bytes {
        let pair = pairs.next()?;
        if pair.len() != 2 || !pair.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(bytes)
}

/// Checks a candidate: a short, flat JSON object whose member `candidate` is a candidate line or
/// empty.
///
/// # Errors
/// [`Fault::TooMuch`] past [`limit::RTC_CANDIDATE_BYTES_MAX`], otherwise [`Fault::Malformed`].
pub fn check_candidate(json: &str) -> Result<(), Fault> {
    if json.len() > limit::RTC_CANDIDATE_BYTES_MAX {
        return Err(Fault::TooMuch);
    }
    if is_candidate(json).unwrap_or(false) {
        Ok(())
    } else {
        Err(Fault::Malformed)
    }
}

fn is_candidate(json: &str) -> Option<bool> {
    let mut rest = Json(json.trim_matches(SPACE));
    let mut named = false;
    rest.token("{")?;
    loop {
        let key = rest.string()?;
        rest.token(":")?;
        let text = rest.value()?;
        if key == "candidate" {
            let line = text?;
            let bare = line.strip_prefix("a=").unwrap_or(line);
            let good = line.is_empty() || bare.starts_with("candidate:");
            if named || !good {
                return None;
            }
            named = true;
        }
        if rest.token(",").is_none() {
            break;
        }
    }
    rest.token("}")?;
    Some(named && rest.0.is_empty())
}

/// What JSON calls white space (RFC 8259, section 2).
const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];

/// What is left of a text in that part of JSON which candidates are written in: no nesting, and
/// no escapes that could hide a letter or make a control character.
struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    fn token(&mut self, token: &str) -> Option<()> {
        self.0 = self.0.trim_start_matches(SPACE).strip_prefix(token)?;
        self.0 = self.0.trim_start_matches(SPACE);
        Some(())
    }

    /// A string, as it is written.
    fn string(&mut self) -> Option<&'a str> {
        let inside = self.0.strip_prefix('"')?;
        let mut escaped = false;
        for (at, c) in inside.char_indices() {
            match c {
                '"' | '\\' | '/' if escaped => escaped = false,
                _ if escaped => return None,
                '\\' => escaped = true,
                '"' => {
                    let (text, rest) = inside.split_at_checked(at)?;
                    self.0 = rest.strip_prefix('"')?;
                    return Some(text);
                }
                c if c.is_control() => return None,
                _ => {}
            }
        }
        None
    }

    /// A value: `Some(Some(text))` when it is a string.
    fn value(&mut self) -> Option<Option<&'a str>> {
        if self.0.starts_with('"') {
            return self.string().map(Some);
        }
        for word in ["null", "true", "false"] {
            if self.token(word).is_some() {
                return Some(None);
            }
        }
        let digits = self.0.len().saturating_sub(
            self.0
                .trim_start_matches(|c: char| c.is_ascii_digit())
                .len(),
        );
        let (number, rest) = self.0.split_at_checked(digits)?;
        let written = number == "0" || (!number.is_empty() && !number.starts_with('0'));
        if !written || digits > 10 {
            return None;
        }
        self.0 = rest;
        Some(None)
    }
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::String};

    use super::*;
    use crate::rtc::tests::{Dice, candidate, chromium, datachannel, fingerprint, firefox};

    const MALFORMED: Result<(), Fault> = Err(Fault::Malformed);
    const TOO_MUCH: Result<(), Fault> = Err(Fault::TooMuch);

    #[test]
    fn what_browsers_write_is_let_through() {
        for sdp in [chromium(1), firefox(2), datachannel(3)] {
            assert_eq!(check_description(&sdp), Ok(()), "{sdp}");
            assert_eq!(check_description(&sdp.replace("\r\n", "\n")), Ok(()));
            let mut with = sdp.clone();
            for number in 0..limit::RTC_CANDIDATES_MAX {
                with.push_str(&format!(
                    "a=candidate:{number} 1 udp 2 192.0.2.1 9 typ host\r\n"
                ));
            }
            assert_eq!(check_description(&with), Ok(()));
            with.push_str("a=candidate:64 1 udp 2 192.0.2.1 9 typ host\r\n");
            assert_eq!(check_description(&with), TOO_MUCH);
        }
    }

    #[test]
    fn mallory_wants_the_camera() {
        for more in [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n",
            "m=video 9 UDP/TLS/RTP/SAVPF 96\r\n",
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n",
        ] {
            assert_eq!(check_description(&(chromium(1) + more)), MALFORMED);
        }
        let line = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel";
        for other in [
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
            "m=application 9 UDP/DTLS/SCTP webrtc-datachannel 0",
            "m=application 9 DTLS/SCTP 5000",
            "m=application 99999 UDP/DTLS/SCTP webrtc-datachannel",
            "m=application",
            "a=inactive",
        ] {
            let sdp = chromium(1).replace(line, other);
            assert_eq!(check_description(&sdp), MALFORMED, "{other}");
        }
    }

    #[test]
    fn there_is_exactly_one_fingerprint() {
        let sdp = chromium(1);
        let line = format!("a=fingerprint:{}\r\n", fingerprint(1));
        let without = sdp.replace(&line, "");
        assert_eq!(check_description(&without), MALFORMED);
        let again = format!("{sdp}{}", line.to_lowercase());
        assert_eq!(
            check_description(&again),
            Ok(()),
            "the same one may be told twice"
        );
        let two = format!("{sdp}a=fingerprint:{}\r\n", fingerprint(2));
        assert_eq!(check_description(&two), MALFORMED);
        for bad in [
            "a=fingerprint:sha-1 AA:BB\r\n",
            "a=fingerprint:sha-256\r\n",
            "a=fingerprint:sha-256 AA:BB\r\n",
            "a=fingerprint:\r\n",
        ] {
            assert_eq!(
                check_description(&format!("{without}{bad}")),
                MALFORMED,
                "{bad}"
            );
            assert_eq!(
                check_description(&format!("{sdp}{bad}")),
                MALFORMED,
                "{bad}"
            );
        }
        let wrong = line.replace("01:01", "01:G1");
        assert_eq!(check_description(&format!("{without}{wrong}")), MALFORMED);
        let long = line.replace("\r\n", ":01\r\n");
        assert_eq!(check_description(&format!("{without}{long}")), MALFORMED);
        let sign = line.replace("01:01", "+1:01");
        assert_eq!(check_description(&format!("{without}{sign}")), MALFORMED);
    }

    #[test]
    fn what_is_no_description() {
        for bad in ["", "v=1\r\n", "hello", "\r\n", "v=0", "v=0\r\n\r\n"] {
            assert_eq!(check_description(bad), MALFORMED, "{bad:?}");
        }
        let sdp = chromium(1);
        for bad in ["a\r\n", "ab=c\r\n", "=c\r\n", "a=\u{0}\r\n", "a=x\ry\r\n"] {
            assert_eq!(
                check_description(&format!("{sdp}{bad}")),
                MALFORMED,
                "{bad:?}"
            );
        }
        let long = sdp + "a=" + &"x".repeat(limit::SDP_BYTES_MAX);
        assert_eq!(check_description(&long), TOO_MUCH);
    }

    #[test]
    fn what_browsers_write_of_a_candidate_is_let_through() {
        let server =
            "{\"candidate\":\"a=candidate:1 1 UDP 2 2001:db8::1 9 typ host\", \"sdpMid\": \"0\" }";
        let end = r#" {"candidate":"","sdpMid":"0","sdpMLineIndex":0,"usernameFragment":null} "#;
        for good in [
            candidate(1),
            server.into(),
            end.into(),
            r#"{"candidate":""}"#.into(),
        ] {
            assert_eq!(check_candidate(&good), Ok(()), "{good}");
        }
        let escaped = candidate(1).replace("Ab3d", r#"A\/\\\"d"#);
        assert_eq!(check_candidate(&escaped), Ok(()));
    }

    #[test]
    fn mallory_tries_other_json() {
        for bad in [
            "",
            "null",
            "\"candidate:1\"",
            "[]",
            "{}",
            "{",
            "{\"candidate\"}",
            "{\"candidate\":\"candidate:1\"",
            "{\"candidate\":\"candidate:1\"}}",
            "{\"candidate\":\"candidate:1\",}",
            "{\"candidate\":\"candidate:1\" \"sdpMid\":\"0\"}",
            "{\"candidate\":\"candidate:1\",\"candidate\":\"candidate:2\"}",
            "{\"candidate\":\"v=0\"}",
            "{\"candidate\":null}",
            "{\"candidate\":{\"candidate\":\"candidate:1\"}}",
            "{\"candidate\":\"candidate:1\",\"a\":[]}",
            "{\"candidate\":\"candidate:1\",\"a\":{}}",
            "{\"candidate\":\"candidate:1\",\"a\":01}",
            "{\"candidate\":\"candidate:1\",\"a\":-1}",
            "{\"candidate\":\"candidate:1\",\"a\":1e9}",
            "{\"candidate\":\"candidate:1\",\"a\":12345678901}",
            "{\"candidate\":\"candidate:1\",\"a\":nul}",
            "{\"candidate\":\"candidate:1\\r\\nm=audio\"}",
            "{\"candidate\":\"candidate:1\\u000am=audio\"}",
            "{\"candidate\":\"candidate:1\nm=audio\"}",
            "{\"candidate\":\"candidate:1\\\"}",
            "{candidate:\"candidate:1\"}",
            "{'candidate':'candidate:1'}",
            "{\"sdpMid\":\"0\"}",
        ] {
            assert_eq!(check_candidate(bad), MALFORMED, "{bad}");
        }
        let long = candidate(1).replace("Ab3d", &"x".repeat(limit::RTC_CANDIDATE_BYTES_MAX));
        assert_eq!(check_candidate(&long), TOO_MUCH);
    }

    #[test]
    fn no_spoiled_text_makes_it_panic() {
        let mut dice = Dice::new(1);
        let mut passed = 0;
        for number in 0..4_000 {
            let mut text = match number % 4 {
                0 => chromium(1),
                1 => firefox(1),
                2 => datachannel(1),
                _ => candidate(number),
            }
            .into_bytes();
            dice.spoil(&mut text);
            let text = String::from_utf8_lossy(&text);
            passed += usize::from(check_description(&text).is_ok());
            passed += usize::from(check_candidate(&text).is_ok());
        }
        assert!(passed < 4_000, "some of it is refused");
    }
}
