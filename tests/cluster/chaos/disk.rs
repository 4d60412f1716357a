//! The data directory is full, or gone. It is a cache: what was synced stays as it is.

use std::{fs, path::Path};

use serde_json::Value;

use super::rig::{Maps, maps};
use crate::{
    common::{PATH, Scene},
    support::{
        ControlPlane,
        process::{self, Guarded},
    },
};

fn wanted(round: usize) -> Maps {
    maps("map", 20, &format!("round {round}"))
}

/// Waits until a condition names the directory, and checks that nothing was lost.
async fn told(scene: &Scene, dir: &Path, as_before: &Maps) {
    let dir = dir.display().to_string();
    let told = |app: &Value| app["status"]["conditions"].to_string().contains(&dir);
    let app = scene.until(PATH, "a condition that names the directory", told).await;
    println!("{}", app["status"]["conditions"]);
    assert_eq!(scene.tracked().await.as_ref(), Some(as_before));
}

#[tokio::test]
async fn a_data_directory_that_goes_away_is_named_and_made_anew() {
    let Some(scene) = Scene::synced("nodir", &wanted(0)).await else { return };
    let dir = scene.controller.data_dir().to_owned();
    fs::remove_dir_all(&dir).expect("it is there");
    scene.deploy(&wanted(1)).await;
    scene.assert_deployed(&wanted(1)).await;

    // A file in its place: no directory can be made there, whoever we are.
    let _ = fs::remove_dir_all(&dir);
    fs::write(&dir, "in the way").expect("the parent is there");
    let commit = scene.commit(&wanted(2));
    told(&scene, &dir, &wanted(1)).await;
    fs::remove_file(&dir).expect("we put it there");
    scene.deployed(PATH, &commit).await;
    scene.assert_deployed(&wanted(2)).await;
}

#[tokio::test]
async fn a_full_data_directory_is_named_and_used_again_when_there_is_room() {
    // Mounts need rights that not everybody has who runs tests.
    let mount = Guarded::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]);
    if !mount.output(None).is_ok_and(|output| output.status.success()) {
        println!("skipped: a full data directory: no right to mount");
        return;
    }
    let Some(plane) = ControlPlane::shared() else { return };
    let dir = process::scratch_dir("full");
    // A mount of its own process: it ends with it.
    let line = format!("mount -t tmpfs -o size=1m tmpfs '{}' && exec \"$@\"", dir.display());
    let wrapper = ["unshare", "-m", "sh", "-ec", &line, "sh"].map(str::to_owned).to_vec();
    let scene = Scene::behind_proxy(plane, "full", |options| {
        options.data_dir = Some(dir.clone());
        options.wrapper = wrapper;
    });
    let scene = scene.await;
    scene.open(&wanted(0)).await;
    let inside = format!("/proc/{}/root{}", scene.controller.pid(), dir.display());
    let filler = Path::new(&inside).join("filler");
    // As much as fits.
    let _ = fs::write(&filler, vec![b'x'; 2 << 20]);
    let commit = scene.commit(&wanted(1));
    told(&scene, &dir, &wanted(0)).await;
    fs::remove_file(&filler).expect("it is there");
    scene.deployed(PATH, &commit).await;
    scene.assert_deployed(&wanted(1)).await;
}
