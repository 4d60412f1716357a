//! What is measured, in order: each part leaves the cluster equal to Git.

mod cold;
mod commit;
mod drift;
mod endurance;
mod floor;
mod idle;
mod restart;

use std::{collections::BTreeSet, time::Duration};

use clap::ValueEnum;

use crate::{
    figure::{Figure, quantiles},
    rig::Rig,
    support::testbed::say,
};

/// What can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Measure {
    /// From one commit to the live object, and a commit to all.
    Commit,
    /// From a drift to the write back, of one object and of one in each application.
    Drift,
    /// What nothing costs.
    Idle,
    /// A start with everything in sync, in order and after SIGKILL.
    Restart,
    /// Memory after many commits and drifts.
    Endurance,
}

impl Measure {
    pub(crate) const ALL: [Self; 5] =
        [Self::Commit, Self::Drift, Self::Idle, Self::Restart, Self::Endurance];
}

/// One run with a number of applications.
pub(crate) struct Round {
    pub(crate) apps: usize,
    pub(crate) embedded: bool,
    pub(crate) wanted: BTreeSet<Measure>,
    pub(crate) samples: usize,
    pub(crate) idle_s: u64,
    pub(crate) endurance: usize,
}

impl Round {
    /// `None` without a test bed.
    pub(crate) async fn run(&self) -> Option<Vec<Figure>> {
        let mut rig = Rig::start(self.apps, self.embedded, false).await?;
        say(&format!("{} applications; logs: {}", self.apps, rig.logs().display()));
        let mut figures = Vec::new();
        let floor = floor::measure(&rig, &mut figures).await;
        cold::measure(&mut rig, &floor, &mut figures).await;
        for wanted in &self.wanted {
            let name = wanted.to_possible_value().expect("all have a name");
            say(&format!("{} ...", name.get_name()));
            match wanted {
                Measure::Commit => commit::measure(&mut rig, self.samples, &mut figures).await,
                Measure::Drift => drift::measure(&mut rig, self.samples, &mut figures).await,
                Measure::Idle => idle::measure(&rig, self.idle_s, &mut figures).await,
                Measure::Restart => restart::measure(&mut rig, &mut figures).await,
                Measure::Endurance => {
                    endurance::measure(&mut rig, self.endurance, &mut figures).await;
                }
            }
        }
        let most = rig.memory().1;
        figures.push(Figure::new("memory: the most since the last start", most, "MiB"));
        Some(figures)
    }
}

/// Objects per second.
fn rate(count: usize, time: Duration) -> f64 {
    number(count) / time.as_secs_f64()
}

#[expect(clippy::cast_precision_loss, reason = "nobody counts to 2^53 here")]
fn number(count: usize) -> f64 {
    count as f64
}

/// Adds middle, 99th of a hundred and largest of some latencies in ms.
fn latencies(figures: &mut Vec<Figure>, name: &str, ms: &[f64], most_ms: [f64; 2]) {
    let [middle, high, largest] = quantiles(ms);
    figures.push(Figure::new(format!("{name}: p50"), middle, "ms").at_most(most_ms[0]));
    figures.push(Figure::new(format!("{name}: p99"), high, "ms").at_most(most_ms[1]));
    figures.push(Figure::new(format!("{name}: largest"), largest, "ms"));
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
