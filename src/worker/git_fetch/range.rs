//! Version ranges as Argo CD's users write them: the dialect of Masterminds/semver.
//!
//! `1.2.*`, `1.x`, `^1.2`, `~1.2.3`, `>=1.0 <2.0`, `>=1.0, <2.0`, `1.2 - 2.3`, `^1 || ^2`, `*`.
//! A version that is not complete (`1.2`) stands for all it begins. A prerelease is only taken by
//! a range that names one itself, as in `>=1.0-0`.

use semver::{BuildMetadata, Prerelease, Version};

/// Alternatives; each is a list of conditions that hold together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range(Vec<Vec<Condition>>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    operator: Operator,
    version: Partial,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Tilde,
    Caret,
}

/// A version of which the end may be left open. What is open is zero in `floor`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Partial {
    floor: Version,
    /// How many of major, minor and patch are given: 0 for `*`.
    given: u8,
}

/// The operators, longest first, as they are spelled.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterEqual),
    ("=>", Operator::GreaterEqual),
    ("<=", Operator::LessEqual),
    ("=<", Operator::LessEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

/// Reads a tag as a version: an optional `v`, one to three numbers, the missing ones are zero.
pub(super) fn version(text: &str) -> Option<Version> {
    let numbers = text.strip_prefix('v').unwrap_or(text).split(['-', '+']).next()?;
    let plain = numbers.split('.').all(|part| digits(part).is_some());
    plain.then(|| Partial::parse(text)).flatten().map(|whole| whole.floor)
}

impl Range {
    /// Reads a range. `None` when `text` is no range, or when it names a single version: that is a
    /// tag to be looked up by its name.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if version(text).is_some() {
            return None;
        }
        text.split("||").map(conditions).collect::<Option<Vec<_>>>().map(Self)
    }

    /// True when `version` is in the range.
    pub(super) fn contains(&self, version: &Version) -> bool {
        self.0.iter().any(|together| {
            let named = together.iter().any(|condition| !condition.version.floor.pre.is_empty());
            (version.pre.is_empty() || named)
                && together.iter().all(|condition| condition.holds(version))
        })
    }
}

fn conditions(text: &str) -> Option<Vec<Condition>> {
    let text = text.replace(',', " ");
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut found = Vec::new();
    let mut rest = words.as_slice();
    while let [word, after @ ..] = rest {
        if let [low, "-", high, after @ ..] = rest {
            found.push(Condition::new(Operator::GreaterEqual, low)?);
            found.push(Condition::new(Operator::LessEqual, high)?);
            rest = after;
            continue;
        }
        let (operator, number) = OPERATORS
            .iter()
            .find_map(|(sign, operator)| Some((*operator, word.strip_prefix(sign)?)))
            .unwrap_or((Operator::Equal, word));
        rest = after;
        // A blank may stand between operator and version.
        let number = if number.is_empty() { rest.split_off_first()? } else { number };
        found.push(Condition::new(operator, number)?);
    }
    (!found.is_empty()).then_some(found)
}

impl Condition {
    fn new(operator: Operator, version: &str) -> Option<Self> {
        Some(Self { operator, version: Partial::parse(version)? })
    }

    fn holds(&self, version: &Version) -> bool {
        let Partial { floor, given } = &self.version;
        let order = version.cmp_precedence(floor);
        let within = self.version.begins(version);
        match self.operator {
            Operator::Equal | Operator::Tilde if *given == 0 => true,
            Operator::Equal if *given == 3 => order.is_eq(),
            Operator::Equal => within,
            Operator::NotEqual if *given == 3 => order.is_ne(),
            Operator::NotEqual => !within,
            // `>1.2` means from 1.3 on.
            Operator::Greater => order.is_gt() && (*given == 3 || !within),
            Operator::GreaterEqual => order.is_ge(),
            Operator::Less => order.is_lt(),
            Operator::LessEqual => order.is_le() || (*given < 3 && within),
            // The patch may grow; when only the major number is given, so may the minor one.
            Operator::Tilde => {
                let kept = Partial { floor: floor.clone(), given: (*given).min(2) };
                order.is_ge() && kept.begins(version)
            }
            Operator::Caret => {
                // The first number that is not zero stays; without one, the last one given.
                let kept = match (floor.major, floor.minor) {
                    _ if *given <= 1 => *given,
                    (1.., _) => 1,
                    (0, 1..) => 2,
                    (0, 0) => *given,
                };
                let kept = Partial { floor: floor.clone(), given: kept };
                order.is_ge() && kept.begins(version)
            }
        }
    }
}

impl Partial {
    fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (text, build) = text.split_once('+').map_or((text, ""), |(text, build)| (text, build));
        let (numbers, pre) = text.split_once('-').map_or((text, ""), |(text, pre)| (text, pre));
        let parts: Vec<&str> = numbers.split('.').collect();
        if parts.len() > 3 {
            return None;
        }
        let mut values = [0; 3];
        let mut given = 0;
        let mut open = false;
        for (value, part) in values.iter_mut().zip(&parts) {
            match *part {
                "x" | "X" | "*" => open = true,
                // After a wildcard a number says nothing; it still has to be one.
                part => {
                    let number = digits(part)?;
                    if !open {
                        *value = number;
                        given += 1;
                    }
                }
            }
        }
        let [major, minor, patch] = values;
        // A prerelease completes a version: `>=1.2-0` starts with the prereleases of 1.2.0.
        let given = if pre.is_empty() || open { given } else { 3 };
        let pre = Prerelease::new(pre).ok()?;
        let build = BuildMetadata::new(build).ok()?;
        Some(Self { floor: Version { major, minor, patch, pre, build }, given })
    }

    /// True when `version` agrees in all numbers that are given.
    fn begins(&self, version: &Version) -> bool {
        let ours = [self.floor.major, self.floor.minor, self.floor.patch];
        let theirs = [version.major, version.minor, version.patch];
        ours.iter().zip(theirs).take(self.given.into()).all(|(ours, theirs)| *ours == theirs)
    }
}

fn digits(text: &str) -> Option<u64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best<'a>(range: &str, tags: &[&'a str]) -> Option<&'a str> {
        let range = Range::parse(range)?;
        let versions = tags.iter().filter_map(|tag| Some((*tag, version(tag)?)));
        let within = versions.filter(|(_, version)| range.contains(version));
        within.max_by(|(_, a), (_, b)| a.cmp_precedence(b)).map(|(tag, _)| tag)
    }

    #[test]
    fn ranges_choose_the_version_that_argo_cd_chooses() {
        let tags = [
            "0.0.3",
            "0.0.4",
            "0.2.3",
            "0.2.9",
            "0.3.0",
            "v1.0.0",
            "1.2.0",
            "1.2.7",
            "v1.3.1",
            "1.10.0",
            "2.0.0-rc.1",
            "v2.0.0",
            "2.3.4",
            "2.4.0",
            "3.0.0-alpha",
            "main",
            "1.2.3.4",
        ];
        let table = [
            ("*", Some("2.4.0")),
            (">=0", Some("2.4.0")),
            ("1.x", Some("1.10.0")),
            ("1.*", Some("1.10.0")),
            ("v1.*", Some("1.10.0")),
            ("1.2.*", Some("1.2.7")),
            ("1.2.x", Some("1.2.7")),
            ("^1.2", Some("1.10.0")),
            ("^1.2.9", Some("1.10.0")),
            ("^0.2.3", Some("0.2.9")),
            ("^0.0.3", Some("0.0.3")),
            ("^0.0", Some("0.0.4")),
            ("^0", Some("0.3.0")),
            ("~1.2", Some("1.2.7")),
            ("~1.2.3", Some("1.2.7")),
            ("~1", Some("1.10.0")),
            ("~> 1.2.3", Some("1.2.7")),
            (">=1.0 <2.0", Some("1.10.0")),
            (">=1.0, <2.0", Some("1.10.0")),
            (">= 1.0 < 1.3", Some("1.2.7")),
            (">1.3", Some("2.4.0")),
            (">1.3 <2", Some("1.10.0")),
            (">2.4", None),
            ("<=2.3", Some("2.3.4")),
            ("<2.3", Some("v2.0.0")),
            ("1.2 - 2.3", Some("2.3.4")),
            ("1.2 - 2.3.0", Some("v2.0.0")),
            ("^0.2 || ^1.2", Some("1.10.0")),
            ("!=2.x", Some("1.10.0")),
            ("!=2.4.0", Some("2.3.4")),
            ("=1.2.7", Some("1.2.7")),
            (">=2.0.0-0 <2.0.0", Some("2.0.0-rc.1")),
            (">=3.0.0-0", Some("3.0.0-alpha")),
            (">=3", None),
            ("4.x", None),
        ];
        for (range, expected) in table {
            assert_eq!(best(range, &tags), expected, "{range}");
        }
    }

    #[test]
    fn names_and_single_versions_are_no_ranges() {
        for text in
            ["main", "HEAD", "1.2.3", "v1.2", "1", "release-1.x", "", "a b", ">=", "1.2.3-rc.x"]
        {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
