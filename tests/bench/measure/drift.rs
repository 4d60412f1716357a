//! From a change by somebody else to the write back.

use std::time::Instant;

use futures::{StreamExt, stream};
use serde_json::json;

use super::{latencies, ms};
use crate::{
    bare::AT_ONCE,
    figure::Figure,
    load::{KEY, MAPS},
    rig::Rig,
};

pub(super) async fn measure(rig: &mut Rig, samples: usize, figures: &mut Vec<Figure>) {
    // All maps that are drifted here are in a round that is known.
    let (apps, round) = (rig.load.apps, "before drift");
    let parts = 1..=2;
    for app in 0..apps {
        for part in parts.clone() {
            let (path, text) = rig.load.map_file(app, part, round);
            rig.repo.write(&path, &text);
        }
    }
    let commit = rig.repo.commit(round);
    rig.push().await;
    rig.all_done(&commit).await;
    rig.quiet().await;

    let mut times = Vec::new();
    for sample in 0..samples {
        let (app, part) = (sample * 37 % apps, 1);
        let map = rig.map(app, part);
        let path = rig.load.map(app, part, round).path;
        let drift = json!({"data": {KEY: format!("drift {sample}")}});
        let begin = Instant::now();
        rig.bare.merge(&path, &drift).await;
        let back = rig.maps.values_since(&[map], round, begin).await;
        times.push(ms(back - begin));
    }
    latencies(figures, "drift to write back", &times, [50.0, 250.0]);

    const { assert!(MAPS > 2) };
    let drift = json!({"data": {KEY: "drift of all"}});
    let maps: Vec<_> = (0..apps).map(|app| rig.map(app, 2)).collect();
    let begin = Instant::now();
    let paths = (0..apps).map(|app| rig.load.map(app, 2, round).path);
    let writes = stream::iter(paths.collect::<Vec<_>>()).map(|path| {
        let (bare, drift) = (&rig.bare, &drift);
        async move { bare.merge(&path, drift).await }
    });
    writes.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    let written = begin.elapsed();
    let back = rig.maps.values_since(&maps, round, begin).await - begin;
    let all = Figure::new("drift in all applications: all back", ms(back), "ms");
    figures.push(if apps <= 100 { all.at_most(1000.0) } else { all });
    figures.push(Figure::new("drift in all applications: the writes alone", ms(written), "ms"));
}
