//! The query of a request.

use crate::embedded::{
    registry::Kind,
    request::{ListMatch, ListOptions, Selector, Validation, WatchOptions, WriteOptions},
    status::Status,
    validate::Cause,
};

/// Longest field manager.
const MANAGER_BYTES_MAX: usize = 128;
/// The option that says how a version is meant.
const MATCH: &str = "resourceVersionMatch";
/// The options of a patch that applies.
pub(super) const APPLY: &str = "ApplyOptions";

/// Keys and values, decoded; of several values the first counts.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(key), decode(value))
        });
        Self(pairs.collect())
    }

    pub(super) fn get(&self, key: &str) -> &str {
        let found = self.0.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    pub(super) fn is_set(&self, key: &str) -> bool {
        // What is no truth is no falsehood either.
        self.flag(key) == Some(true)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        let said = self.0.iter().find(|(known, _)| known == key);
        said.map(|(_, value)| {
            !matches!(value.as_str(), "" | "0") && !value.eq_ignore_ascii_case("false")
        })
    }

    pub(super) fn selector(&self, kind: &Kind) -> Result<Selector, Status> {
        Selector::parse(kind, self.get("labelSelector"), self.get("fieldSelector"))
    }

    pub(super) fn list(&self, kind: &Kind) -> Result<ListOptions, Status> {
        // Less than nothing is no limit.
        let limit = self.number("limit")?.unwrap_or_default();
        let limit = usize::try_from(limit).unwrap_or_default();
        self.number("timeoutSeconds")?;
        self.expect_list()?;
        Ok(ListOptions {
            selector: self.selector(kind)?,
            limit,
            resume: self.get("continue").to_owned(),
            resource_version: self.get("resourceVersion").to_owned(),
            matching: self.matching()?,
        })
    }

    /// A whole number.
    pub(super) fn number(&self, key: &str) -> Result<Option<i64>, Status> {
        let text = self.get(key);
        if text.is_empty() {
            return Ok(None);
        }
        let number = text.parse().map_err(|_| {
            Status::bad_request(format!("strconv.ParseInt: parsing {text:?}: invalid syntax"))
        })?;
        Ok(Some(number))
    }

    pub(super) fn watch(&self, kind: &Kind) -> Result<WatchOptions, Status> {
        self.number("timeoutSeconds")?;
        if !self.get("continue").is_empty() {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            return Err(Status::invalid_options("ListOptions", &[forbidden(MATCH, why)]));
        }
        Ok(WatchOptions {
            selector: self.selector(kind)?,
            resource_version: self.get("resourceVersion").to_owned(),
            matching: self.matching()?,
            initial: self.flag("sendInitialEvents"),
            bookmarks: self.is_set("allowWatchBookmarks"),
        })
    }

    /// Refuses what only watches take, and versions that are said by half.
    fn expect_list(&self) -> Result<(), Status> {
        let initial = self.flag("sendInitialEvents").is_some();
        let resumed = !self.get("continue").is_empty() && !self.get(MATCH).is_empty();
        let mut causes = Vec::new();
        if (initial || resumed)
            && !self.get(MATCH).is_empty()
            && self.get("resourceVersion").is_empty()
        {
            let why = "resourceVersionMatch is forbidden unless resourceVersion is provided";
            causes.push(forbidden(MATCH, why));
        }
        if resumed {
            let why = "resourceVersionMatch is forbidden when continue is provided";
            causes.push(forbidden(MATCH, why));
        }
        if initial {
            let why = "sendInitialEvents is forbidden for list";
            causes.push(forbidden("sendInitialEvents", why));
        }
        if causes.is_empty() {
            return Ok(());
        }
        Err(Status::invalid_options("ListOptions", &causes))
    }

    fn matching(&self) -> Result<Option<ListMatch>, Status> {
        match self.get("resourceVersionMatch") {
            "" => Ok(None),
            "Exact" => Ok(Some(ListMatch::Exact)),
            "NotOlderThan" => Ok(Some(ListMatch::NotOlderThan)),
            other => Err(Status::invalid_options(
                "ListOptions",
                &[Cause {
                    reason: "FieldValueNotSupported",
                    field: "resourceVersionMatch".to_owned(),
                    message: format!(
                        "Unsupported value: {other:?}: supported values: \"Exact\", \
                         \"NotOlderThan\", \"\""
                    ),
                }],
            )),
        }
    }

    /// Refuses a resource version that is no number.
    pub(super) fn expect_version(&self) -> Result<(), Status> {
        let version = self.get("resourceVersion");
        if version.is_empty() || version.parse::<u64>().is_ok() {
            return Ok(());
        }
        let why = format!(
            "resourceVersion: Invalid value: {version:?}: strconv.ParseUint: parsing {version:?}: \
             invalid syntax"
        );
        Err(Status::new(500, "", why))
    }

    /// Seconds after which a watch shall end.
    pub(super) fn timeout_s(&self) -> Option<u64> {
        // Less than nothing is over at once.
        let seconds =
            self.get("timeoutSeconds").parse::<i64>().ok().filter(|seconds| *seconds != 0);
        seconds.map(|seconds| u64::try_from(seconds).unwrap_or_default())
    }

    /// How to write. `options` is the kind of the options of this request: `CreateOptions`,
    /// `UpdateOptions`, `PatchOptions`, or `ApplyOptions` for those of a patch that applies.
    pub(super) fn write(&self, user_agent: &str, options: &str) -> Result<WriteOptions, Status> {
        let causes = self.faults(options);
        if !causes.is_empty() {
            let kind = if options == APPLY { "PatchOptions" } else { options };
            return Err(Status::invalid_options(kind, &causes));
        }
        let validation = match self.get("fieldValidation") {
            "Ignore" => Validation::Ignore,
            "Strict" => Validation::Strict,
            _ => Validation::Warn,
        };
        let manager = match self.get("fieldManager") {
            "" => user_agent.split('/').next().unwrap_or_default(),
            manager => manager,
        };
        let printable = manager.chars().filter(|c| !c.is_control());
        Ok(WriteOptions {
            manager: printable.take(MANAGER_BYTES_MAX).collect(),
            dry_run: self.get("dryRun") == "All",
            validation,
            force: self.is_set("force"),
        })
    }

    /// Whether the query of a deletion wants a rehearsal.
    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        match self.dry_run_fault() {
            Some(cause) => Err(Status::invalid_options("DeleteOptions", &[cause])),
            None => Ok(self.get("dryRun") == "All"),
        }
    }

    /// What is wrong with the options of a write.
    fn faults(&self, options: &str) -> Vec<Cause> {
        let mut found = Vec::new();
        let manager = self.get("fieldManager");
        let cause = |reason, field: &str, message: String| Cause {
            reason,
            field: field.to_owned(),
            message,
        };
        if options == APPLY && manager.is_empty() {
            let message = "Required value: is required for apply patch".to_owned();
            found.push(cause("FieldValueRequired", "fieldManager", message));
        } else if options == "PatchOptions" && self.flag("force").is_some() {
            let message = "Forbidden: may not be specified for non-apply patch".to_owned();
            found.push(cause("FieldValueForbidden", "force", message));
        }
        if manager.len() > MANAGER_BYTES_MAX {
            let message = format!("Too long: may not be more than {MANAGER_BYTES_MAX} bytes");
            found.push(cause("FieldValueTooLong", "fieldManager", message));
        }
        for (place, odd) in manager.char_indices().filter(|(_, c)| c.is_control()) {
            let shown: String = manager.chars().map(shown).collect();
            let code = u32::from(odd);
            let message = format!(
                "Invalid value: \"{shown}\": invalid character U+{code:04X} (at position {place})"
            );
            found.push(cause("FieldValueInvalid", "fieldManager", message));
        }
        found.extend(self.dry_run_fault());
        let validation = self.get("fieldValidation");
        if !matches!(validation, "" | "Ignore" | "Strict" | "Warn") {
            let message = format!(
                "Unsupported value: {validation:?}: supported values: \"\", \"Ignore\", \
                 \"Strict\", \"Warn\""
            );
            found.push(cause("FieldValueNotSupported", "fieldValidation", message));
        }
        found
    }

    fn dry_run_fault(&self) -> Option<Cause> {
        let said = self.0.iter().any(|(known, _)| known == "dryRun");
        let asked = self.get("dryRun");
        (said && asked != "All").then(|| Cause {
            reason: "FieldValueNotSupported",
            field: "dryRun".to_owned(),
            message: format!("Unsupported value: [{asked:?}]: supported values: \"All\""),
        })
    }
}

fn forbidden(field: &str, why: &str) -> Cause {
    Cause {
        reason: "FieldValueForbidden",
        field: field.to_owned(),
        message: format!("Forbidden: {why}"),
    }
}

/// A character as Go quotes it.
fn shown(c: char) -> String {
    if c.is_control() && c.is_ascii() { format!("\\x{:02x}", u32::from(c)) } else { c.to_string() }
}

/// Percent-decodes; what is no valid escape stays as it is.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).and_then(|hex| std::str::from_utf8(hex).ok());
        let byte = escape.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 2;
            }
            (b'+', _) => decoded.push(b' '),
            (byte, _) => decoded.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_decoded() {
        let query = Query::parse("labelSelector=app%3Dweb%2Ctier+in+%28a%29&watch&x=%zz&watch=1");
        assert_eq!(query.get("labelSelector"), "app=web,tier in (a)");
        assert_eq!(query.get("x"), "%zz");
        assert_eq!(query.flag("watch"), Some(false));
        assert_eq!(query.flag("none"), None);
    }

    #[test]
    fn the_manager_is_the_program_that_asks() {
        let manager = |query: &str| Query::parse(query).write("kubectl/v1.36 (linux)", "").unwrap();
        assert_eq!(manager("").manager, "kubectl");
        assert_eq!(manager("fieldManager=me").manager, "me");
        assert!(Query::parse("dryRun=Some").write("", "").is_err());
    }
}
