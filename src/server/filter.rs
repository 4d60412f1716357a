//! Which applications a list or a stream shows: name, project, repository, label selector.

use serde_json::Value;

use crate::object::meta;

use super::{error::ApiError, fields::Fields, query::Query};

/// Requirements of one selector, at most.
const REQUIREMENTS_MAX: usize = 64;

/// What a client asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    name: Option<String>,
    projects: Vec<String>,
    repo: Option<String>,
    selector: Vec<Requirement>,
    /// True when the client asked for applications of a namespace that is not ours.
    elsewhere: bool,
    /// What of each application is shown.
    pub(super) fields: Fields,
}

/// One requirement of a label selector.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
}

impl Filter {
    pub(super) fn parse(query: &Query, namespace: &str) -> Result<Self, ApiError> {
        let projects = query.all("projects").chain(query.all("project"));
        Ok(Self {
            name: query.first("name").map(str::to_owned),
            projects: projects.flat_map(|list| list.split(',')).map(str::to_owned).collect(),
            repo: query.first("repo").map(str::to_owned),
            selector: selector(query.first("selector").unwrap_or_default())?,
            elsewhere: query.first("appNamespace").is_some_and(|asked| asked != namespace),
            fields: Fields::parse(query.first("fields").unwrap_or_default()),
        })
    }

    pub(super) fn matches(&self, app: &Value) -> bool {
        let text = |pointer: &str| app.pointer(pointer).and_then(Value::as_str);
        let project = text("/spec/project").unwrap_or("default");
        !self.elsewhere
            && self.name.as_deref().is_none_or(|name| name == meta::name(app))
            && (self.projects.is_empty() || self.projects.iter().any(|p| p == project))
            && self.repo.as_deref().is_none_or(|repo| has_source(app, repo))
            && self.selector.iter().all(|requirement| requirement.holds(app))
    }
}

fn has_source(app: &Value, repo: &str) -> bool {
    let sources = app.pointer("/spec/sources").and_then(Value::as_array).into_iter().flatten();
    sources
        .chain(app.pointer("/spec/source"))
        .any(|source| source.get("repoURL").and_then(Value::as_str) == Some(repo))
}

impl Requirement {
    fn holds(&self, app: &Value) -> bool {
        let label = |key: &str| meta::label(app, key);
        match self {
            Self::Exists(key) => label(key).is_some(),
            Self::Absent(key) => label(key).is_none(),
            Self::In(key, values) => label(key).is_some_and(|v| values.iter().any(|x| x == v)),
            Self::NotIn(key, values) => !label(key).is_some_and(|v| values.iter().any(|x| x == v)),
        }
    }
}

/// Reads a label selector as kubectl writes it: `a=b,c!=d,e,!f,g in (x,y),h notin (z)`.
fn selector(text: &str) -> Result<Vec<Requirement>, ApiError> {
    let parts: Vec<&str> = split(text);
    if parts.len() > REQUIREMENTS_MAX {
        let message = format!("the selector has more than {REQUIREMENTS_MAX} requirements");
        return Err(ApiError::invalid(message));
    }
    parts.into_iter().map(|part| {
        requirement(part).ok_or_else(|| {
            ApiError::invalid(format!("the selector can't be read at {part:?}: write it as kubectl does, for example team=web,tier!=test"))
        })
    }).collect()
}

/// Splits at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(|c| {
        inside = match c {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        c == ',' && !inside
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

/// What the two requirements with values have in common.
type Make = fn(String, Vec<String>) -> Requirement;

fn requirement(part: &str) -> Option<Requirement> {
    let is_key = |key: &str| {
        !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c))
    };
    let one = |value: &str| vec![value.trim().to_owned()];
    let set = |list: &str| -> Option<Vec<String>> {
        let list = list.trim().strip_prefix('(')?.strip_suffix(')')?;
        Some(list.split(',').map(|value| value.trim().to_owned()).collect())
    };
    let (key, make, values) = if let Some((key, value)) = part.split_once("!=") {
        (key, Requirement::NotIn as Make, one(value))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key, Requirement::In as Make, one(value))
    } else if let Some((key, list)) = part.split_once(" notin") {
        (key, Requirement::NotIn as Make, set(list)?)
    } else if let Some((key, list)) = part.split_once(" in") {
        (key, Requirement::In as Make, set(list)?)
    } else if let Some(key) = part.strip_prefix('!').map(str::trim) {
        return is_key(key).then(|| Requirement::Absent(key.to_owned()));
    } else {
        return is_key(part).then(|| Requirement::Exists(part.to_owned()));
    };
    let key = key.trim();
    is_key(key).then(|| make(key.to_owned(), values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Filter, Query};

    #[test]
    fn a_filter_shows_what_kubectl_and_argo_would_show() {
        let app = json!({
            "metadata": {"name": "web", "labels": {"team": "shop", "tier": "front"}},
            "spec": {"project": "p1", "source": {"repoURL": "https://g/a"}},
        });
        let table = [
            ("", true),
            ("name=web", true),
            ("name=api", false),
            ("projects=p0&projects=p1", true),
            ("project=p0", false),
            ("repo=https://g/a", true),
            ("repo=https://g/b", false),
            ("selector=team%3Dshop", true),
            ("selector=team%3D%3Dshop,tier!%3Dback", true),
            ("selector=team!%3Dshop", false),
            ("selector=team in (a, shop),!gone", true),
            ("selector=team notin (a,shop)", false),
            ("selector=other notin (a)", true),
            ("selector=tier", true),
            ("selector=!tier", false),
            ("appNamespace=argocd", true),
            ("appNamespace=other", false),
        ];
        for (query, shown) in table {
            let filter = Filter::parse(&Query::parse(query), "argocd").unwrap();
            assert_eq!(filter.matches(&app), shown, "{query}");
        }
        for broken in ["selector==x", "selector=a in x", "selector=a b"] {
            assert!(Filter::parse(&Query::parse(broken), "argocd").is_err(), "{broken}");
        }
    }
}
