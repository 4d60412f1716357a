//! A long time of all that can happen: `cargo bench --bench soak`, 30 minutes.
//!
//! Commits, drift, deletions by hand, a controller that is killed, an API server that restarts, is
//! slow, refuses, loses answers or expires watches, in an order that a seed decides. Once a minute
//! all harm ends, and the cluster has to become what Git says; the memory is noted. At the end the
//! cluster equals Git and memory is flat.

// Clippy allows it in test functions by itself, but not here.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a panic is how it fails")]
// It uses a part of what it shares with the other benchmark.
#![allow(dead_code)]

#[path = "../support/mod.rs"]
mod support;

mod bare;
mod load;
mod rig;
mod tail;

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use clap::Parser;
use serde_json::json;

use crate::{
    load::{KEY, MAPS},
    rig::Rig,
    support::{Fault, Requests, testbed::say},
};

/// How long harm is done before everything has to come right.
const ROUND: Duration = Duration::from_secs(45);
/// Growth of memory from the first rounds to the last that is not called flat any more.
const GROWTH_PCT_MAX: f64 = 20.0;

/// Harms the controller and the cluster for a while, and checks that everything comes right.
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench soak --")]
struct Args {
    /// How long, in minutes.
    #[arg(long, default_value_t = 30)]
    minutes: u64,
    /// How many applications of ten objects.
    #[arg(long, default_value_t = 50)]
    apps: usize,
    /// Decides what happens; by the clock when not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Work on the embedded cluster instead of a real control plane.
    #[arg(long)]
    embedded: bool,
    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() {
    let args = Args::parse();
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("the threads of the benchmark").block_on(soak(args));
}

async fn soak(args: Args) {
    let seed =
        args.seed.unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_secs());
    let Some(mut rig) = Rig::start(args.apps, args.embedded, true).await else { return };
    say(&format!("seed {seed}; logs: {}", rig.logs().display()));
    rig.open().await;
    rig.all_done(&rig.repo.head()).await;
    let (begin, length) = (Instant::now(), Duration::from_secs(args.minutes * 60));
    let mut soak = Soak { rig, random: Random::new(seed), wanted: BTreeMap::new(), count: 0 };
    let mut memory = Vec::new();
    while begin.elapsed() < length {
        soak.harm().await;
        let took = soak.come_right().await;
        memory.push(soak.rig.memory().0);
        let (done, now) = (soak.count, memory[memory.len() - 1]);
        let minutes = begin.elapsed().as_secs() / 60;
        say(&format!("{minutes} min: {done} things done, right after {took:.1?}, {now:.1} MiB"));
    }
    soak.assert_equal().await;
    let end = memory.len().div_ceil(4);
    let mean = |values: &[f64]| {
        values.iter().sum::<f64>() / f64::from(u32::try_from(values.len()).expect("few"))
    };
    let (first, last) = (mean(&memory[..end]), mean(&memory[memory.len() - end..]));
    say(&format!("{} things done; memory: {first:.1} MiB first, {last:.1} MiB last", soak.count));
    let growth_pct = (last / first - 1.0) * 100.0;
    assert!(growth_pct <= GROWTH_PCT_MAX, "memory grew by {growth_pct:.0} %: {memory:.1?}");
}

/// Numbers that look random, the same for the same seed.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// Something below `end`.
    fn below(&mut self, end: usize) -> usize {
        // xorshift64*, Vigna 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        usize::try_from(number).expect("31 bits") % end.max(1)
    }
}

struct Soak {
    rig: Rig,
    random: Random,
    /// The round of each ConfigMap that is not the first, by application and part.
    wanted: BTreeMap<(usize, usize), String>,
    /// How many things were done.
    count: usize,
}

impl Soak {
    /// One thing after the other, for a while.
    async fn harm(&mut self) {
        let begin = Instant::now();
        while begin.elapsed() < ROUND {
            self.count += 1;
            match self.random.below(100) {
                0..40 => self.commit(1).await,
                40..43 => self.commit(self.rig.load.apps).await,
                43..75 => self.drift().await,
                75..83 => self.delete().await,
                83..96 => self.fault().await,
                96..98 => self.kill().await,
                _ => self.restart().await,
            }
            let pause_ms = 50 + self.random.below(400) as u64;
            tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        }
    }

    fn map(&mut self) -> (usize, usize) {
        (self.random.below(self.rig.load.apps), self.random.below(MAPS))
    }

    /// A commit that changes an object in some applications.
    async fn commit(&mut self, apps: usize) {
        let round = format!("commit {}", self.count);
        let (first, part) = self.map();
        for number in 0..apps {
            let app = (first + number) % self.rig.load.apps;
            let (path, text) = self.rig.load.map_file(app, part, &round);
            self.rig.repo.write(&path, &text);
            self.wanted.insert((app, part), round.clone());
        }
        self.rig.repo.commit(&round);
        self.rig.try_push().await;
    }

    async fn drift(&mut self) {
        let (app, part) = self.map();
        let path = self.rig.load.map(app, part, "").path;
        let drift = json!({"data": {KEY: format!("drift {}", self.count)}});
        self.rig.bare.try_merge(&path, &drift).await;
    }

    async fn delete(&mut self) {
        let (app, part) = self.map();
        self.rig.bare.try_delete(&self.rig.load.map(app, part, "").path).await;
    }

    /// Something goes wrong between the controller and the API server for some seconds.
    async fn fault(&mut self) {
        let fault = match self.random.below(7) {
            0 => Fault::Status { code: 500, share_pct: 30, requests: Requests::All },
            1 => Fault::TooManyRequests { retry_after_s: 1, requests: Requests::Writes },
            2 => Fault::LoseAnswers,
            3 => Fault::Cut,
            4 => Fault::Blackhole,
            5 => Fault::ExpiredWatches,
            _ => Fault::Delay(Duration::from_millis(300)),
        };
        let length_ms = 500 + self.random.below(2500) as u64;
        self.rig.proxy().set(fault);
        tokio::time::sleep(Duration::from_millis(length_ms)).await;
        self.rig.proxy().set(Fault::None);
    }

    async fn kill(&mut self) {
        self.rig.controller.kill9();
        self.rig.start_again();
        self.rig.controller.await_ready();
    }

    async fn restart(&mut self) {
        let plane = self.rig.plane.clone();
        tokio::task::spawn_blocking(move || plane.restart_api_server()).await.expect("it starts");
    }

    /// No more harm: waits until the cluster is as Git says; returns how long that took.
    async fn come_right(&mut self) -> Duration {
        let begin = Instant::now();
        self.rig.all_done(&self.rig.repo.head()).await;
        for app in 0..self.rig.load.apps {
            for part in 0..MAPS {
                let round = self.wanted.get(&(app, part)).map_or("0", String::as_str);
                self.rig.maps.value(&self.rig.map(app, part), round).await;
            }
        }
        begin.elapsed()
    }

    /// The cluster, asked and not watched, is as Git says.
    async fn assert_equal(&mut self) {
        let rig = &self.rig;
        let list = rig.bare.read(&format!("/api/v1/configmaps?{}", rig.selector())).await;
        let items = list["items"].as_array().expect("a list");
        let live: BTreeMap<&str, &str> = items
            .iter()
            .map(|map| (map["metadata"]["name"].as_str(), map["data"][KEY].as_str()))
            .map(|(name, round)| (name.expect("a name"), round.unwrap_or_default()))
            .collect();
        assert_eq!(live.len(), rig.load.apps * MAPS, "no object more and none less");
        for app in 0..rig.load.apps {
            for part in 0..MAPS {
                let wanted = self.wanted.get(&(app, part)).map_or("0", String::as_str);
                let name = rig.load.map_name(app, part);
                assert_eq!(live.get(name.as_str()), Some(&wanted), "{name}");
            }
        }
    }
}
