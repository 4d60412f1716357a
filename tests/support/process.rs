//! Child processes of the tests, none of which outlives the test process.
//!
//! One watchdog, a shell script, runs per test process. It reads from a pipe whose only writing end
//! is in the test process, so it sees the end of the pipe however the test process ends: normally,
//! after a panic, or by SIGKILL. Then it ends every process it was told of and removes the
//! directory of the run.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal};

/// Reads `pid N` and `gone N` lines. At the end of the input: TERM to all groups, KILL to those
/// that are left after a second, and the directory is removed.
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
pids=
while read -r what pid; do
    case $what in
        pid) pids="$pids $pid" ;;
        gone) rest=; for p in $pids; do [ "$p" = "$pid" ] || rest="$rest $p"; done; pids=$rest ;;
    esac
done
for p in $pids; do kill -s TERM -- "-$p"; done
for i in 1 2 3 4 5 6 7 8 9 10; do
    left=; for p in $pids; do ! kill -s 0 -- "-$p" || left="$left $p"; done
    [ -n "$left" ] || break
    sleep 0.1
done
for p in $pids; do kill -s KILL -- "-$p"; done
rm -rf -- "$1" || { sleep 0.5; rm -rf -- "$1"; }
"#;

struct Watchdog {
    dir: PathBuf,
    pipe: Mutex<ChildStdin>,
}

impl Watchdog {
    /// The watchdog of this process, started by the first call.
    fn get() -> &'static Self {
        static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();
        WATCHDOG.get_or_init(Self::start)
    }

    #[allow(clippy::zombie_processes, reason = "it ends after this process")]
    fn start() -> Self {
        let dir = std::env::temp_dir().join(format!("steadfast-test-{}", std::process::id()));
        // The process number may have been used before by a run that was killed with its watchdog.
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).expect("the directory for temporary files is writable");
        let mut child = Command::new("sh")
            .args(["-c", WATCHDOG, "steadfast-watchdog"])
            .arg(&dir)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell runs the watchdog");
        let pipe = Mutex::new(child.stdin.take().expect("its input is a pipe"));
        Self { dir, pipe }
    }

    fn tell(&self, what: &str, pid: u32) {
        let mut pipe = lock(&self.pipe);
        // A single short write is atomic, and an error means that the watchdog was killed.
        pipe.write_all(format!("{what} {pid}\n").as_bytes()).expect("the watchdog is alive");
    }
}

/// A directory for this test process alone; removed after it. `name` gets a number appended.
pub fn scratch_dir(name: &str) -> PathBuf {
    static NEXT: Mutex<u32> = Mutex::new(0);
    let number = {
        let mut next = lock(&NEXT);
        *next += 1;
        *next
    };
    let dir = Watchdog::get().dir.join(format!("{name}-{number}"));
    std::fs::create_dir_all(&dir).expect("the directory of the run is writable");
    dir
}

/// A command whose process ends with the test process at the latest.
///
/// It runs in a process group of its own, without input, and is killed as a group.
#[derive(Debug)]
pub struct Guarded {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, Option<OsString>)>,
    dir: Option<PathBuf>,
    stdin: PathBuf,
}

/// What a command that ended by itself left behind.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it printed to its standard output.
    pub stdout: String,
    /// What it printed to its standard error.
    pub stderr: String,
}

impl Guarded {
    /// A command without arguments, with the environment of the test process.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref().to_owned();
        Self {
            program,
            args: Vec::new(),
            envs: Vec::new(),
            dir: None,
            stdin: PathBuf::from("/dev/null"),
        }
    }

    /// Appends one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Appends arguments.
    pub fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets one variable of the environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), Some(value.as_ref().to_owned())));
        self
    }

    /// Removes one variable of the environment.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), None));
        self
    }

    /// Sets the working directory.
    pub fn current_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// Starts the command; what it prints is appended to the file `log`.
    pub fn spawn(&self, log: &Path) -> io::Result<Process> {
        let output = OpenOptions::new().create(true).append(true).open(log)?;
        let child = self.start(output.try_clone()?, output)?;
        Ok(Process::new(child, log.to_owned()))
    }

    /// Runs the command to its end with `stdin` as its input.
    pub fn output(mut self, stdin: Option<&str>) -> io::Result<Output> {
        let dir = scratch_dir("command");
        let [input, stdout, stderr] = ["stdin", "stdout", "stderr"].map(|name| dir.join(name));
        if let Some(text) = stdin {
            std::fs::write(&input, text)?;
            self.stdin = input;
        }
        let child = self.start(File::create(&stdout)?, File::create(&stderr)?)?;
        let status = Process::new(child, stdout.clone()).wait();
        let output = Output { status, stdout: read_lossy(&stdout), stderr: read_lossy(&stderr) };
        let _ = std::fs::remove_dir_all(&dir);
        Ok(output)
    }

    fn start(&self, stdout: File, stderr: File) -> io::Result<Child> {
        // The shell waits until the watchdog knows its process number, then becomes the command.
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"read -r go && stdin=$1 && shift && exec "$@" <"$stdin""#, "sh"])
            .arg(&self.stdin)
            .arg(&self.program)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(stdout)
            .stderr(stderr)
            .process_group(0);
        for (name, value) in &self.envs {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        let mut child = command.spawn()?;
        let mut stdin = child.stdin.take().expect("its input is a pipe");
        Watchdog::get().tell("pid", child.id());
        stdin.write_all(b"go\n")?;
        Ok(child)
    }
}

/// A running [`Guarded`] command; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Mutex<Child>,
    log: PathBuf,
    cleared: AtomicBool,
}

impl Process {
    fn new(child: Child, log: PathBuf) -> Self {
        Self { child: Mutex::new(child), log, cleared: AtomicBool::new(false) }
    }

    /// The process number, which is the number of the process group too.
    pub fn pid(&self) -> u32 {
        lock(&self.child).id()
    }

    /// The file with everything it printed.
    pub fn log_path(&self) -> &Path {
        &self.log
    }

    /// Everything it printed until now.
    pub fn log(&self) -> String {
        read_lossy(&self.log)
    }

    /// How it ended, or `None` while it runs.
    pub fn status(&self) -> Option<ExitStatus> {
        lock(&self.child).try_wait().expect("it is a child of this process")
    }

    /// Waits until it has ended by itself.
    pub fn wait(&self) -> ExitStatus {
        self.wait_until(None).expect("there is no deadline")
    }

    /// SIGTERM to the process, and SIGKILL to its group if it has not ended after `grace`.
    pub fn terminate(&self, grace: Duration) -> ExitStatus {
        self.signal(Signal::TERM);
        match self.wait_until(Some(Instant::now() + grace)) {
            Some(status) => {
                self.clear();
                status
            }
            None => self.kill(),
        }
    }

    /// SIGKILL to the process group, and waits for the end.
    pub fn kill(&self) -> ExitStatus {
        self.clear();
        self.wait()
    }

    /// Sends `signal` to the process alone, not to its group. Nothing happens after its end.
    pub fn signal(&self, signal: Signal) {
        let mut child = lock(&self.child);
        if matches!(child.try_wait(), Ok(None)) {
            let _ = rustix::process::kill_process(pid_of(&child), signal);
        }
    }

    /// Kills what is left of the group and takes it off the list of the watchdog, once: later on
    /// the number may belong to somebody else.
    fn clear(&self) {
        if self.cleared.swap(true, Ordering::Relaxed) {
            return;
        }
        let child = lock(&self.child);
        // The group exists as long as one member does, also when the leader was waited for; a
        // group that is gone is an error that says nothing new.
        let _ = rustix::process::kill_process_group(pid_of(&child), Signal::KILL);
        Watchdog::get().tell("gone", child.id());
    }

    fn wait_until(&self, deadline: Option<Instant>) -> Option<ExitStatus> {
        loop {
            if let Some(status) = self.status() {
                return Some(status);
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Whether a process runs; one that ended and was not waited for does not.
pub fn runs(pid: u32) -> bool {
    let output = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output();
    let state = output.expect("there is a ps").stdout;
    state.trim_ascii_start().first().is_some_and(|state| *state != b'Z')
}

/// Says how a process ended: `exit code 1`, `signal 9`.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Reads a file as text whatever its bytes are; an absent file is empty.
pub fn read_lossy(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let _ = file.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Locks `mutex`; a test that panicked while it held the lock does not matter to the others.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pid_of(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("the number of a process")
}
