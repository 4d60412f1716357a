//! The budgets, measured: `cargo bench --bench controller` (docs/BENCHMARKS.md).
//!
//! A release build of the controller works beside a control plane, and every time is taken from
//! outside of it: from a write to the event of a watch. What needs a scale is given one in the same
//! run: the floor, the same objects written by a client that does nothing else.

// Clippy allows it in test functions by itself, but not here.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how it fails")]
// The other benchmark uses the rest of what they share.
#![allow(dead_code)]

#[path = "../support/mod.rs"]
mod support;

mod bare;
mod figure;
mod load;
mod machine;
mod measure;
mod rig;
mod tail;

use std::{collections::BTreeSet, path::PathBuf};

use clap::Parser;

use crate::{
    figure::Report,
    measure::{Measure, Round},
    support::testbed::say,
};

/// Measures the controller against the budgets that docs/BENCHMARKS.md names.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench controller --")]
struct Args {
    /// How many applications of ten objects; one round for each number.
    #[arg(long, value_delimiter = ',', default_value = "100")]
    apps: Vec<usize>,
    /// Work on the embedded cluster instead of a real control plane.
    #[arg(long)]
    embedded: bool,
    /// Measure this only, beside the cold sync that all need.
    #[arg(long, value_delimiter = ',', value_enum)]
    only: Vec<Measure>,
    /// How often a latency is measured.
    #[arg(long, default_value_t = 50)]
    samples: usize,
    /// Seconds of nothing.
    #[arg(long, default_value_t = 120)]
    idle_s: u64,
    /// Commits that memory has to stay flat under, and ten times as many drifts.
    #[arg(long, default_value_t = 1000)]
    endurance: usize,
    /// Where the figures go as JSON.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let wanted: BTreeSet<Measure> = match args.only.as_slice() {
        [] => Measure::ALL.into(),
        only => only.iter().copied().collect(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.expect("the threads of the benchmark");
    let mut report = Report::new(args.embedded);
    for apps in &args.apps {
        let round = Round {
            apps: *apps,
            embedded: args.embedded,
            wanted: wanted.clone(),
            samples: args.samples,
            idle_s: args.idle_s,
            endurance: args.endurance,
        };
        match runtime.block_on(round.run()) {
            Some(figures) => report.add(*apps, figures),
            None => return,
        }
        println!("{}", report.table(*apps));
    }
    let out = args.out.unwrap_or_else(|| {
        let place = if args.embedded { "embedded" } else { "cluster" };
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{place}.json"))
    });
    std::fs::write(&out, report.json()).expect("the file of the figures is writable");
    say(&format!("figures: {}", out.display()));
}
