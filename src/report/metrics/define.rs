//! Definition of metrics: each one is registered and written down for the reference at once.

use std::fmt::Write as _;

use prometheus::{
    CounterVec, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
    core::Collector,
};

/// Labels of every series that belongs to an application.
pub(super) const APP: [&str; 4] = ["namespace", "name", "project", "dest_server"];

/// Buckets of a pass, in seconds: Argo CD's (0.25 to 16), and finer ones below.
pub(super) const SECONDS_PASS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0];
/// Buckets of what should take milliseconds, in seconds.
pub(super) const SECONDS_FINE: &[f64] =
    &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Buckets of a request to a Git server, in seconds: Argo CD's, and finer ones below.
pub(super) const SECONDS_GIT: &[f64] = &[0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 10.0, 20.0];

/// One line of the reference.
#[derive(Debug)]
pub(super) struct Row {
    name: &'static str,
    kind: &'static str,
    labels: Vec<&'static str>,
    help: &'static str,
}

/// Registers metrics and remembers what it registered.
#[derive(Debug, Default)]
pub(super) struct Definer {
    pub(super) registry: Registry,
    pub(super) rows: Vec<Row>,
}

const VALID: &str = "name and labels are constants of this crate, each defined once";

impl Definer {
    fn keep<C: Collector + Clone + 'static>(&mut self, collector: &C, row: Row) {
        self.registry.register(Box::new(collector.clone())).expect(VALID);
        self.rows.push(row);
    }

    pub(super) fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> IntCounterVec {
        let made = IntCounterVec::new(Opts::new(name, help), labels).expect(VALID);
        self.keep(&made, Row { name, kind: "counter", labels: labels.to_vec(), help });
        made
    }

    pub(super) fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> IntGaugeVec {
        let made = IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID);
        self.keep(&made, Row { name, kind: "gauge", labels: labels.to_vec(), help });
        made
    }

    pub(super) fn float_counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> CounterVec {
        let made = CounterVec::new(Opts::new(name, help), labels).expect(VALID);
        self.keep(&made, Row { name, kind: "counter", labels: labels.to_vec(), help });
        made
    }

    pub(super) fn float_gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        labels: &[&'static str],
    ) -> GaugeVec {
        let made = GaugeVec::new(Opts::new(name, help), labels).expect(VALID);
        self.keep(&made, Row { name, kind: "gauge", labels: labels.to_vec(), help });
        made
    }

    pub(super) fn histogram(
        &mut self,
        name: &'static str,
        help: &'static str,
        buckets: &[f64],
        labels: &[&'static str],
    ) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let made = HistogramVec::new(opts, labels).expect(VALID);
        self.keep(&made, Row { name, kind: "histogram", labels: labels.to_vec(), help });
        made
    }
}

/// The reference as a table, in order of name.
pub(super) fn markdown(rows: &[Row]) -> String {
    let mut rows: Vec<&Row> = rows.iter().collect();
    rows.sort_by_key(|row| row.name);
    let mut text = String::from(
        "# Metrics\n\n`GET /metrics`, Prometheus' text format, no token. Names that start with `argocd_` mean what \
         they mean in\nArgo CD. Series of a deleted application are gone with the next scrape.\n\n\
         | metric | type | labels | meaning |\n|---|---|---|---|\n",
    );
    for Row { name, kind, labels, help } in rows {
        let labels = labels.join(", ");
        // Writing to a string never fails.
        let _ = writeln!(text, "| `{name}` | {kind} | {labels} | {help} |");
    }
    text
}
