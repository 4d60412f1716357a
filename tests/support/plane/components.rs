//! Starting and ending the processes of a control plane.

use std::{fs, time::Duration};

use serde_json::json;

use super::{ControlPlane, off_runtime, poll};
use crate::support::{
    process::{self, Guarded},
    testbed,
};

/// One process of a control plane, in the order of starting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Component {
    /// The store of the API server.
    Etcd,
    /// kube-apiserver.
    ApiServer,
    /// kube-controller-manager: makes pods of Deployments, collects garbage, fills namespaces.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// Plays the nodes and their pods.
    Kwok,
}

/// How long a component may take to end by itself, or to become ready, on a busy machine.
const STOP_LIMIT: Duration = Duration::from_secs(10);
const START_LIMIT: Duration = Duration::from_mins(2);

impl Component {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Etcd, Self::ApiServer, Self::ControllerManager, Self::Scheduler, Self::Kwok];

    /// The name of its program, and of its log.
    pub fn program(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Scheduler => "kube-scheduler",
            Self::Kwok => "kwok",
        }
    }

    pub(super) fn is_needed(self, workloads: bool) -> bool {
        workloads || matches!(self, Self::Etcd | Self::ApiServer)
    }
}

impl ControlPlane {
    /// SIGTERM to the API server, and waits for its end. The embedded one ends as it would then.
    pub fn stop_api_server(&self) {
        match &self.embedded {
            Some(embedded) => embedded.stop(),
            None => self.stop(Component::ApiServer),
        }
    }

    /// SIGKILL to the API server, and waits for its end. The embedded one cuts its connections.
    pub fn kill_api_server(&self) {
        match &self.embedded {
            Some(embedded) => embedded.kill(),
            None => self.kill(Component::ApiServer),
        }
    }

    /// Starts the API server, on its port of before, and waits until it is ready.
    pub fn start_api_server(&self) {
        if let Some(embedded) = &self.embedded {
            return embedded.start();
        }
        self.start_component(Component::ApiServer);
        let mut ended = None;
        let ready = poll(START_LIMIT, || {
            ended = self.status(Component::ApiServer).or_else(|| self.status(Component::Etcd));
            ended.is_some()
                || self.request("GET", "/readyz", None).is_ok_and(|(code, _)| code == 200)
        });
        assert!(
            ready && ended.is_none(),
            "the API server did not become ready ({}):\n{}",
            ended.as_deref().unwrap_or("it still runs"),
            self.log_tail(Component::ApiServer),
        );
    }

    /// Stops the API server in good order and starts it again.
    pub fn restart_api_server(&self) {
        self.stop_api_server();
        self.start_api_server();
    }

    /// SIGTERM to a component, SIGKILL if it does not end, and waits for its end.
    pub fn stop(&self, component: Component) {
        if let Some(process) = process::lock(&self.running).remove(&component) {
            process.terminate(STOP_LIMIT);
        }
    }

    /// SIGKILL to a component, and waits for its end.
    pub fn kill(&self, component: Component) {
        if let Some(process) = process::lock(&self.running).remove(&component) {
            process.kill();
        }
    }

    /// Starts a component that was stopped, killed or left out, and does not wait for readiness.
    pub fn start_component(&self, component: Component) {
        assert!(self.embedded.is_none(), "the embedded control plane has no programs");
        let mut running = process::lock(&self.running);
        assert!(!running.contains_key(&component), "{} runs already", component.program());
        let log = self.logs.join(format!("{}.log", component.program()));
        let process = self.command(component).spawn(&log).expect("the program is executable");
        running.insert(component, process);
    }

    /// The process number of a running component.
    pub fn pid(&self, component: Component) -> Option<u32> {
        process::lock(&self.running).get(&component).map(process::Process::pid)
    }

    /// The process numbers of everything that runs.
    pub fn pids(&self) -> Vec<u32> {
        Component::ALL.into_iter().filter_map(|component| self.pid(component)).collect()
    }

    /// How a component ended that nobody stopped.
    fn status(&self, component: Component) -> Option<String> {
        let running = process::lock(&self.running);
        let status = running.get(&component).and_then(process::Process::status)?;
        Some(format!("{} ended with {}", component.program(), process::describe(status)))
    }

    /// The last lines of the log of a component.
    pub fn log_tail(&self, component: Component) -> String {
        let log = self.logs.join(format!("{}.log", component.program()));
        let text = process::read_lossy(&log);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    fn command(&self, component: Component) -> Guarded {
        let command = Guarded::new(&self.programs[&component]).current_dir(&self.dir);
        let store = format!("http://127.0.0.1:{}", self.ports.etcd_client);
        let peer = format!("http://127.0.0.1:{}", self.ports.etcd_peer);
        match component {
            Component::Etcd => command
                .args(["--data-dir=etcd", "--unsafe-no-fsync", "--log-level=warn"])
                .arg(format!("--listen-client-urls={store}"))
                .arg(format!("--advertise-client-urls={store}"))
                .arg(format!("--listen-peer-urls={peer}"))
                .arg(format!("--initial-advertise-peer-urls={peer}"))
                .arg(format!("--initial-cluster=default={peer}")),
            Component::ApiServer => {
                let audit = [
                    "--audit-policy-file=audit-policy.yaml",
                    "--audit-log-path=audit.log",
                    "--audit-log-maxsize=4096",
                ];
                command
                    .arg(format!("--etcd-servers={store}"))
                    .arg(format!("--secure-port={}", self.ports.api_server))
                    .args(API_SERVER_ARGS)
                    .args(if self.options.audit { audit.as_slice() } else { &[] })
                    .args(&self.options.api_server_args)
            }
            Component::ControllerManager => command.args(CONTROLLER_MANAGER_ARGS),
            Component::Scheduler => command.args([
                "--kubeconfig=admin.kubeconfig",
                "--leader-elect=false",
                "--secure-port=0",
                "--kube-api-qps=2000",
                "--kube-api-burst=4000",
            ]),
            Component::Kwok => {
                let mut stages: Vec<_> = fs::read_dir(testbed::stages_dir())
                    .expect("the stages are there")
                    .map(|entry| entry.expect("the directory is readable").path())
                    .collect();
                stages.sort();
                let stages = stages.iter().map(|path| format!("--config={}", path.display()));
                command
                    .args(["--kubeconfig=admin.kubeconfig", "--manage-all-nodes"])
                    .args(["--node-ip=10.63.0.1", "--cidr=10.64.0.1/14", "--node-port=0"])
                    .args(stages)
            }
        }
    }

    /// The default class, whose claims get a volume by kwok; claims of other classes stay pending.
    pub(super) fn create_storage_class(&self) {
        let default = "storageclass.kubernetes.io/is-default-class";
        let class = json!({
            "metadata": {"name": "standard", "annotations": {default: "true"}},
            "provisioner": "test.steadfast.dev/kwok",
        });
        self.must_request("POST", "/apis/storage.k8s.io/v1/storageclasses", Some(&class));
    }

    /// Makes the nodes and waits until pods can run on them.
    pub(super) fn create_nodes(&self) {
        let resources = json!({"cpu": "1000", "memory": "1000Gi", "pods": "100000"});
        for number in 0..self.options.nodes {
            let name = format!("node-{number}");
            let node = json!({
                "apiVersion": "v1", "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
                },
                "status": {"allocatable": resources, "capacity": resources},
            });
            self.must_request("POST", "/api/v1/nodes", Some(&node));
        }
        let ready = off_runtime(|| {
            poll(START_LIMIT, || {
                let (_, nodes) = self.must_request("GET", "/api/v1/nodes", None);
                let nodes: serde_json::Value = serde_json::from_str(&nodes).unwrap_or_default();
                let nodes = nodes["items"].as_array().cloned().unwrap_or_default();
                let usable = |node: &serde_json::Value| {
                    let taints = node.pointer("/spec/taints").and_then(|taints| taints.as_array());
                    taints.is_none_or(Vec::is_empty) && !node["status"]["conditions"].is_null()
                };
                let account = "/api/v1/namespaces/default/serviceaccounts/default";
                nodes.iter().all(usable)
                    && self.request("GET", account, None).is_ok_and(|(code, _)| code == 200)
            })
        });
        assert!(ready, "the nodes did not become ready:\n{}", self.log_tail(Component::Kwok));
    }
}

const API_SERVER_ARGS: [&str; 17] = [
    "--bind-address=127.0.0.1",
    "--advertise-address=127.0.0.1",
    "--tls-cert-file=tls.crt",
    "--tls-private-key-file=tls.key",
    "--token-auth-file=tokens.csv",
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://kubernetes.default.svc",
    "--service-account-key-file=sa.pub",
    "--service-account-signing-key-file=sa.key",
    "--service-cluster-ip-range=10.96.0.0/16",
    "--allow-privileged",
    "--max-requests-inflight=4000",
    "--max-mutating-requests-inflight=2000",
    "--cert-dir=certificates",
    "--profiling=false",
    "--event-ttl=10m",
    "--v=1",
];

const CONTROLLER_MANAGER_ARGS: [&str; 10] = [
    "--kubeconfig=admin.kubeconfig",
    "--service-account-private-key-file=sa.key",
    "--root-ca-file=ca.crt",
    "--use-service-account-credentials",
    "--leader-elect=false",
    "--secure-port=0",
    "--kube-api-qps=2000",
    "--kube-api-burst=4000",
    // A machine that is busy or was asleep must not lose its nodes.
    "--node-monitor-grace-period=10m",
    "--v=1",
];
