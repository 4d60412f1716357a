//! GET of a collection: selectors, pages, and which state is meant.

use std::sync::Arc;

use super::{Core, Selector, page::Page, refused};
use crate::{
    embedded::{
        registry::Kind,
        status::Status,
        store::{Record, Refusal},
        validate::Cause,
    },
    object::GroupKind,
};

/// How `resourceVersion` is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListMatch {
    Exact,
    NotOlderThan,
}

/// What to list.
#[derive(Debug, Clone, Default)]
pub(crate) struct ListOptions {
    pub(crate) selector: Selector,
    /// Most objects of a page; 0: all.
    pub(crate) limit: usize,
    /// The token of the page before; empty: the first page.
    pub(crate) resume: String,
    /// Empty, `0`, or a revision.
    pub(crate) resource_version: String,
    pub(crate) matching: Option<ListMatch>,
}

/// A page of a list.
pub(crate) struct ListAnswer {
    pub(crate) items: Vec<Arc<Record>>,
    pub(crate) revision: u64,
    /// The token of the next page.
    pub(crate) resume: Option<String>,
    /// How many objects are behind this page, where that is known.
    pub(crate) remaining: Option<usize>,
}

impl Core {
    /// Lists objects of one namespace, or of all when `namespace` is empty.
    pub(crate) fn list(
        &self,
        kind: &Kind,
        namespace: &str,
        options: &ListOptions,
    ) -> Result<ListAnswer, Status> {
        let page = match options.resume.as_str() {
            "" => None,
            token => Some(Page::read(token)?),
        };
        let at = match &page {
            Some(_) if !matches!(options.resource_version.as_str(), "" | "0") => {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            Some(page) => page.revision,
            None => self.wanted_revision(options)?,
        };
        let namespace = (!namespace.is_empty()).then_some(namespace);
        let after = page.as_ref().map(|page| &page.after);
        let listed = self.store.list(&kind.group_kind(), namespace, after, at);
        let listed = listed.map_err(|refusal| match (refusal, &page) {
            (Refusal::Expired { .. }, Some(page)) => {
                Status::page_expired(Page { revision: None, ..page.clone() }.token())
            }
            (refusal, _) => refused(refusal),
        })?;
        let selected = |key, record: &Arc<Record>| options.selector.matches(key, &record.marks);
        let mut found = listed.items.iter().filter(|(key, record)| selected(key, record));
        // Any state will do: the real server then answers from memory, and has no pages there.
        let any = options.resource_version == "0" && page.is_none();
        let limit = if options.limit == 0 || any { usize::MAX } else { options.limit };
        let chosen: Vec<_> = found.by_ref().take(limit).collect();
        let more = found.count();
        let last = listed.items.last().map(|(key, _)| key);
        // As the real server, which doesn't look whether there is anything of the selection.
        let resume = chosen
            .last()
            .filter(|(key, _)| chosen.len() == limit && last.is_some_and(|last| last != key))
            .map(|(key, _)| Page { revision: Some(listed.revision), after: key.clone() }.token());
        Ok(ListAnswer {
            items: chosen.into_iter().map(|(_, record)| Arc::clone(record)).collect(),
            revision: listed.revision,
            resume,
            remaining: (more > 0 && options.selector.is_empty()).then_some(more),
        })
    }

    /// The revision to list at; `None`: now.
    fn wanted_revision(&self, options: &ListOptions) -> Result<Option<u64>, Status> {
        let version = options.resource_version.as_str();
        match (version, options.matching) {
            ("", Some(_)) => Err(refuse(
                "resourceVersionMatch",
                "resourceVersionMatch is forbidden unless resourceVersion is provided",
            )),
            ("0", Some(ListMatch::Exact)) => Err(refuse(
                "resourceVersionMatch",
                "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"",
            )),
            ("" | "0", _) => Ok(None),
            (version, matching) => {
                let revision = self.revision(version)?;
                let paged = options.limit > 0 && matching.is_none();
                let exact = matching == Some(ListMatch::Exact) || paged;
                Ok(exact.then_some(revision))
            }
        }
    }

    /// Refuses to answer as of a version that is yet to come.
    pub(crate) fn expect_reached(&self, version: &str) -> Result<(), Status> {
        match version {
            "" | "0" => Ok(()),
            version => self.revision(version).map(|_| ()),
        }
    }

    /// Reads a revision that a client names; it can't lie in the future.
    pub(super) fn revision(&self, version: &str) -> Result<u64, Status> {
        let revision = version.parse().map_err(|_| {
            let quoted = format!("{version:?}");
            Status::bad_request(format!(
                "invalid resource version: resourceVersion: Invalid value: {quoted}: \
                 strconv.ParseUint: parsing {quoted}: invalid syntax"
            ))
        })?;
        let current = self.store.revision();
        if revision > current {
            return Err(Status::too_large_version(revision, current));
        }
        Ok(revision)
    }
}

/// An option of a list that does not go with the others.
pub(super) fn refuse(field: &str, why: &str) -> Status {
    let cause = Cause {
        reason: "FieldValueForbidden",
        field: field.to_owned(),
        message: format!("Forbidden: {why}"),
    };
    Status::invalid(&GroupKind::new("meta.k8s.io", "ListOptions"), "", &[cause])
}
