//! Memory after much work.

use futures::{StreamExt, stream};
use serde_json::json;

use super::number;
use crate::{
    bare::AT_ONCE,
    figure::Figure,
    load::{KEY, MAPS},
    rig::Rig,
    support::testbed::say,
};

/// Drifts for each commit.
const DRIFTS: usize = 10;
/// Commits between two looks.
const BATCH: usize = 50;
/// Corrections of one object that are no fight yet: after them it is left alone for a while.
const CORRECTIONS_MAX: usize = 3;

pub(super) async fn measure(rig: &mut Rig, commits: usize, figures: &mut Vec<Figure>) {
    let apps = rig.load.apps;
    let drifts_max = apps * (MAPS - 1) * CORRECTIONS_MAX;
    // The first tenth fills what is filled once: caches, the history of each application.
    let mut memory = Vec::new();
    let (mut done, mut drifted) = (0, 0);
    while done < commits {
        let mut changed = Vec::new();
        let mut last = (String::new(), String::new());
        for number in done..(done + BATCH).min(commits) {
            let (app, part) = (number * 37 % apps, 0);
            let round = format!("endurance {number}");
            let (path, text) = rig.load.map_file(app, part, &round);
            last = (rig.repo.write(&path, &text).commit(&round), round);
            rig.push().await;
            changed.push(rig.map(app, part));
        }
        rig.maps.value(&changed[changed.len() - 1], &last.1).await;
        rig.all_done(&last.0).await;
        let wanted = ((done + changed.len()) * DRIFTS).min(drifts_max);
        drift(rig, drifted..wanted).await;
        (done, drifted) = (done + changed.len(), wanted);
        memory.push(rig.memory().0);
        say(&format!("endurance: {done} commits, {:.1} MiB", memory[memory.len() - 1]));
    }
    let settled = memory[memory.len() / 10];
    let end = memory[memory.len() - 1];
    figures.push(Figure::new("endurance: commits", number(commits), ""));
    figures.push(Figure::new("endurance: drifts put back", number(drifted), ""));
    figures.push(Figure::new("endurance: memory after a tenth of it", settled, "MiB"));
    figures.push(Figure::new("endurance: memory at the end", end, "MiB"));
    figures.push(Figure::new("endurance: growth", end / settled, "").at_most(1.1));
}

/// Drifts by their numbers, each of another map where there are enough of them.
async fn drift(rig: &mut Rig, numbers: std::ops::Range<usize>) {
    let (apps, spread) = (rig.load.apps, rig.load.apps * (MAPS - 1));
    // One object at a time: a second drift of it begins when the first is put back.
    let numbers: Vec<_> = numbers.collect();
    for numbers in numbers.chunks(spread) {
        let place = |number: &usize| (number % spread % apps, 1 + number % spread / apps);
        let mut back = Vec::new();
        for number in numbers {
            let (app, part) = place(number);
            let map = rig.map(app, part);
            let round = rig.maps.now(&map);
            let path = rig.load.map(app, part, &round).path;
            back.push((map, round, path));
        }
        let begin = std::time::Instant::now();
        let drift = json!({"data": {KEY: "drift"}});
        let writes = stream::iter(&back)
            .map(|(_, _, path)| rig.bare.merge(path, &drift))
            .buffer_unordered(AT_ONCE);
        writes.collect::<Vec<()>>().await;
        for (map, round, _) in &back {
            rig.maps.values_since(std::slice::from_ref(map), round, begin).await;
        }
    }
}
