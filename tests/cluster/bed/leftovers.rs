//! Whatever becomes of a test process, its control planes end with it.

use std::{
    env, fs,
    path::Path,
    time::{Duration, Instant},
};

use crate::support::{
    ControlPlane, LIMIT, PlaneOptions, Proxy,
    process::{self, Guarded},
    wait::eventually_blocking,
};

/// Set in the test process that is to die: how.
const DEATH: &str = "STEADFAST_TEST_DEATH";
/// Set in it, too: the file that gets its process numbers and its directory.
const REPORT: &str = "STEADFAST_TEST_REPORT";

/// Runs in a process of its own, started by the test below; does nothing otherwise.
#[test]
fn dies_as_it_is_told() {
    let (Some(death), Some(report)) = (env::var_os(DEATH), env::var_os(REPORT)) else { return };
    let Some(plane) = ControlPlane::own(PlaneOptions::default()) else { return };
    let _proxy = Proxy::start(&plane);
    let scratch = process::scratch_dir("leftover");
    let sleeper = Guarded::new("sh").args(["-c", "sleep 600 & sleep 600"]);
    let sleeper = sleeper.spawn(&scratch.join("log")).expect("there is a shell");
    let mut pids = plane.pids();
    pids.push(sleeper.pid());
    let dir = plane.dir().parent().expect("it is in the directory of the run").display();
    let unfinished = Path::new(&report).with_extension("unfinished");
    fs::write(&unfinished, format!("{dir}\n{pids:?}")).expect("the directory is there");
    fs::rename(&unfinished, &report).expect("the directory is there");
    assert_ne!(death, "panic", "as it is told");
    std::thread::sleep(Duration::from_mins(10));
}

#[test]
fn nothing_survives_a_panic_or_the_end_of_the_test_process() {
    if ControlPlane::shared().is_none() {
        return;
    }
    for death in ["panic", "kill", "terminate"] {
        let dir = process::scratch_dir("death");
        let report = dir.join("report");
        let mortal = Guarded::new(env::current_exe().expect("it runs"))
            .args(["--exact", "bed::leftovers::dies_as_it_is_told"])
            .env(DEATH, death)
            .env(REPORT, &report)
            .spawn(&dir.join("log"))
            .expect("it can be started again");
        let text = eventually_blocking(LIMIT, "the report", || {
            let ended = death != "panic" && mortal.status().is_some();
            assert!(!ended, "it ended early:\n{}", mortal.log());
            fs::read_to_string(&report).ok()
        });
        let (run, pids) = text.split_once('\n').expect("two lines");
        let pids: Vec<u32> = serde_json::from_str(pids).expect("a list of numbers");
        assert_eq!(pids.len(), 6);
        let begin = Instant::now();
        match death {
            "kill" => drop(mortal.kill()),
            "terminate" => drop(mortal.terminate(Duration::from_secs(5))),
            _ => assert!(!mortal.wait().success()),
        }
        eventually_blocking(LIMIT, &format!("all to be gone after a {death}"), || {
            let gone = !pids.iter().any(|pid| process::runs(*pid)) && !Path::new(run).exists();
            gone.then_some(())
        });
        assert!(begin.elapsed() < Duration::from_secs(20), "{death}: {:?}", begin.elapsed());
    }
}

#[test]
fn a_dropped_control_plane_is_gone_at_once() {
    let options = PlaneOptions { workloads: false, ..PlaneOptions::default() };
    let Some(plane) = ControlPlane::own(options) else { return };
    let (pids, dir) = (plane.pids(), plane.dir().to_owned());
    assert!(pids.iter().all(|pid| process::runs(*pid)) && dir.exists());
    drop(plane);
    assert!(!pids.iter().any(|pid| process::runs(*pid)) && !dir.exists());
}
