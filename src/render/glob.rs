//! Argo CD's file patterns: `github.com/gobwas/glob` without separators.
//!
//! `*` and `**` match any text, slashes included; `?` one character; `[abc]`, `[a-z]`, `[!a]` one
//! of a class; `{a,b}` one of several patterns; `\` takes the next character as it is.

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 4096;

/// One step of a compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    One(char),
    Any,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
    /// Any text: stays here on every character.
    Text,
    /// Goes on at each of these steps.
    Split(Vec<usize>),
    Jump(usize),
    End,
}

/// A compiled pattern. Matching takes time in proportion to pattern times text, whatever they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    steps: Vec<Step>,
}

/// Why a pattern is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A `[` or `{` is not closed.
    #[error("`{0}` is not closed")]
    Open(char),
    /// A class without characters, or with its ends the wrong way round.
    #[error("a character class is empty or runs backwards")]
    Class,
    /// A backslash at the end.
    #[error("a backslash stands at the end")]
    Escape,
    /// The pattern is too long.
    #[error("longer than {PATTERN_BYTES_MAX} bytes")]
    Long,
}

/// A `{` that is still open.
struct Group {
    split: usize,
    branches: Vec<usize>,
    /// The jumps at the ends of its branches.
    exits: Vec<usize>,
}

impl Glob {
    /// Compiles a pattern.
    pub fn new(pattern: &str) -> Result<Self, GlobError> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(GlobError::Long);
        }
        let mut steps = Vec::with_capacity(pattern.len() + 1);
        let mut groups: Vec<Group> = Vec::new();
        let mut rest = pattern.chars().peekable();
        while let Some(c) = rest.next() {
            match c {
                '*' => {
                    if steps.last() != Some(&Step::Text) {
                        steps.push(Step::Text);
                    }
                }
                '?' => steps.push(Step::Any),
                '\\' => steps.push(Step::One(rest.next().ok_or(GlobError::Escape)?)),
                '[' => steps.push(class(&mut rest)?),
                '{' => {
                    let split = steps.len();
                    steps.push(Step::Split(Vec::new()));
                    groups.push(Group { split, branches: vec![split + 1], exits: Vec::new() });
                }
                ',' if let Some(group) = groups.last_mut() => {
                    group.exits.push(steps.len());
                    steps.push(Step::Jump(0));
                    group.branches.push(steps.len());
                }
                '}' if let Some(group) = groups.pop() => {
                    // A step of its own, so that a `*` behind it is not taken for one inside.
                    let end = steps.len() + 1;
                    steps.push(Step::Jump(end));
                    for exit in group.exits {
                        steps[exit] = Step::Jump(end);
                    }
                    steps[group.split] = Step::Split(group.branches);
                }
                c => steps.push(Step::One(c)),
            }
        }
        if !groups.is_empty() {
            return Err(GlobError::Open('{'));
        }
        steps.push(Step::End);
        Ok(Self { steps })
    }

    /// True when the whole text matches.
    pub fn matches(&self, text: &str) -> bool {
        let mut now = States::new(self.steps.len());
        let mut next = States::new(self.steps.len());
        self.enter(&mut now, 0);
        for c in text.chars() {
            for &at in &now.list {
                match &self.steps[at] {
                    Step::Text => self.enter(&mut next, at),
                    Step::One(wanted) if *wanted == c => self.enter(&mut next, at + 1),
                    Step::Any => self.enter(&mut next, at + 1),
                    Step::Class { negated, ranges }
                        if ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
                            != *negated =>
                    {
                        self.enter(&mut next, at + 1);
                    }
                    _ => {}
                }
            }
            std::mem::swap(&mut now, &mut next);
            next.clear();
            if now.list.is_empty() {
                return false;
            }
        }
        now.list.iter().any(|&at| self.steps[at] == Step::End)
    }

    /// Adds a step and all that it leads to without reading a character.
    fn enter(&self, states: &mut States, start: usize) {
        let mut open = vec![start];
        while let Some(at) = open.pop() {
            if !states.add(at) {
                continue;
            }
            match &self.steps[at] {
                Step::Text => open.push(at + 1),
                Step::Split(branches) => open.extend(branches),
                Step::Jump(to) => open.push(*to),
                _ => {}
            }
        }
    }
}

/// A set of steps.
struct States {
    list: Vec<usize>,
    member: Vec<bool>,
}

impl States {
    fn new(len: usize) -> Self {
        Self { list: Vec::with_capacity(len), member: vec![false; len] }
    }

    fn add(&mut self, at: usize) -> bool {
        let fresh = !std::mem::replace(&mut self.member[at], true);
        if fresh {
            self.list.push(at);
        }
        fresh
    }

    fn clear(&mut self) {
        for at in self.list.drain(..) {
            self.member[at] = false;
        }
    }
}

fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<Step, GlobError> {
    let open = GlobError::Open('[');
    let negated = rest.next_if_eq(&'!').is_some();
    let mut ranges = Vec::new();
    loop {
        let low = match rest.next().ok_or(open)? {
            ']' if ranges.is_empty() => return Err(GlobError::Class),
            ']' => return Ok(Step::Class { negated, ranges }),
            '\\' => rest.next().ok_or(open)?,
            c => c,
        };
        let mut high = low;
        if rest.next_if_eq(&'-').is_some() {
            match rest.next().ok_or(open)? {
                // A dash at the end stands for itself.
                ']' => {
                    ranges.extend([(low, low), ('-', '-')]);
                    return Ok(Step::Class { negated, ranges });
                }
                c => high = c,
            }
        }
        if low > high {
            return Err(GlobError::Class);
        }
        ranges.push((low, high));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_argo() {
        let table = [
            ("*.yaml", "web.yaml", true),
            ("*.yaml", "a/b/web.yaml", true),
            ("*.yaml", "web.yml", false),
            ("a/*", "a/b/c", true),
            ("**/web.yaml", "web.yaml", false),
            ("**/web.yaml", "x/web.yaml", true),
            ("{a,b}.yaml", "b.yaml", true),
            ("{a,b}.yaml", "c.yaml", false),
            ("{*.yml,config/{x,y}*}", "config/yes.json", true),
            ("{*.yml,config/{x,y}*}", "config/no.json", false),
            ("{a*}*", "a", true),
            ("{,a}b", "b", true),
            ("{,a}b", "ab", true),
            ("web-?.yaml", "web-1.yaml", true),
            ("web-?.yaml", "web-.yaml", false),
            ("web-[0-9].yaml", "web-7.yaml", true),
            ("web-[!0-9].yaml", "web-7.yaml", false),
            ("web-[abc].yaml", "web-b.yaml", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("a,b", "a,b", true),
            ("a}", "a}", true),
            ("{a/b,c}/*", "a/b/c.yaml", true),
            ("{a/b,c}/*", "a/c/b.yaml", false),
            ("*{.yaml,.yml}", "x/web.yml", true),
            ("[^a]b", "^b", true),
            ("{a,b}{c,d}", "bc", true),
            ("", "", true),
            ("", "x", false),
            ("*", "", true),
            ("é?", "éé", true),
        ];
        for (pattern, text, wanted) in table {
            assert_eq!(Glob::new(pattern).unwrap().matches(text), wanted, "{pattern} on {text}");
        }
    }

    #[test]
    fn broken_patterns_say_why() {
        assert_eq!(Glob::new("{a"), Err(GlobError::Open('{')));
        assert_eq!(Glob::new("[a"), Err(GlobError::Open('[')));
        assert_eq!(Glob::new("[z-a]"), Err(GlobError::Class));
        assert_eq!(Glob::new("[]"), Err(GlobError::Class));
        assert_eq!(Glob::new("a\\"), Err(GlobError::Escape));
        assert_eq!(Glob::new(&"a".repeat(5000)), Err(GlobError::Long));
    }

    #[test]
    fn a_hostile_pattern_takes_no_more_than_its_length_allows() {
        let glob = Glob::new(&"*a".repeat(1000)).unwrap();
        assert!(!glob.matches(&"a".repeat(999)));
        let nested = format!("{}x{}", "{a*,".repeat(500), "}".repeat(500));
        assert!(!Glob::new(&nested).unwrap().matches(&"b".repeat(2000)));
    }
}
