//! From a commit to the live object.

use std::time::Instant;

use super::{latencies, ms, number};
use crate::{figure::Figure, load::MAPS, rig::Rig};

pub(super) async fn measure(rig: &mut Rig, samples: usize, figures: &mut Vec<Figure>) {
    let mut times = Vec::new();
    let renders = renders(rig);
    for sample in 0..samples {
        // Neighbours in time are no neighbours in the repository.
        let (app, part) = (sample * 37 % rig.load.apps, sample % MAPS);
        let round = format!("commit {sample}");
        let (path, text) = rig.load.map_file(app, part, &round);
        let commit = rig.repo.write(&path, &text).commit(&round);
        let begin = Instant::now();
        rig.push().await;
        let map = rig.map(app, part);
        times.push(ms(rig.maps.value(&map, &round).await - begin));
        // The next commit finds this one done; the other applications still learn its name.
        rig.done(app..app + 1, &commit).await;
    }
    latencies(figures, "commit to live", &times, [150.0, 500.0]);
    let each = (self::renders(rig) - renders) / number(samples);
    figures.push(Figure::new("commit to one application: renders", each, "").at_most(1.0));

    let round = "commit to all";
    for app in 0..rig.load.apps {
        let (path, text) = rig.load.map_file(app, 0, round);
        rig.repo.write(&path, &text);
    }
    let commit = rig.repo.commit(round);
    let maps: Vec<_> = (0..rig.load.apps).map(|app| rig.map(app, 0)).collect();
    let begin = Instant::now();
    rig.push().await;
    let live = rig.maps.values(&maps, round).await - begin;
    let all = Figure::new("commit to all applications: all live", ms(live), "ms");
    // The promise is made for a hundred.
    figures.push(if rig.load.apps <= 100 { all.at_most(1000.0) } else { all });
    let reported = rig.all_done(&commit).await - begin;
    figures.push(Figure::new("commit to all applications: all reported", ms(reported), "ms"));
}

/// How many renders there were that no cache answered.
fn renders(rig: &Rig) -> f64 {
    let (_, page) = rig.controller.get("/metrics").expect("the controller answers");
    let lines = page.lines().filter(|line| line.starts_with("steadfast_render_cache_total"));
    let missed = lines.filter(|line| line.contains("\"miss\""));
    missed.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}
