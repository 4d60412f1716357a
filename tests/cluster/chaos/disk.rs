//! The data directory is full, or gone. It is a cache: what was synced stays as it is.

use std::{fs, path::Path};

use super::rig::{Maps, Scene, maps};
use crate::support::{
    ControlPlane,
    process::{self, Guarded},
};

fn wanted(round: usize) -> Maps {
    maps("map", 20, &format!("round {round}"))
}

/// Waits until a condition names the directory, and checks that nothing was lost.
async fn told(scene: &Scene, dir: &Path, as_before: &Maps) {
    let dir = dir.display().to_string();
    let app = scene
        .app
        .until(&scene.controller, "a condition that names the directory", |app| {
            app["status"]["conditions"].to_string().contains(&dir)
        })
        .await;
    println!("{}", app["status"]["conditions"]);
    assert_eq!(scene.app.live(), *as_before);
}

#[tokio::test]
async fn a_data_directory_that_goes_away_is_named_and_made_anew() {
    let Some(scene) = Scene::start("nodir", &wanted(0)).await else { return };
    let dir = scene.controller.data_dir().to_owned();
    fs::remove_dir_all(&dir).expect("it is there");
    scene.sync(&wanted(1)).await;
    scene.assert_settled(&wanted(1)).await;

    // A file in its place: no directory can be made there, whoever we are.
    let _ = fs::remove_dir_all(&dir);
    fs::write(&dir, "in the way").expect("the parent is there");
    let commit = scene.app.repo.commit(&wanted(2));
    told(&scene, &dir, &wanted(1)).await;
    fs::remove_file(&dir).expect("we put it there");
    scene.app.synced(&scene.controller, &commit).await;
    scene.assert_settled(&wanted(2)).await;
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
    let first = wanted(0);
    let scene = Scene::start_with(plane, "full", &first, |mut options| {
        options.data_dir = Some(dir.clone());
        options.wrapper = wrapper;
        options
    });
    let Some(scene) = scene.await else { return };
    let inside = format!("/proc/{}/root{}", scene.controller.pid(), dir.display());
    let filler = Path::new(&inside).join("filler");
    // As much as fits.
    let _ = fs::write(&filler, vec![b'x'; 2 << 20]);
    let commit = scene.app.repo.commit(&wanted(1));
    told(&scene, &dir, &wanted(0)).await;
    fs::remove_file(&filler).expect("it is there");
    scene.app.synced(&scene.controller, &commit).await;
    scene.assert_settled(&wanted(1)).await;
}
