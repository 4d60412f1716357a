//! In which form a client wants its answer.

use crate::embedded::status::Status;

/// Forms, as the server lists them in its refusal.
const FORMS: &str = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

/// What an answer is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The objects.
    Objects,
    /// Their metadata. `list`: that of a list was asked for.
    Metadata { version: &'static str, list: bool },
    /// Lines for people. `version` of the group `meta.k8s.io`.
    Table { version: &'static str },
}

/// Which aggregated discovery is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Discovery {
    Legacy,
    Aggregated { version: &'static str },
}

struct Wish<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> Wish<'a> {
    fn get(&self, key: &str) -> &'a str {
        let found = self.parameters.iter().find(|(known, _)| *known == key);
        found.map(|(_, value)| *value).unwrap_or_default()
    }

    /// A tree, in the one notation or the other.
    fn is_json(&self) -> bool {
        matches!(self.media_type, "application/json" | "application/yaml" | "*/*")
    }

    /// How much it is wished for, in thousandths.
    fn weight(&self) -> u32 {
        let said = self.get("q").parse::<f64>().unwrap_or(1.0);
        [1000_u32, 900, 800, 700, 600, 500, 400, 300, 200, 100]
            .into_iter()
            .find(|step| said * 1000.0 >= f64::from(*step))
            .unwrap_or_default()
    }

    fn version(&self) -> Option<&'static str> {
        ["v2", "v2beta1", "v1", "v1beta1"].into_iter().find(|version| *version == self.get("v"))
    }
}

/// The wishes of an `Accept` header in their order.
fn wishes(accept: &str) -> impl Iterator<Item = Wish<'_>> {
    accept.split(',').map(|wish| {
        let mut parts = wish.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        Wish { media_type, parameters: parts.filter_map(|part| part.split_once('=')).collect() }
    })
}

/// Whether what is called JSON here shall be written as YAML.
pub(super) fn wants_yaml(accept: &str) -> bool {
    let mut known: Vec<Wish<'_>> = wishes(accept).filter(Wish::is_json).collect();
    known.sort_by_key(|wish| std::cmp::Reverse(wish.weight()));
    known.first().is_some_and(|wish| wish.media_type == "application/yaml")
}

/// Refuses a watch in YAML, which has no end of an event.
pub(super) fn expect_lines(accept: &str) -> Result<(), Status> {
    if !wants_yaml(accept) {
        return Ok(());
    }
    let message = "only the following media types are accepted: application/json;stream=watch, \
                   application/vnd.kubernetes.protobuf;stream=watch";
    Err(Status::new(406, "NotAcceptable", message))
}

/// The first form that we can give.
pub(super) fn form(accept: &str) -> Result<Form, Status> {
    if accept.trim().is_empty() {
        return Ok(Form::Objects);
    }
    for wish in wishes(accept).filter(Wish::is_json) {
        let version = wish.version().filter(|version| version.starts_with("v1"));
        let version = version.filter(|_| wish.get("g") == "meta.k8s.io");
        match (wish.get("as"), version) {
            ("", _) => return Ok(Form::Objects),
            ("Table", Some(version)) => return Ok(Form::Table { version }),
            ("PartialObjectMetadata", Some(version)) => {
                return Ok(Form::Metadata { version, list: false });
            }
            ("PartialObjectMetadataList", Some(version)) => {
                return Ok(Form::Metadata { version, list: true });
            }
            _ => {}
        }
    }
    if wishes(accept).any(|wish| wish.is_json()) {
        return Err(unknown_form());
    }
    Err(Status::not_acceptable(FORMS))
}

/// The media type is known, what is asked for in it is not.
fn unknown_form() -> Status {
    let message = format!("only the following media types are accepted: {FORMS}");
    Status::new(406, "NotAcceptable", message)
}

/// Refuses a wish for anything but plain JSON, where there is nothing else.
pub(super) fn plain(accept: &str) -> Result<(), Status> {
    let mut json = wishes(accept).filter(Wish::is_json).peekable();
    if json.peek().is_none() || json.any(|wish| wish.get("as").is_empty()) {
        return Ok(());
    }
    Err(unknown_form())
}

/// The first form of discovery that we can give.
pub(super) fn discovery(accept: &str) -> Result<Discovery, Status> {
    for wish in wishes(accept).filter(Wish::is_json) {
        match (wish.get("as"), wish.version()) {
            ("APIGroupDiscoveryList", Some("v2")) => {
                return Ok(Discovery::Aggregated { version: "v2" });
            }
            ("", _) => return Ok(Discovery::Legacy),
            _ => {}
        }
    }
    plain(accept).map(|()| Discovery::Legacy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_is_known_is_given() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;\
                       v=v1beta1;g=meta.k8s.io,application/json";
        assert_eq!(form(kubectl).unwrap(), Form::Table { version: "v1" });
        let protobuf = "application/vnd.kubernetes.protobuf,application/json";
        assert_eq!(form(protobuf).unwrap(), Form::Objects);
        assert_eq!(form("*/*").unwrap(), Form::Objects);
        assert_eq!(form("application/vnd.kubernetes.protobuf").unwrap_err().code, 406);
        let metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";
        assert_eq!(form(metadata).unwrap(), Form::Metadata { version: "v1", list: true });
        let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,\
                          application/json";
        assert_eq!(discovery(aggregated).unwrap(), Discovery::Aggregated { version: "v2" });
        assert_eq!(discovery("application/json").unwrap(), Discovery::Legacy);
    }
}
