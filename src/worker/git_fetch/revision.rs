//! What a target revision means, given the refs of a repository. Pure.
//!
//! In this order, the first that fits wins:
//!
//! 1. a full commit id: itself;
//! 2. empty or `HEAD`: the default branch;
//! 3. a range of versions: the highest tag in it (Argo CD's rule; a range that no tag is in is
//!    looked up as a name);
//! 4. a full ref name (`refs/...`);
//! 5. a branch of that name;
//! 6. a tag of that name, peeled to its commit. A branch wins over a tag of the same name, as it
//!    does for `git clone --branch`; Argo CD takes whichever its server lists first;
//! 7. at least [`ABBREVIATED_CHARS_MIN`] hexadecimal digits: the one commit that begins with them.

use gix::protocol::handshake::Ref;
use serde::{Deserialize, Serialize};

use super::{Resolved, range};

/// The fewest digits that stand for a commit.
pub const ABBREVIATED_CHARS_MIN: usize = 7;

const HEADS: &str = "refs/heads/";
const TAGS: &str = "refs/tags/";

/// A revision that somebody wants to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Target {
    /// As in `spec.source.targetRevision`.
    pub revision: String,
    /// As in `spec.source.tagPrefix`: a range is looked up among the tags that begin with this,
    /// and compared without it.
    pub tag_prefix: String,
}

impl From<&str> for Target {
    fn from(revision: &str) -> Self {
        Self { revision: revision.to_owned(), tag_prefix: String::new() }
    }
}

/// Why a target means nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// No branch, tag or ref has this name.
    Unknown,
    /// It is a range and no tag is in it.
    NoVersion,
    /// It may be an abbreviated commit id: the refs alone cannot tell.
    Abbreviated,
    /// More than one commit begins with these digits.
    Ambiguous,
    /// What it names exists and is no commit.
    NotACommit,
    /// No commit has this id.
    NoCommit,
}

/// One ref of a remote repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertised {
    /// The full name.
    pub(super) name: String,
    /// What it points at, tags peeled.
    pub(super) id: String,
    /// The ref that a symbolic ref stands for.
    pub(super) target: Option<String>,
}

impl Advertised {
    /// Takes over what the protocol layer read; `None` for a branch without commits.
    pub(super) fn from_protocol(found: Ref) -> Option<Self> {
        let (name, id, target) = match found {
            Ref::Peeled { full_ref_name, object, .. } | Ref::Direct { full_ref_name, object } => {
                (full_ref_name, object, None)
            }
            Ref::Symbolic { full_ref_name, target, object, .. } => {
                (full_ref_name, object, Some(target.to_string()))
            }
            Ref::Unborn { .. } => return None,
        };
        Some(Self { name: name.to_string(), id: id.to_string(), target })
    }

    fn resolved(&self) -> Resolved {
        let reference = self.target.as_ref().unwrap_or(&self.name).clone();
        Resolved { commit: self.id.clone(), reference }
    }
}

/// True for a full commit id, SHA-1 or SHA-256.
pub fn is_full_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && is_hex(text)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The beginnings of the refs that decide what `target` means.
pub(super) fn prefixes(target: &Target) -> Vec<String> {
    let Target { revision, tag_prefix } = target;
    match revision.as_str() {
        "" | "HEAD" => vec!["HEAD".to_owned()],
        full if is_full_id(full) => vec![],
        full if full.starts_with("refs/") => vec![full.to_owned()],
        name => {
            let mut found = vec![format!("{HEADS}{name}"), format!("{TAGS}{name}")];
            if range::Range::parse(name).is_some() {
                found.push(format!("{TAGS}{tag_prefix}"));
            }
            found
        }
    }
}

/// Finds what `target` means among `refs`.
pub(super) fn resolve(target: &Target, refs: &[Advertised]) -> Result<Resolved, Missing> {
    let named = |name: &str| refs.iter().find(|known| known.name == name).map(Advertised::resolved);
    let revision = target.revision.as_str();
    if is_full_id(revision) {
        let commit = revision.to_ascii_lowercase();
        return Ok(Resolved { commit, reference: String::new() });
    }
    if revision.is_empty() || revision == "HEAD" {
        return named("HEAD").ok_or(Missing::Unknown);
    }
    let range = range::Range::parse(revision);
    if let Some(range) = &range
        && let Some(found) = highest(range, &target.tag_prefix, refs)
    {
        return Ok(found.resolved());
    }
    let by_name = if revision.starts_with("refs/") {
        named(revision)
    } else {
        named(&format!("{HEADS}{revision}")).or_else(|| named(&format!("{TAGS}{revision}")))
    };
    by_name.ok_or(match range {
        Some(_) => Missing::NoVersion,
        None if revision.len() >= ABBREVIATED_CHARS_MIN && is_hex(revision) => Missing::Abbreviated,
        None => Missing::Unknown,
    })
}

/// The tag with the highest version in `range`; of equal versions the first by name.
fn highest<'a>(
    range: &range::Range,
    tag_prefix: &str,
    refs: &'a [Advertised],
) -> Option<&'a Advertised> {
    let mut best: Option<(semver::Version, &Advertised)> = None;
    for known in refs {
        let tag = known.name.strip_prefix(TAGS).and_then(|tag| tag.strip_prefix(tag_prefix));
        let Some(version) = tag.and_then(range::version) else { continue };
        let better = best.as_ref().is_none_or(|(best, chosen)| {
            let order = version.cmp_precedence(best);
            order.is_gt() || (order.is_eq() && known.name < chosen.name)
        });
        if better && range.contains(&version) {
            best = Some((version, known));
        }
    }
    best.map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refs() -> Vec<Advertised> {
        let known = [
            ("HEAD", 'a', Some("refs/heads/main")),
            ("refs/heads/main", 'a', None),
            ("refs/heads/both", 'b', None),
            ("refs/tags/both", 'c', None),
            ("refs/heads/1.x", 'd', None),
            ("refs/tags/v1.2.0", 'e', None),
            ("refs/tags/v1.2.3", 'f', None),
            ("refs/tags/api/2.0.0", '1', None),
            ("refs/tags/api/2.1.0", '2', None),
            ("refs/pull/7/head", '3', None),
        ];
        let one = |(name, digit, target): (&str, char, Option<&str>)| Advertised {
            name: (*name).to_owned(),
            id: digit.to_string().repeat(40),
            target: target.map(str::to_owned),
        };
        known.into_iter().map(one).collect()
    }

    #[test]
    fn a_target_means_what_the_table_says() {
        let table = [
            ("", Ok(('a', "refs/heads/main"))),
            ("HEAD", Ok(('a', "refs/heads/main"))),
            ("main", Ok(('a', "refs/heads/main"))),
            ("both", Ok(('b', "refs/heads/both"))),
            ("refs/tags/both", Ok(('c', "refs/tags/both"))),
            ("refs/pull/7/head", Ok(('3', "refs/pull/7/head"))),
            ("v1.2.0", Ok(('e', "refs/tags/v1.2.0"))),
            ("1.x", Ok(('f', "refs/tags/v1.2.3"))),
            ("1.2.*", Ok(('f', "refs/tags/v1.2.3"))),
            ("2.x", Err(Missing::NoVersion)),
            ("1.2.0", Err(Missing::Unknown)),
            ("gone", Err(Missing::Unknown)),
            ("refs/heads/gone", Err(Missing::Unknown)),
            ("abcdef0", Err(Missing::Abbreviated)),
            ("abcdef", Err(Missing::Unknown)),
        ];
        for (revision, expected) in table {
            let expected = expected.map(|(digit, reference): (char, &str)| Resolved {
                commit: digit.to_string().repeat(40),
                reference: reference.to_owned(),
            });
            assert_eq!(resolve(&revision.into(), &refs()), expected, "{revision:?}");
        }
    }

    #[test]
    fn a_range_that_no_tag_is_in_is_taken_as_a_name() {
        let only_branch: Vec<_> =
            refs().into_iter().filter(|known| !known.name.starts_with("refs/tags/")).collect();
        let found = resolve(&"1.x".into(), &only_branch).map(|found| found.reference);
        assert_eq!(found.as_deref(), Ok("refs/heads/1.x"));
    }

    #[test]
    fn a_tag_prefix_narrows_a_range_to_its_tags() {
        let target = Target { revision: "*".to_owned(), tag_prefix: "api/".to_owned() };
        let found = resolve(&target, &refs()).map(|found| found.reference);
        assert_eq!(found.as_deref(), Ok("refs/tags/api/2.1.0"));
        assert!(prefixes(&target).contains(&"refs/tags/api/".to_owned()));
    }

    #[test]
    fn a_full_id_needs_no_advertisement() {
        let id = "0123456789ABCDEF0123456789abcdef01234567";
        assert_eq!(prefixes(&id.into()), Vec::<String>::new());
        let found = resolve(&id.into(), &[]).expect("it is an id");
        assert_eq!(found.commit, id.to_ascii_lowercase());
    }
}
