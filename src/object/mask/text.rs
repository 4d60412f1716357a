//! Masking of credentials in messages.

use std::borrow::Cow;

/// What stands for a credential in a message.
const MASK: &str = "***";
/// Query parameters that carry a credential, compared without regard to case.
const PARAMETERS: [&str; 8] = [
    "access_token",
    "api_key",
    "apikey",
    "client_secret",
    "password",
    "private_token",
    "sig",
    "token",
];

/// Masks what must not be read in a message of ours or of another program: the user info of URLs
/// (`https://user:token@host`), credentials in their query, and `Authorization` headers. A user
/// name alone in an SSH URL (`ssh://git@host`) is no secret and stays.
pub fn text(message: &str) -> Cow<'_, str> {
    let mut masked = Cow::Borrowed(message);
    for find in [userinfo, parameter, authorization] {
        if let Cow::Owned(next) = replace_all(&masked, find) {
            masked = Cow::Owned(next);
        }
    }
    masked
}

/// Where to go on, and the bytes to replace, if any.
struct Found {
    secret: Option<(usize, usize)>,
    next: usize,
}

/// Replaces every secret that `find` reports; `find` gets the text and the place to search from.
fn replace_all(text: &str, find: fn(&str, usize) -> Option<Found>) -> Cow<'_, str> {
    let mut out = String::new();
    let (mut copied, mut from) = (0, 0);
    while let Some(found) = find(text, from) {
        if let Some((start, end)) = found.secret {
            out.push_str(&text[copied..start]);
            out.push_str(MASK);
            copied = end;
        }
        from = found.next;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// The end of the word that starts at `start`: URLs in messages end at blanks and quotes.
fn word_end(text: &str, start: usize) -> usize {
    let ends =
        |c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '\'' | '`' | '<' | '>');
    text[start..].find(ends).map_or(text.len(), |at| start + at)
}

fn userinfo(text: &str, from: usize) -> Option<Found> {
    let colon = from + text[from..].find("://")?;
    let start = colon + 3;
    let word = &text[start..word_end(text, start)];
    let authority = word.find(['/', '?', '#']).map_or(word, |at| &word[..at]);
    let user_end = authority.rfind('@').or_else(|| {
        // An unescaped `/`, `?` or `#` in a password ends the authority too early. A colon with
        // something else than a port after it gives that away.
        let (_, port) = authority.split_once(':')?;
        let is_port = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        if is_port || authority.starts_with('[') { None } else { word.rfind('@') }
    });
    let Some(user_end) = user_end else { return Some(Found { secret: None, next: start }) };
    let scheme = &text[..colon];
    let harmless = scheme.ends_with("ssh") && !word[..user_end].contains(':');
    let secret = (!harmless && user_end > 0).then_some((start, start + user_end));
    Some(Found { secret, next: start + user_end + 1 })
}

fn parameter(text: &str, from: usize) -> Option<Found> {
    let start = from + text[from..].find(['?', '&'])? + 1;
    let rest = &text[start..word_end(text, start)];
    let none = Some(Found { secret: None, next: start });
    let Some((name, value)) = rest.split_once('=') else { return none };
    if !PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known)) {
        return none;
    }
    let value_start = start + name.len() + 1;
    let value_end = value_start + value.find(['&', '#', ')', ',']).unwrap_or(value.len());
    Some(Found {
        secret: (value_end > value_start).then_some((value_start, value_end)),
        next: value_end,
    })
}

fn authorization(text: &str, from: usize) -> Option<Found> {
    const HEADER: &str = "authorization:";
    // Byte-wise, because only ASCII letters are compared without regard to case.
    let at = text.as_bytes()[from..]
        .windows(HEADER.len())
        .position(|window| window.eq_ignore_ascii_case(HEADER.as_bytes()))?;
    let start = from + at + HEADER.len();
    let line_end = text[start..].find(['\r', '\n', '"', '\'']).map_or(text.len(), |at| start + at);
    let value = &text[start..line_end];
    let value_start = start + (value.len() - value.trim_start().len());
    Some(Found {
        secret: (line_end > value_start).then_some((value_start, line_end)),
        next: line_end,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn credentials_in_messages_are_masked() {
        // (message, as shown)
        let table = [
            ("clone of https://user:token@host/x failed", "clone of https://***@host/x failed"),
            ("https://ghp_token@github.com/a/b.git", "https://***@github.com/a/b.git"),
            (
                "'https://u:p@h' and \"http://v:q@i:80/\"",
                "'https://***@h' and \"http://***@i:80/\"",
            ),
            ("ssh://git@host/x", "ssh://git@host/x"),
            ("ssh://git:secret@host/x", "ssh://***@host/x"),
            ("git+ssh://git@host", "git+ssh://git@host"),
            ("https://user:a/b@c@host/x", "https://***@host/x"),
            ("https://host/path@v1", "https://host/path@v1"),
            ("https://host:8443/path@v1", "https://host:8443/path@v1"),
            ("https://[::1]:80/path@v1", "https://[::1]:80/path@v1"),
            ("https://host", "https://host"),
            ("git@host:a/b.git", "git@host:a/b.git"),
            (
                "GET https://h/x?a=1&private_token=s3cret&b=2",
                "GET https://h/x?a=1&private_token=***&b=2",
            ),
            ("https://h/?Token=s3cret", "https://h/?Token=***"),
            ("sent authorization: Bearer abc\nbad", "sent authorization: ***\nbad"),
            ("Authorization:Basic dTpw", "Authorization:***"),
            ("https://ü:ß@ö/ä", "https://***@ö/ä"),
        ];
        for (message, shown) in table {
            assert_eq!(text(message), shown, "{message}");
        }
    }

    #[test]
    fn a_message_without_credentials_is_not_copied() {
        assert!(matches!(text("nothing here: a://b, c?d=e"), Cow::Borrowed(_)));
    }

    proptest! {
        #[test]
        fn any_text_can_be_masked_and_masking_again_changes_nothing(
            message in "(https?://|ssh://|@|:|/|token=|[?&]|authorization:|\\PC|\n){0,12}"
        ) {
            let once = text(&message).into_owned();
            prop_assert_eq!(text(&once).into_owned(), once);
        }

        #[test]
        fn a_password_never_survives(user in "[a-z]{1,8}", password in "[A-Z!/?#][A-Z0-9!/?#]{5,20}") {
            let message = format!("fetch of https://{user}:{password}@host.example/x: timed out");
            prop_assert!(!text(&message).contains(&password));
        }
    }
}
