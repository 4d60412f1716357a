//! The real `steadfast controller` beside a control plane.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    plane::ControlPlane,
    process::{self, Guarded, Process},
    testbed::TestBed,
    wait::eventually_blocking,
};

/// How long a start may take until `/readyz` says yes, on a busy machine.
const START_LIMIT: Duration = Duration::from_mins(1);
/// How long an answer of its API may take, on a busy machine.
const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// How a controller is started.
#[derive(Debug, Clone)]
pub struct ControllerOptions {
    /// Where the Application resources are.
    pub namespace: String,
    /// How often repositories are looked at without a webhook.
    pub poll_interval: String,
    /// The kubeconfig file: of `admin` if there is none, of another user, or of a [`super::Proxy`].
    pub kubeconfig: Option<PathBuf>,
    /// A fresh directory if there is none. Take [`Controller::data_dir`] to start after a crash.
    pub data_dir: Option<PathBuf>,
    /// Whether callers on this machine need no token.
    pub insecure_local: bool,
    /// Further arguments.
    pub args: Vec<String>,
    /// Further variables of the environment.
    pub envs: Vec<(String, String)>,
    /// A program with arguments that becomes the controller: it gets the command line appended.
    pub wrapper: Vec<String>,
    /// Whether [`Controller::start`] waits for `/readyz`.
    pub await_ready: bool,
}

impl ControllerOptions {
    /// A controller for the Applications in `namespace` that polls every second.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self {
            namespace: namespace.into(),
            poll_interval: "1s".to_owned(),
            kubeconfig: None,
            data_dir: None,
            insecure_local: true,
            args: Vec::new(),
            envs: Vec::new(),
            wrapper: Vec::new(),
            await_ready: true,
        }
    }

    /// Appends one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }
}

/// A running controller; killed when dropped.
#[derive(Debug)]
pub struct Controller {
    process: Process,
    options: ControllerOptions,
    data_dir: PathBuf,
    address: Option<SocketAddr>,
}

impl Controller {
    /// Starts the program of this crate and waits until it is ready.
    #[track_caller]
    pub fn start(plane: &ControlPlane, options: ControllerOptions) -> Self {
        let dir = process::scratch_dir("controller");
        let data_dir = options.data_dir.clone().unwrap_or_else(|| dir.join("data"));
        fs::create_dir_all(&data_dir).expect("the directory of the run is writable");
        let name = dir.file_name().expect("it has a name").to_string_lossy();
        let log = plane.logs_path().join(format!("{name}.log"));
        let kubeconfig = options.kubeconfig.clone().unwrap_or_else(|| plane.kubeconfig());
        let program = [env!("CARGO_BIN_EXE_steadfast").to_owned()];
        let mut words = options.wrapper.iter().chain(&program);
        let mut command = Guarded::new(words.next().expect("there is the program"))
            .args(words)
            .args(["controller", "--listen=127.0.0.1:0"])
            .args(options.insecure_local.then_some("--insecure-local"))
            .arg(format!("--kubeconfig={}", kubeconfig.display()))
            .arg(format!("--namespace={}", options.namespace))
            .arg(format!("--poll-interval={}", options.poll_interval))
            .arg(format!("--data-dir={}", data_dir.display()))
            .args(&options.args)
            .current_dir(&dir)
            .env("HOME", &dir)
            .env("PATH", TestBed::get().search_path())
            .env_remove("KUBECONFIG");
        for (name, value) in &options.envs {
            command = command.env(name, value);
        }
        let process = command.spawn(&log).expect("the program is executable");
        let mut controller = Self { process, options, data_dir, address: None };
        if controller.options.await_ready {
            controller.await_ready();
        }
        controller
    }

    /// Waits until it listens and `/readyz` says yes.
    #[track_caller]
    pub fn await_ready(&mut self) {
        let begin = Instant::now();
        let ready = eventually_blocking(START_LIMIT + Duration::from_secs(1), "/readyz", || {
            let fail = |what: &str| panic!("the controller {what}:\n{}", self.log());
            if let Some(status) = self.process.status() {
                fail(&format!("ended with {}", process::describe(status)));
            }
            if begin.elapsed() > START_LIMIT {
                fail("did not become ready");
            }
            let address = listen_address(&self.log())?;
            (get(address, "/readyz")?.0 == 200).then_some(address)
        });
        self.address = Some(ready);
    }

    /// The base of its URLs, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address.expect("await_ready was called"))
    }

    /// `GET` of a path: status and body, or `None` if it does not answer.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        get(self.address?, path)
    }

    /// A request to its API: status and body. A body is sent as JSON.
    #[track_caller]
    pub fn request(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let address = self.address.expect("await_ready was called");
        let body = body.map(ToString::to_string).unwrap_or_default();
        let (code, answer) = exchange(address, method, path, &body).expect("it answers");
        let answer = serde_json::from_str(&answer).unwrap_or(Value::String(answer));
        (code, answer)
    }

    /// Everything that it logged.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Where it caches; a later controller may go on with it.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The options to start another controller that goes on with the same data.
    pub fn options(&self) -> ControllerOptions {
        ControllerOptions { data_dir: Some(self.data_dir.clone()), ..self.options.clone() }
    }

    /// How it ended, or `None` while it runs.
    pub fn status(&self) -> Option<std::process::ExitStatus> {
        self.process.status()
    }

    /// SIGKILL, and waits for the end.
    pub fn kill9(&self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for the end: 15 s, then it is killed.
    pub fn terminate(&self) -> std::process::ExitStatus {
        self.process.terminate(Duration::from_secs(15))
    }
}

/// The address in the first line of a log that says where it listens, in whatever log format.
fn listen_address(log: &str) -> Option<SocketAddr> {
    let line =
        log.lines().find(|line| line.contains("listening") && line.contains("127.0.0.1:"))?;
    let (_, rest) = line.split_once("127.0.0.1:")?;
    let port: String = rest.chars().take_while(char::is_ascii_digit).collect();
    Some(SocketAddr::from(([127, 0, 0, 1], port.parse().ok().filter(|port| *port != 0)?)))
}

/// A plain HTTP request on a connection of its own: status and body, or `None` without an answer.
pub fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    exchange(address, "GET", path, "")
}

fn exchange(address: SocketAddr, method: &str, path: &str, body: &str) -> Option<(u16, String)> {
    let limit = Some(ANSWER_LIMIT);
    let mut stream = TcpStream::connect_timeout(&address, limit?).ok()?;
    stream.set_read_timeout(limit).ok()?;
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
