//! A figure beside its budget.

use std::{collections::BTreeMap, fmt::Write};

use serde_json::{Value, json};

use crate::machine;

/// What was promised.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Budget {
    None,
    AtLeast(f64),
    AtMost(f64),
}

/// One measured value.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) budget: Budget,
}

impl Figure {
    pub(crate) fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self { name: name.into(), value, unit, budget: Budget::None }
    }

    pub(crate) fn at_most(self, most: f64) -> Self {
        Self { budget: Budget::AtMost(most), ..self }
    }

    pub(crate) fn at_least(self, least: f64) -> Self {
        Self { budget: Budget::AtLeast(least), ..self }
    }

    /// `None` without a budget.
    fn is_kept(&self) -> Option<bool> {
        match self.budget {
            Budget::None => None,
            Budget::AtLeast(least) => Some(self.value >= least),
            Budget::AtMost(most) => Some(self.value <= most),
        }
    }

    fn promise(&self) -> String {
        match self.budget {
            Budget::None => String::new(),
            Budget::AtLeast(least) => format!("at least {}", short(least)),
            Budget::AtMost(most) => format!("at most {}", short(most)),
        }
    }

    fn json(&self) -> Value {
        let (value, unit) = (self.value, self.unit);
        let budget = match self.budget {
            Budget::None => Value::Null,
            Budget::AtLeast(least) => json!({"at_least": least}),
            Budget::AtMost(most) => json!({"at_most": most}),
        };
        json!({"name": self.name, "value": value, "unit": unit, "budget": budget,
            "kept": self.is_kept()})
    }
}

/// The middle, the 99th of a hundred, and the largest of some values.
pub(crate) fn quantiles(values: &[f64]) -> [f64; 3] {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let last = sorted.len().checked_sub(1).expect("there are values");
    // Nearest rank, which never invents a value.
    let rank = |pct: usize| (sorted.len() * pct).div_ceil(100).max(1) - 1;
    [sorted[rank(50)], sorted[rank(99)], sorted[last]]
}

/// All rounds of a run.
pub(crate) struct Report {
    embedded: bool,
    rounds: BTreeMap<usize, Vec<Figure>>,
}

impl Report {
    pub(crate) fn new(embedded: bool) -> Self {
        Self { embedded, rounds: BTreeMap::new() }
    }

    pub(crate) fn add(&mut self, apps: usize, figures: Vec<Figure>) {
        self.rounds.insert(apps, figures);
    }

    /// One round, as people read it.
    pub(crate) fn table(&self, apps: usize) -> String {
        let figures = &self.rounds[&apps];
        let width = figures.iter().map(|figure| figure.name.len()).max().unwrap_or_default();
        let mut text = format!("\n{apps} applications\n");
        for figure in figures {
            let kept = match figure.is_kept() {
                None => "",
                Some(true) => "kept",
                Some(false) => "NOT KEPT",
            };
            let (name, value, unit) = (&figure.name, short(figure.value), figure.unit);
            let promise = figure.promise();
            let line = format!("  {name:width$}  {value:>9} {unit:10}  {promise:14}  {kept}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        text
    }

    pub(crate) fn json(&self) -> String {
        let rounds: Vec<Value> = self
            .rounds
            .iter()
            .map(|(apps, figures)| {
                let figures: Vec<_> = figures.iter().map(Figure::json).collect();
                json!({"applications": apps, "figures": figures})
            })
            .collect();
        let cluster = if self.embedded { "embedded" } else { "real" };
        let report = json!({
            "version": env!("CARGO_PKG_VERSION"), "cluster": cluster,
            "machine": machine::describe(), "rounds": rounds,
        });
        format!("{report:#}\n")
    }
}

fn short(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        zero if zero < 1e-9 => "0".to_owned(),
        _ => format!("{value:.2}"),
    }
}
