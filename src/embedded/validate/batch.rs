//! Jobs and `CronJobs`.

use serde_json::Value;

use super::{
    cause::{
        Cause, invalid, invalid_text, is_absent, not_negative, not_supported, number, required,
        text,
    },
    pod, selector,
};
use crate::object::meta;

/// Eleven characters of a job's name are the time of its run.
const CRON_NAME_MAX: usize = 52;

pub(super) fn job(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    job_spec(spec, "spec", found);
    if is_absent(spec, "selector") {
        found.push(required("spec.selector", ""));
    }
    generated_selector(object, spec, found);
    selector::check(spec, "selector", "spec", found);
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
    let selected = spec.get("selector").filter(|selector| !selector.is_null());
    if !selected.is_some_and(|selector| selector::matches(selector, labels)) {
        let message = "`selector` does not match template `labels`";
        found.push(invalid("spec.template.metadata.labels", labels, message));
    }
}

/// The labels that the server makes must be the ones it made.
pub(super) fn generated(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let labels = spec.pointer("/template/metadata/labels").unwrap_or(&Value::Null);
    for (key, expected) in [
        ("controller-uid", meta::uid(object)),
        ("job-name", meta::name(object)),
        ("batch.kubernetes.io/controller-uid", meta::uid(object)),
        ("batch.kubernetes.io/job-name", meta::name(object)),
    ] {
        if text(labels, key) != expected {
            let field = format!("spec.template.metadata.labels[{key}]");
            found.push(invalid(field, labels, &format!("must be '{expected}'")));
        }
    }
}

/// The selector that the server makes holds the uid, and nothing besides.
fn generated_selector(object: &Value, spec: &Value, found: &mut Vec<Cause>) {
    let Some(selector) = spec.get("selector").filter(|selector| !selector.is_null()) else {
        return;
    };
    if spec.get("manualSelector") == Some(&Value::Bool(true)) {
        return;
    }
    let own = serde_json::json!({"batch.kubernetes.io/controller-uid": meta::uid(object)});
    let plain = selector.get("matchExpressions").is_none_or(Value::is_null);
    if selector.get("matchLabels") != Some(&own) || !plain {
        found.push(invalid("spec.selector", selector, "`selector` not auto-generated"));
    }
}

fn job_spec(spec: &Value, path: &str, found: &mut Vec<Cause>) {
    let numbers = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    not_negative(spec, path, &numbers, found);
    match text(spec, "completionMode") {
        "Indexed" if is_absent(spec, "completions") => {
            let message = "when completion mode is Indexed";
            found.push(required(format!("{path}.completions"), message));
        }
        "" | "Indexed" | "NonIndexed" => {}
        other => {
            let known = ["NonIndexed", "Indexed"];
            found.push(not_supported(format!("{path}.completionMode"), &other.into(), &known));
        }
    }
    if text(spec, "completionMode") != "Indexed" {
        for key in ["backoffLimitPerIndex", "maxFailedIndexes"] {
            if let Some(number) = number(spec, key) {
                let message = "requires indexed completion mode";
                found.push(invalid(format!("{path}.{key}"), &number.into(), message));
            }
        }
    }
    pod::template(spec, "template", &format!("{path}.template"), found);
    let policy = spec.pointer("/template/spec/restartPolicy").and_then(Value::as_str);
    let field = format!("{path}.template.spec.restartPolicy");
    match policy.unwrap_or_default() {
        "" | "Always" => found.push(required(field, "valid values: \"OnFailure\", \"Never\"")),
        "OnFailure" if !is_absent(spec, "podFailurePolicy") => {
            let message = "only \"Never\" is supported when podFailurePolicy is specified";
            found.push(invalid_text(field, "OnFailure", message));
        }
        "OnFailure" | "Never" => {}
        other => found.push(not_supported(field, &other.into(), &["OnFailure", "Never"])),
    }
}

pub(super) fn cron_job(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    let schedule = text(spec, "schedule");
    if schedule.is_empty() {
        found.push(required("spec.schedule", ""));
    } else if let Some(why) = schedule_fault(schedule) {
        found.push(invalid_text("spec.schedule", schedule, &why));
    } else if schedule.contains("TZ") {
        let message = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
        found.push(invalid_text("spec.schedule", schedule, message));
    }
    not_negative(spec, "spec", &["startingDeadlineSeconds"], found);
    let known = ["Allow", "Forbid", "Replace"];
    super::cause::one_of(spec, "spec", "concurrencyPolicy", &known, found);
    if let Some(template) = spec.pointer("/jobTemplate/spec") {
        if !is_absent(template, "manualSelector") && template["manualSelector"] == true {
            let known = ["nil", "false"];
            let field = "spec.jobTemplate.spec.manualSelector";
            found.push(not_supported(field, &template["manualSelector"], &known));
        }
        job_spec(template, "spec.jobTemplate.spec", found);
    }
    not_negative(spec, "spec", &["successfulJobsHistoryLimit", "failedJobsHistoryLimit"], found);
}

/// Names of new `CronJobs` leave room for what is appended.
pub(super) fn name_leaves_room(object: &Value, found: &mut Vec<Cause>) {
    let name = meta::name(object);
    if name.len() > CRON_NAME_MAX {
        found.push(invalid_text("metadata.name", name, "must be no more than 52 characters"));
    }
}

/// What is wrong with a schedule, in the words of the library that reads it in the real server;
/// only the number of its fields and its characters are looked at.
fn schedule_fault(schedule: &str) -> Option<String> {
    let known = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
    let rest = schedule.strip_prefix("TZ=").or_else(|| schedule.strip_prefix("CRON_TZ="));
    let schedule = rest.map_or(schedule, |rest| rest.split_once(' ').map_or("", |(_, rest)| rest));
    if schedule.starts_with("@every ") || known.contains(&schedule) {
        return None;
    }
    if schedule.starts_with('@') {
        return Some(format!("unrecognized descriptor: {schedule}"));
    }
    let fields: Vec<&str> = schedule.split_whitespace().collect();
    if fields.len() != 5 {
        let count = fields.len();
        return Some(format!("expected exactly 5 fields, found {count}: [{}]", fields.join(" ")));
    }
    let ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
    fields.iter().zip(ranges).find_map(|(field, range)| field_fault(field, range))
}

fn field_fault(field: &str, (low, high): (u32, u32)) -> Option<String> {
    const WORDS: &str =
        "jan feb mar apr may jun jul aug sep oct nov dec sun mon tue wed thu fri sat";
    field.split(',').find_map(|part| {
        let range = part.split_once('/').map_or(part, |(range, _)| range);
        if matches!(range, "*" | "?") {
            return None;
        }
        range.split('-').find_map(|bound| {
            if bound.len() == 3 && WORDS.split(' ').any(|word| word == bound.to_lowercase()) {
                return None;
            }
            match bound.parse::<u32>() {
                Ok(number) if number < low => {
                    Some(format!("beginning of range ({number}) below minimum ({low}): {part}"))
                }
                Ok(number) if number > high => {
                    Some(format!("end of range ({number}) above maximum ({high}): {part}"))
                }
                Ok(_) => None,
                Err(_) => Some(format!(
                    "failed to parse int from {bound}: strconv.Atoi: parsing {bound:?}: invalid syntax"
                )),
            }
        })
    })
}
