//! Indexed Jobs: each pod has a number, and each number has to succeed once.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    embedded::controllers::read::{set_label, text},
    object::meta,
};

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

pub(super) fn is_indexed(job: &Value) -> bool {
    text(job, "/spec/completionMode") == "Indexed"
}

/// The index of a pod.
pub(super) fn of(pod: &Value) -> Option<i64> {
    meta::annotation(pod, INDEX)?.parse().ok().filter(|index| *index >= 0)
}

/// Gives a pod its index: by annotation, label, host name and environment.
pub(super) fn mark(mut pod: Value, job: &Value, index: i64) -> Value {
    let name = format!("{}-{index}", meta::name(job));
    pod["metadata"]["generateName"] = json!(format!("{name}-"));
    meta::set_annotation(&mut pod, INDEX, &index.to_string());
    set_label(&mut pod, INDEX, &index.to_string());
    pod["spec"]["hostname"] = json!(name);
    let source = json!({"fieldRef": {"fieldPath": format!("metadata.labels['{INDEX}']")}});
    let variable = json!({"name": "JOB_COMPLETION_INDEX", "valueFrom": source});
    for list in ["initContainers", "containers"] {
        let containers = pod["spec"].get_mut(list).and_then(Value::as_array_mut);
        for container in containers.into_iter().flatten() {
            let before = container.get("env").and_then(Value::as_array).cloned();
            let mut env = before.unwrap_or_default();
            if !env.iter().any(|one| text(one, "/name") == "JOB_COMPLETION_INDEX") {
                env.push(variable.clone());
                container["env"] = Value::from(env);
            }
        }
    }
    pod
}

/// A set of indexes, written as `1,3-5,7`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Indexes(BTreeSet<i64>);

impl Indexes {
    pub(super) fn parse(text: &str) -> Self {
        let mut indexes = BTreeSet::new();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
                indexes.extend(first..=last);
            }
        }
        Self(indexes)
    }

    pub(super) fn has(&self, index: i64) -> bool {
        self.0.contains(&index)
    }

    pub(super) fn add(&mut self, index: i64) {
        self.0.insert(index);
    }

    pub(super) fn len(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap_or(i64::MAX)
    }

    pub(super) fn text(&self) -> String {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for index in &self.0 {
            match ranges.last_mut() {
                Some((_, last)) if *last + 1 == *index => *last = *index,
                _ => ranges.push((*index, *index)),
            }
        }
        // Two neighbours are written as two, as Kubernetes does.
        let parts: Vec<String> = ranges
            .into_iter()
            .map(|(first, last)| match last - first {
                0 => first.to_string(),
                1 => format!("{first},{last}"),
                _ => format!("{first}-{last}"),
            })
            .collect();
        parts.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_are_written_in_ranges_and_read_back() {
        for text in ["", "0", "0,1", "0-2", "1,3-5,7", "0,1,4-9"] {
            assert_eq!(Indexes::parse(text).text(), text);
        }
        assert_eq!(Indexes::parse("0-1").text(), "0,1");
        assert_eq!(Indexes::parse("x,2-y,3").text(), "3");
    }
}
