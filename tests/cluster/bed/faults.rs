//! The proxy does the harm it is told to, and no other; and the SSH server serves what it should.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, PostParams, WatchEvent, WatchParams},
    config::{KubeConfigOptions, Kubeconfig},
};
use serde_json::json;

use crate::support::{
    ControlPlane, Fault, LIMIT, Namespace, Proxy, Requests, eventually,
    process::{self, Guarded},
    testbed::TestBed,
    wait::eventually_blocking,
};

/// A client by way of the proxy that does not try again by itself.
async fn maps(proxy: &Proxy, namespace: &Namespace) -> Api<ConfigMap> {
    let kubeconfig = Kubeconfig::read_from(proxy.kubeconfig()).unwrap();
    let options = KubeConfigOptions::default();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    config.default_retry = false;
    Api::namespaced(Client::try_from(config).unwrap(), namespace.name())
}

fn map(name: &str) -> ConfigMap {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

/// The status of an error answer; 0 if there was no answer.
fn code<T>(result: Result<T, kube::Error>) -> u16 {
    match result {
        Ok(_) => 200,
        Err(kube::Error::Api(status)) => status.code,
        Err(_) => 0,
    }
}

#[tokio::test]
async fn faults_are_answered_to_the_requests_that_they_are_for() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("faults").await;
    let proxy = Proxy::start(&plane);
    let maps = maps(&proxy, &namespace).await;
    let (create, list) = (PostParams::default(), ListParams::default());
    maps.create(&create, &map("a")).await.unwrap();
    assert_eq!((proxy.seen(), proxy.faults()), (1, 0));

    proxy.set(Fault::TooManyRequests { retry_after_s: 1, requests: Requests::Writes });
    assert_eq!(code(maps.create(&create, &map("b")).await), 429);
    assert_eq!(code(maps.list(&list).await), 200);
    assert_eq!(proxy.faults(), 1);

    proxy.set(Fault::Status { code: 503, share_pct: 25, requests: Requests::All });
    let mut codes = Vec::new();
    for _ in 0..8 {
        codes.push(code(maps.list(&list).await));
    }
    assert_eq!(codes.iter().filter(|code| **code == 503).count(), 2, "{codes:?}");

    proxy.set(Fault::Delay(Duration::from_millis(500)));
    let begin = Instant::now();
    assert_eq!(code(maps.list(&list).await), 200);
    assert!(begin.elapsed() >= Duration::from_millis(500));

    proxy.set(Fault::LoseAnswers);
    assert_eq!(code(maps.create(&create, &map("lost")).await), 0);
    assert_eq!(code(maps.get("lost").await), 200);

    proxy.set(Fault::Cut);
    assert_eq!(code(maps.list(&list).await), 0);

    proxy.set(Fault::Blackhole);
    let limit = Duration::from_millis(300);
    assert!(tokio::time::timeout(limit, maps.list(&list)).await.is_err());

    proxy.set(Fault::None);
    eventually(LIMIT, "the proxy to pass again", async || maps.list(&list).await.ok()).await;
}

#[tokio::test]
async fn watches_stream_break_and_expire() {
    let Some(plane) = ControlPlane::shared() else { return };
    let namespace = plane.namespace("faults").await;
    let proxy = Proxy::start(&plane);
    let by_proxy = maps(&proxy, &namespace).await;
    let direct = Api::<ConfigMap>::namespaced(plane.client().await, namespace.name());
    let version = direct.list(&ListParams::default()).await.unwrap().metadata.resource_version;
    let version = version.unwrap();
    let fields = |name: &str| WatchParams::default().fields(&format!("metadata.name={name}"));

    // An event arrives while the answer goes on: nothing is buffered.
    let mut events = by_proxy.watch(&fields("a"), &version).await.unwrap().boxed();
    direct.create(&PostParams::default(), &map("a")).await.unwrap();
    let event = tokio::time::timeout(LIMIT, events.try_next()).await.expect("an event in time");
    assert!(matches!(event, Ok(Some(WatchEvent::Added(_)))), "{event:?}");

    // In a blackhole nothing arrives and nothing ends; afterwards it is cut.
    proxy.set(Fault::Blackhole);
    direct.delete("a", &DeleteParams::default()).await.unwrap();
    let limit = Duration::from_millis(500);
    assert!(tokio::time::timeout(limit, events.try_next()).await.is_err());
    proxy.set(Fault::None);
    let end = tokio::time::timeout(LIMIT, events.try_next()).await.expect("an end in time");
    assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");

    // A cut ends what is under way.
    let mut events = by_proxy.watch(&fields("b"), &version).await.unwrap().boxed();
    proxy.cut();
    let end = tokio::time::timeout(LIMIT, events.try_next()).await.expect("an end in time");
    assert!(matches!(end, Ok(None) | Err(_)), "{end:?}");

    // The first watch from a version is told that the version is too old, the next one works.
    proxy.set(Fault::ExpiredWatches);
    let mut events = by_proxy.watch(&fields("a"), &version).await.unwrap().boxed();
    let event = events.try_next().await;
    assert!(matches!(&event, Ok(Some(WatchEvent::Error(error))) if error.code == 410), "{event:?}");
    let mut events = by_proxy.watch(&fields("a"), &version).await.unwrap().boxed();
    let event = events.try_next().await;
    assert!(matches!(event, Ok(Some(WatchEvent::Added(_)))), "{event:?}");
    assert_eq!(by_proxy.list(&ListParams::default()).await.map(|_| ()).ok(), Some(()));
}

#[tokio::test]
async fn the_proxy_survives_a_restart_of_the_api_server() {
    let Some(plane) =
        ControlPlane::own(crate::support::PlaneOptions { workloads: false, ..Default::default() })
    else {
        return;
    };
    let proxy = Proxy::start(&plane);
    let kubeconfig = format!("--kubeconfig={}", proxy.kubeconfig().display());
    let list = [kubeconfig.as_str(), "get", "namespaces"];
    plane.kubectl(&list, None);
    plane.kill_api_server();
    assert!(!plane.try_kubectl(&list, None).status.success());
    plane.start_api_server();
    plane.kubectl(&list, None);
}

#[test]
fn a_repository_is_fetched_over_ssh_by_the_owner_of_the_key_only() {
    let Some([sshd]) = TestBed::get().programs("cluster/bed", ["sshd"]) else { return };
    let dir = process::scratch_dir("ssh");
    let run = |line: &str, envs: &[(&str, &str)]| {
        let mut command = Guarded::new("sh").args(["-ec", line]).current_dir(&dir);
        command = command.env("HOME", &dir).env("GIT_CONFIG_NOSYSTEM", "1");
        for (name, value) in envs {
            command = command.env(name, value);
        }
        command.output(None).expect("there is a shell")
    };
    let made = run(
        "ssh-keygen -q -t ed25519 -N '' -f host; ssh-keygen -q -t ed25519 -N '' -f owner; \
         ssh-keygen -q -t ed25519 -N '' -f stranger; mkdir root; git init -q --bare root/shop.git; \
         git init -q work; cd work; git -c user.name=t -c user.email=t@t commit -q --allow-empty \
         -m one; \
         git push -q ../root/shop.git HEAD:main; git init -q --bare ../outside.git; \
         ln -s ../outside.git ../root/outside.git",
        &[],
    );
    assert!(made.status.success(), "{}", made.stderr);
    let log = dir.join("sshd.log");
    let path = |name: &str| dir.join(name).into_os_string();
    let server = Guarded::new(sshd)
        .arg("-host-key")
        .arg(path("host"))
        .arg("-authorized-key")
        .arg(path("owner.pub"))
        .arg("-root")
        .arg(path("root"))
        .spawn(&log)
        .expect("the program is executable");
    let port = eventually_blocking(LIMIT, "the SSH server", || {
        let text = server.log();
        let (_, rest) = text.split_once("listening on 127.0.0.1:")?;
        rest.split_once('\n').map(|(port, _)| port.to_owned())
    });
    let host = fs::read_to_string(dir.join("host.pub")).unwrap();
    fs::write(dir.join("known_hosts"), format!("[127.0.0.1]:{port} {host}")).unwrap();
    let ask = |key: &str, git: &str| {
        let options =
            "-F none -o IdentitiesOnly=yes -o UserKnownHostsFile=known_hosts -o BatchMode=yes";
        let ssh = format!("ssh -i {} {options}", Path::new(key).display());
        run(git, &[("GIT_SSH_COMMAND", &ssh), ("URL", &format!("ssh://git@127.0.0.1:{port}"))])
    };
    let listed = ask("owner", "git ls-remote \"$URL/shop.git\"");
    assert!(listed.stdout.contains("refs/heads/main"), "{}{}", listed.stderr, server.log());
    let cloned =
        ask("owner", "git clone -q \"$URL/shop.git\" clone; git -C clone rev-parse origin/main");
    assert!(cloned.status.success(), "{}{}", cloned.stderr, server.log());
    for (key, refused) in [
        ("stranger", "git ls-remote \"$URL/shop.git\""),
        ("owner", "git ls-remote \"$URL/../outside.git\""),
        ("owner", "git ls-remote \"$URL/outside.git\""),
        ("owner", "git -C clone push -q \"$URL/shop.git\" origin/main:refs/heads/other"),
        ("owner", "$GIT_SSH_COMMAND -p \"${URL##*:}\" git@127.0.0.1 id"),
    ] {
        let output = ask(key, refused);
        assert!(!output.status.success(), "{refused}: {}", output.stdout);
    }
}
