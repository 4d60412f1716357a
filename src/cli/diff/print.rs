//! Differences as text, as markdown and as data.

use std::fmt::Write;

use serde_json::{Value, json};

use super::gather::Pair;
use crate::{
    cli::output::paint::{Paint, escape, escape_direction},
    object::ObjectId,
    plan::difference::{FieldChange, changes, unified},
    yaml,
};

/// Room that is kept for what closes a shortened comment.
const CLOSING_BYTES: usize = 160;

/// What is compared.
#[derive(Debug)]
pub(super) struct Subject {
    /// Name of the application.
    pub(super) app: String,
    /// The revision or path whose manifests are looked at; `None` for those that hold now.
    pub(super) with: Option<String>,
}

/// What happens to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Create,
    Update,
    Prune,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Prune => "prune",
        }
    }
}

/// The difference of one object.
#[derive(Debug)]
pub(super) struct Difference {
    pub(super) id: ObjectId,
    change: Change,
    fields: Vec<FieldChange>,
    pair: Pair,
    /// True for a Secret whose values had to be left out of the comparison.
    pub(super) values_hidden: bool,
}

impl Difference {
    /// True when nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    fn unified(&self, color: bool) -> String {
        // The name comes from a server; the manifests are made safe by the YAML printer.
        let ObjectId { group, kind, namespace, name } = &self.id;
        let id = ObjectId::new(&escape(group), &escape(kind), &escape(namespace), &escape(name));
        let (now, after) = (self.pair.now.as_ref(), self.pair.after.as_ref());
        escape_direction(&unified(&id, now, after, &yaml::print, color))
    }
}

/// Compares every pair; equal ones are among the result.
pub(super) fn differences(pairs: Vec<Pair>) -> Vec<Difference> {
    let difference = |pair: Pair| {
        let change = match (&pair.now, &pair.after) {
            (None, _) => Change::Create,
            (Some(_), None) => Change::Prune,
            (Some(_), Some(_)) => Change::Update,
        };
        let fields = changes(pair.now.as_ref(), pair.after.as_ref());
        let (id, values_hidden) = (pair.id.clone(), pair.values_hidden);
        Difference { id, change, fields, pair, values_hidden }
    };
    pairs.into_iter().map(difference).collect()
}

/// `2 differences: 1 to create, 1 to update`.
fn summary(differences: &[Difference]) -> String {
    let count = |change| differences.iter().filter(|d| d.change == change).count();
    let parts: Vec<String> = [Change::Create, Change::Update, Change::Prune]
        .into_iter()
        .map(|change| (count(change), change.word()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} to {word}"))
        .collect();
    match parts.len() {
        0 => "no differences".to_owned(),
        _ => parts.join(", "),
    }
}

impl Subject {
    fn title(&self, differences: &[Difference]) -> String {
        let with = self.with.as_ref().map(|with| format!(" with {with}")).unwrap_or_default();
        escape(&format!("{}{with}: {}", self.app, summary(differences)))
    }
}

/// Unified diffs, one after the other; nothing at all when nothing differs, as diff(1).
pub(super) fn text(subject: &Subject, differences: &[Difference], paint: Paint) -> String {
    if differences.is_empty() {
        return String::new();
    }
    let mut text: String =
        differences.iter().map(|difference| difference.unified(paint.is_on()) + "\n").collect();
    text.push_str(&paint.bold(&subject.title(differences)));
    text.push('\n');
    text
}

/// One value with everything that differs.
pub(super) fn data(subject: &Subject, differences: &[Difference]) -> Value {
    let field = |field: &FieldChange| json!({ "path": field.path.to_string(), "old": field.old, "new": field.new });
    let object = |difference: &Difference| {
        json!({
            "group": difference.id.group,
            "kind": difference.id.kind,
            "namespace": difference.id.namespace,
            "name": difference.id.name,
            "change": difference.change.word(),
            "fields": difference.fields.iter().map(field).collect::<Vec<_>>(),
            "diff": difference.unified(false),
        })
    };
    json!({
        "application": subject.app,
        "with": subject.with,
        "objects": differences.iter().map(object).collect::<Vec<_>>(),
    })
}

/// A comment for a pull request of at most `bytes_max` bytes: diffs that don't fit are left out,
/// then names of objects; both are counted.
pub(super) fn markdown(subject: &Subject, differences: &[Difference], bytes_max: usize) -> String {
    let mut text = format!("### {}\n", plain(&subject.title(differences)));
    let room = bytes_max.saturating_sub(CLOSING_BYTES);
    let mut left_out = 0;
    for difference in differences {
        let section = section(difference);
        if text.len() + section.len() <= room {
            text.push_str(&section);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        let more = match left_out {
            1 => "1 more object differs".to_owned(),
            count => format!("{count} more objects differ"),
        };
        let _ = write!(text, "\n{more}, too large for this comment: run `steadfast diff`.\n");
    }
    text
}

fn section(difference: &Difference) -> String {
    let diff = difference.unified(false);
    // A fence must be longer than every run of backticks in what it holds.
    let longest = diff.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let name = plain(&escape(&difference.id.to_string()));
    format!(
        "\n<details><summary>{} {name}</summary>\n\n{fence}diff\n{diff}{fence}\n\n</details>\n",
        difference.change.word(),
    )
}

/// Text in which markdown and HTML find nothing to do.
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '&' => plain.push_str("&amp;"),
            '*' | '_' | '`' | '[' | ']' | '\\' | '@' | '#' => {
                let _ = write!(plain, "&#{};", u32::from(c));
            }
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests;
