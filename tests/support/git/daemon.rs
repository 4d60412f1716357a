//! Programs that serve, and die with the test: `git daemon`, and others of the kind.

use std::{
    net::{Ipv4Addr, TcpListener, TcpStream},
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

/// How long a program may take until it answers on its port.
const START_MAX: Duration = Duration::from_secs(20);

/// A program in a process group of its own; the group is killed when this is dropped, and also when
/// the test process dies: a shell in the group waits for the end of its input.
#[derive(Debug)]
pub struct Daemon {
    shell: Child,
}

impl Daemon {
    /// Starts `program` with `args`; its output is discarded.
    pub fn start(program: impl AsRef<Path>, args: &[String]) -> Self {
        let shell = Command::new("sh")
            .args(["-c", r#""$@" </dev/null & cat >/dev/null; kill -9 0"#, "sh"])
            .arg(program.as_ref())
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        Self { shell }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let group = i32::try_from(self.shell.id()).ok().and_then(Pid::from_raw);
        let _ = kill_process_group(group.expect("the number of a process"), Signal::KILL);
        let _ = self.shell.wait();
    }
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has free ports");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until somebody listens on `port`.
pub fn wait_for_port(port: u16) {
    let deadline = Instant::now() + START_MAX;
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        assert!(Instant::now() < deadline, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// `git daemon`: the git:// protocol, without any authentication.
#[derive(Debug)]
pub struct GitDaemon {
    port: u16,
    _daemon: Daemon,
}

impl GitDaemon {
    /// Serves all repositories below `root`.
    pub fn start(root: &Path) -> Self {
        Self::start_on(free_port(), root)
    }

    /// The same on a port.
    pub fn start_on(port: u16, root: &Path) -> Self {
        let args = [
            "daemon".to_owned(),
            "--reuseaddr".to_owned(),
            "--export-all".to_owned(),
            format!("--base-path={}", root.display()),
            "--listen=127.0.0.1".to_owned(),
            format!("--port={port}"),
        ];
        let daemon = Daemon::start("git", &args);
        wait_for_port(port);
        Self { port, _daemon: daemon }
    }

    /// The URL of a repository by its path below the root.
    pub fn url(&self, path: &str) -> String {
        format!("git://127.0.0.1:{}/{path}", self.port)
    }
}

/// The test bed's ssh server: one user key, `git-upload-pack` and nothing else.
#[derive(Debug)]
pub struct SshServer {
    port: u16,
    _daemon: Daemon,
}

impl SshServer {
    /// Serves the repositories below `root` to the owner of the key in `authorized_key`.
    pub fn start(sshd: &Path, host_key: &Path, authorized_key: &Path, root: &Path) -> Self {
        let port = free_port();
        let args = [
            "-host-key".to_owned(),
            host_key.display().to_string(),
            "-authorized-key".to_owned(),
            authorized_key.display().to_string(),
            "-root".to_owned(),
            root.display().to_string(),
            "-listen".to_owned(),
            format!("127.0.0.1:{port}"),
        ];
        let daemon = Daemon::start(sshd, &args);
        wait_for_port(port);
        Self { port, _daemon: daemon }
    }

    /// Where it listens on loopback.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a repository by its path below the root.
    pub fn url(&self, path: &str) -> String {
        format!("ssh://git@127.0.0.1:{}/{path}", self.port)
    }
}
