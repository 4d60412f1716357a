//! Limit ranges: bounds and defaults that fit together.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    cause::{Cause, duplicate, entries, forbidden, invalid, invalid_text, list, required, text},
    names,
};
use crate::object::quantity::Quantity;

const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

pub(super) fn limits(object: &Value, found: &mut Vec<Cause>) {
    let Some(spec) = object.get("spec") else { return };
    let mut seen = BTreeSet::new();
    for (index, limit) in list(spec, "limits").iter().enumerate() {
        let path = format!("spec.limits[{index}]");
        let kind = text(limit, "type");
        kind_of(kind, &path, found);
        if !seen.insert(kind) {
            found.push(duplicate(format!("{path}.type"), &kind.into()));
        }
        names_of(limit, kind, &path, found);
        if kind == "Pod" {
            for key in ["default", "defaultRequest"] {
                if entries(limit, key).next().is_some() {
                    let message = "may not be specified when `type` is 'Pod'";
                    found.push(forbidden(format!("{path}.{key}"), message));
                }
            }
        }
        if kind == "PersistentVolumeClaim" {
            let has = |key: &str| entries(limit, key).any(|(name, _)| name == "storage");
            if !has("min") && !has("max") {
                let message =
                    "either minimum or maximum storage value is required, but neither was provided";
                found.push(required(format!("{path}.limits"), message));
            }
        }
        bounds(limit, kind, &path, found);
    }
}

fn kind_of(kind: &str, path: &str, found: &mut Vec<Cause>) {
    let field = format!("{path}.type");
    let wrong = names::qualified(kind);
    if !wrong.is_empty() {
        found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), kind, why)));
        return;
    }
    let known = ["Pod", "Container", "PersistentVolumeClaim"];
    if !kind.contains('/') && !known.contains(&kind) {
        found.push(invalid_text(field, kind, "must be a standard limit type or fully qualified"));
    }
}

fn names_of(limit: &Value, kind: &str, path: &str, found: &mut Vec<Cause>) {
    for key in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        if kind == "Pod" && key.starts_with("default") {
            continue;
        }
        for (name, _) in entries(limit, key) {
            let field = format!("{path}.{key}[{name}]");
            let wrong = names::qualified(name);
            found.extend(wrong.iter().map(|why| invalid_text(field.as_str(), name, why)));
            let plain = !name.contains('/');
            let known = STANDARD.contains(&name.as_str());
            if plain && wrong.is_empty() && !known && name != "storage" {
                let message = "must be a standard resource type or fully qualified";
                found.push(invalid_text(field.as_str(), name, message));
            }
            let huge = name.starts_with("hugepages-");
            if plain && kind == "Container" && !known && !huge {
                let message = "must be a standard resource for containers";
                found.push(invalid_text(field, name, message));
            }
        }
    }
}

fn bounds(limit: &Value, kind: &str, path: &str, found: &mut Vec<Cause>) {
    let mut all = BTreeSet::new();
    for key in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"] {
        if kind != "Pod" || !key.starts_with("default") {
            all.extend(entries(limit, key).map(|(name, _)| name.as_str()));
        }
    }
    for name in all {
        Bounds { limit, path, name }.check(kind, found);
    }
}

/// What a limit says about one resource.
struct Bounds<'a> {
    limit: &'a Value,
    path: &'a str,
    name: &'a str,
}

/// A bound as it is written, and as an amount.
type Bound<'a> = (&'a str, Quantity);

impl<'a> Bounds<'a> {
    fn get(&self, key: &str) -> Option<Bound<'a>> {
        let value = self.limit.get(key)?.get(self.name)?;
        Some((value.as_str().unwrap_or_default(), Quantity::of(value)?))
    }

    fn refuse(&self, key: &str, shown: &str, why: &str, found: &mut Vec<Cause>) {
        let field = format!("{}.{key}[{}]", self.path, self.name);
        found.push(invalid(field, &shown.into(), why));
    }

    fn check(&self, kind: &str, found: &mut Vec<Cause>) {
        let (min, max) = (self.get("min"), self.get("max"));
        let of_pod = kind == "Pod";
        let default = self.get("default").filter(|_| !of_pod);
        let request = self.get("defaultRequest").filter(|_| !of_pod);
        let not_above = |one: Option<Bound<'a>>, other: Option<Bound<'a>>| {
            one.zip(other).filter(|(one, other)| one.1 > other.1)
        };
        if let Some((min, max)) = not_above(min, max) {
            let why = format!("min value {} is greater than max value {}", min.0, max.0);
            self.refuse("min", min.0, &why, found);
        }
        if let Some((min, request)) = not_above(min, request) {
            let why =
                format!("min value {} is greater than default request value {}", min.0, request.0);
            self.refuse("defaultRequest", request.0, &why, found);
        }
        if let Some((request, max)) = not_above(request, max) {
            let why =
                format!("default request value {} is greater than max value {}", request.0, max.0);
            self.refuse("defaultRequest", request.0, &why, found);
        }
        if let Some((request, default)) = not_above(request, default) {
            let why = format!(
                "default request value {} is greater than default limit value {}",
                request.0, default.0
            );
            self.refuse("defaultRequest", request.0, &why, found);
        }
        if let Some((min, default)) = not_above(min, default) {
            let why = format!("min value {} is greater than default value {}", min.0, default.0);
            self.refuse("default", min.0, &why, found);
        }
        if let Some((default, max)) = not_above(default, max) {
            let why = format!("default value {} is greater than max value {}", default.0, max.0);
            self.refuse("default", max.0, &why, found);
        }
        self.ratio(min, max, found);
    }

    fn ratio(&self, min: Option<Bound<'a>>, max: Option<Bound<'a>>, found: &mut Vec<Cause>) {
        let Some(ratio) = self.get("maxLimitRequestRatio") else { return };
        if Some(ratio.1) < "1".parse().ok() {
            let why = format!("ratio {} is less than 1", ratio.0);
            self.refuse("maxLimitRequestRatio", ratio.0, &why, found);
        }
        let Some((min, max)) = min.zip(max) else { return };
        let most = max.1.as_f64() / min.1.as_f64();
        if ratio.1.as_f64() > most {
            let why = format!("ratio {} is greater than max/min = {most:.6}", ratio.0);
            self.refuse("maxLimitRequestRatio", ratio.0, &why, found);
        }
    }
}
