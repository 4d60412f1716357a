//! Names: what they may consist of, and the messages that say so.
//!
//! Each function answers the messages of what is wrong; none when the name is right.

const LABEL_MAX: usize = 63;
const SUBDOMAIN_MAX: usize = 253;

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const LABEL_1035: &str = "[a-z]([-a-z0-9]*[a-z0-9])?";
const WILDCARD: &str = r"\*\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const QUALIFIED: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const LABEL_VALUE: &str = "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?";
const CONFIG_KEY: &str = "[-._a-zA-Z0-9]+";
const PERCENT: &str = "[0-9]+%";

/// A DNS label of RFC 1123: namespaces, containers, volumes.
pub(super) fn dns_label(name: &str) -> Vec<String> {
    let mut found = too_long(name, LABEL_MAX);
    if !is_label(name) {
        found.push(if is_subdomain(name) {
            "must not contain dots".to_owned()
        } else {
            pattern(
                "a lowercase RFC 1123 label must consist of lower case alphanumeric characters \
                 or '-', and must start and end with an alphanumeric character",
                LABEL,
                &["my-name", "123-abc"],
            )
        });
    }
    found
}

/// A DNS subdomain of RFC 1123: what most objects are named by.
pub(super) fn dns_subdomain(name: &str) -> Vec<String> {
    let mut found = too_long(name, SUBDOMAIN_MAX);
    if !is_subdomain(name) {
        found.push(pattern(
            "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
             '-' or '.', and must start and end with an alphanumeric character",
            SUBDOMAIN,
            &["example.com"],
        ));
    }
    found
}

/// A DNS label of RFC 1035: it begins with a letter.
pub(super) fn dns_1035_label(name: &str) -> Vec<String> {
    let mut found = too_long(name, LABEL_MAX);
    if !(is_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase())) {
        found.push(pattern(
            "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start \
             with an alphabetic character, and end with an alphanumeric character",
            LABEL_1035,
            &["my-name", "abc-123"],
        ));
    }
    found
}

/// A host with a wildcard for its first label.
pub(super) fn wildcard(name: &str) -> Vec<String> {
    let mut found = too_long(name, SUBDOMAIN_MAX);
    if !name.strip_prefix("*.").is_some_and(is_subdomain) {
        found.push(pattern(
            "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS \
             subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and \
             end with an alphanumeric character",
            WILDCARD,
            &["*.example.com"],
        ));
    }
    found
}

/// A name that stands in a path as it is: roles and their bindings.
pub(crate) fn path_segment(name: &str) -> Vec<String> {
    if name == "." || name == ".." {
        return vec![format!("may not be '{name}'")];
    }
    let within = ["/", "%"].into_iter().filter(|part| name.contains(part));
    within.map(|part| format!("may not contain '{part}'")).collect()
}

/// The key of a label or annotation, the name of a finalizer: `prefix/name` or `name`.
pub(super) fn qualified(key: &str) -> Vec<String> {
    let parts: Vec<&str> = key.split('/').collect();
    let form = pattern(
        "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
         an alphanumeric character",
        QUALIFIED,
        &["MyName", "my.name", "123-abc"],
    );
    let mut found = Vec::new();
    let name = match parts.as_slice() {
        [name] => *name,
        [prefix, name] => {
            if prefix.is_empty() {
                found.push("prefix part must be non-empty".to_owned());
            } else {
                let wrong = dns_subdomain(prefix).into_iter();
                found.extend(wrong.map(|message| format!("prefix part {message}")));
            }
            *name
        }
        _ => {
            return vec![format!(
                "a valid label key {form} with an optional DNS subdomain prefix and '/' \
                 (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        found.push("name part must be non-empty".to_owned());
    }
    found.extend(
        too_long(name, LABEL_MAX).into_iter().map(|message| format!("name part {message}")),
    );
    if !is_qualified_part(name) {
        found.push(format!("name part {form}"));
    }
    found
}

/// The value of a label.
pub(super) fn label_value(value: &str) -> Vec<String> {
    let mut found = too_long(value, LABEL_MAX);
    if !value.is_empty() && !is_qualified_part(value) {
        found.push(pattern(
            "a valid label must be an empty string or consist of alphanumeric characters, '-', \
             '_' or '.', and must start and end with an alphanumeric character",
            LABEL_VALUE,
            &["MyValue", "my_value", "12345"],
        ));
    }
    found
}

/// The key of a config map or secret.
pub(super) fn config_key(key: &str) -> Vec<String> {
    let mut found = too_long(key, SUBDOMAIN_MAX);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if key.is_empty() || !key.bytes().all(allowed) {
        found.push(pattern(
            "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
            CONFIG_KEY,
            &["key.name", "KEY_NAME", "key-name"],
        ));
    }
    match key {
        "." | ".." => found.push(format!("must not be '{key}'")),
        _ if key.starts_with("..") => found.push("must not start with '..'".to_owned()),
        _ => {}
    }
    found
}

/// The name of an environment variable: any printable ASCII but `=`.
pub(super) fn variable(name: &str) -> Vec<String> {
    if name.is_empty() {
        return vec!["environment variable name must be non-empty".to_owned()];
    }
    let allowed = |b: u8| (b' '..=b'~').contains(&b) && b != b'=';
    if name.bytes().all(allowed) {
        return Vec::new();
    }
    vec![
        "a valid environment variable name must consist only of printable ASCII characters other \
         than '='"
            .to_owned(),
    ]
}

/// The name of a port.
pub(super) fn port_name(name: &str) -> Vec<String> {
    let mut found = too_long(name, 15);
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let wrong = [
        (
            name.is_empty() || !name.bytes().all(allowed),
            "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
        ),
        (!name.bytes().any(|b| b.is_ascii_lowercase()), "must contain at least one letter (a-z)"),
        (name.contains("--"), "must not contain consecutive hyphens"),
        (name.starts_with('-') || name.ends_with('-'), "must not begin or end with a hyphen"),
    ];
    found.extend(wrong.into_iter().filter(|(is, _)| *is).map(|(_, message)| message.to_owned()));
    found
}

/// A port's number.
pub(super) fn port_number(number: i64) -> Vec<String> {
    if (1..=65535).contains(&number) { Vec::new() } else { vec![between(1, 65535)] }
}

/// The message about a number outside of its range.
pub(super) fn between(low: i64, high: i64) -> String {
    format!("must be between {low} and {high}, inclusive")
}

/// `25%`.
pub(super) fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let message = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![pattern(message, PERCENT, &["1%", "93%"])]
}

fn too_long(name: &str, max: usize) -> Vec<String> {
    let long = name.len() > max;
    long.then(|| format!("must be no more than {max} characters")).into_iter().collect()
}

fn pattern(message: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|example| format!("'{example}', ")).collect();
    format!("{message} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !name.is_empty() && name.bytes().all(inner) && !name.starts_with('-') && !name.ends_with('-')
}

fn is_subdomain(name: &str) -> bool {
    name.split('.').all(is_label)
}

fn is_qualified_part(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    name.bytes().all(inner) && ends(name.chars().next()) && ends(name.chars().next_back())
}
