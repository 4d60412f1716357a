//! The parent's side: start the child, wait for its answer, and leave nothing of it behind.

use std::{
    convert::Infallible,
    ffi::OsString,
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Take},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command},
};
use tokio_util::sync::CancellationToken;

use super::{Enforcement, Envelope, Job, Limits, Message, VERB};
use crate::object::Turn;

/// Variables that a child gets from this process when they are set: where programs are, how the
/// outside is reached, whom to trust.
const INHERITED: [&str; 11] = [
    "PATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
];
/// How much of the end of a child's standard error is kept, in bytes.
const STDERR_BYTES_MAX: usize = 16 * 1024;
/// How long the rest of standard error is read after the group is dead.
const STDERR_REST_MAX: Duration = Duration::from_secs(1);

/// Starts children from one program file.
#[derive(Debug, Clone)]
pub struct Launcher {
    program: PathBuf,
}

/// What a child that came to its end has said.
#[derive(Debug)]
pub struct Finished<J: Job> {
    /// The job's answer, or its own reason why there is none.
    pub outcome: Result<J::Answer, J::Failure>,
    /// How far the kernel enforced the sandbox.
    pub enforcement: Enforcement,
}

/// Why a child gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The program could not be started.
    #[error("worker {job} could not be started from {}", program.display())]
    Spawn {
        /// The job.
        job: &'static str,
        /// The program file.
        program: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// The deadline passed; the group was killed.
    #[error("worker {job} gave no answer within {} s (last step: {step})", limit.as_secs_f32())]
    Deadline {
        /// The job.
        job: &'static str,
        /// The limit.
        limit: Duration,
        /// What it was doing.
        step: String,
    },
    /// Nobody wants the answer any more; the group was killed.
    #[error("worker {job} was cancelled")]
    Cancelled {
        /// The job.
        job: &'static str,
    },
    /// The answer is longer than the limit; the group was killed.
    #[error("worker {job} wrote more than {bytes_max} bytes")]
    OutputTooLarge {
        /// The job.
        job: &'static str,
        /// The limit.
        bytes_max: u64,
    },
    /// The child ended without an answer: a crash, or a limit of the kernel.
    #[error("worker {job} ended without an answer: {}: {}", describe(*status), last_line(stderr))]
    Died {
        /// The job.
        job: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard error.
        stderr: String,
    },
    /// The child said something that its parent does not understand.
    #[error("worker {job} answered in a form that is not understood")]
    Garbled {
        /// The job.
        job: &'static str,
        /// Why it is not.
        #[source]
        cause: serde_json::Error,
    },
}

impl WorkerError {
    /// Says who has to act before trying again can help.
    pub fn turn(&self) -> Turn {
        match self {
            Self::Deadline { .. } | Self::Cancelled { .. } => Turn::Cluster,
            Self::Spawn { .. } | Self::OutputTooLarge { .. } => Turn::Operator,
            Self::Died { .. } if self.hit_file_limit() => Turn::Operator,
            Self::Died { .. } | Self::Garbled { .. } => Turn::Us,
        }
    }

    /// True when the child was ended because a file outgrew [`Limits::file_bytes_max`].
    pub fn hit_file_limit(&self) -> bool {
        matches!(self, Self::Died { status, .. }
            if status.signal() == Some(Signal::XFSZ.as_raw()))
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no status".to_owned(),
    }
}

fn last_line(stderr: &str) -> &str {
    stderr.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("nothing on standard error")
}

impl Launcher {
    /// Starts children from `program`, which must hand `worker JOB` to [`super::main`].
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into() }
    }

    /// Starts children from the program of this very process, also when its file was replaced.
    pub fn current() -> Self {
        Self::new("/proc/self/exe")
    }

    /// Runs one job in a child and waits for its answer.
    ///
    /// Whatever happens (answer, deadline, `cancel`, the future dropped) every process of the
    /// child's group has been killed afterwards.
    pub async fn launch<J: Job>(
        &self,
        request: J::Request,
        limits: Limits,
        cancel: &CancellationToken,
    ) -> Result<Finished<J>, WorkerError> {
        let job = J::NAME;
        let spawn = |cause| WorkerError::Spawn { job, program: self.program.clone(), cause };
        let garbled = |cause| WorkerError::Garbled { job, cause };
        let env = J::env(&request);
        let mut line = serde_json::to_vec(&Envelope { limits, request }).map_err(garbled)?;
        line.push(b'\n');
        let mut talk = self.spawn(job, env, limits.output_bytes_max).map_err(spawn)?;
        let ended = tokio::select! {
            ended = tokio::time::timeout(limits.deadline, talk.hear::<J>(&line)) => ended,
            () = cancel.cancelled() => return Err(WorkerError::Cancelled { job }),
        };
        let Ok(heard) = ended else {
            let step = talk.step.clone();
            return Err(WorkerError::Deadline { job, limit: limits.deadline, step });
        };
        // The group is killed; when its leader is waited for, its locks are free.
        let stderr = talk.stderr.finish().await;
        let status = talk.group.child.wait().await.map_err(spawn)?;
        match heard {
            Heard::Outcome(outcome) => Ok(Finished { outcome, enforcement: talk.enforcement }),
            Heard::TooMuch => {
                Err(WorkerError::OutputTooLarge { job, bytes_max: limits.output_bytes_max })
            }
            Heard::Garbled(cause) => Err(garbled(cause)),
            Heard::End => Err(WorkerError::Died { job, status, stderr }),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this is the launcher of children")]
    fn spawn(
        &self,
        job: &str,
        env: Vec<(&'static str, OsString)>,
        output_bytes_max: u64,
    ) -> io::Result<Talk> {
        let mut command = Command::new(&self.program);
        command
            .arg0("steadfast")
            .args([VERB, job])
            .env_clear()
            .envs(inherited())
            .envs(env)
            // Messages of ssh and git are read: they must be in one language.
            .env("LC_ALL", "C")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        Talk::new(command.spawn()?, output_bytes_max)
    }
}

fn inherited() -> impl Iterator<Item = (&'static str, OsString)> {
    INHERITED.iter().filter_map(|name| std::env::var_os(name).map(|value| (*name, value)))
}

/// A child and all that it starts; killed when dropped.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    /// Kills every process of the group. Called before the leader is waited for, so that its
    /// number cannot belong to somebody else yet.
    fn kill(&mut self) {
        if let Some(id) = self.id.take() {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// How the conversation ended.
enum Heard<A, F> {
    Outcome(Result<A, F>),
    TooMuch,
    Garbled(serde_json::Error),
    End,
}

/// The conversation with a child.
struct Talk {
    group: Group,
    /// Held open until the end: the child dies when it closes.
    stdin: ChildStdin,
    stdout: BufReader<Take<ChildStdout>>,
    stderr: Tail,
    enforcement: Enforcement,
    step: String,
}

impl Talk {
    fn new(mut child: Child, output_bytes_max: u64) -> io::Result<Self> {
        let closed = || io::Error::other("a stream of the child is missing");
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        Ok(Self {
            group: Group { child, id },
            stdin: stdin.ok_or_else(closed)?,
            stdout: BufReader::new(stdout.ok_or_else(closed)?.take(output_bytes_max)),
            stderr: Tail { from: stderr.ok_or_else(closed)?, kept: Vec::new() },
            enforcement: Enforcement::None,
            step: "start".to_owned(),
        })
    }

    /// Sends the request and hears the child out, then kills what is left of the group.
    async fn hear<J: Job>(&mut self, request: &[u8]) -> Heard<J::Answer, J::Failure> {
        let Self { stdin, stdout, stderr, enforcement, step, .. } = self;
        let conversation = async {
            // A child that does not read its request says why on standard error.
            if stdin.write_all(request).await.is_err() {
                return Heard::End;
            }
            loop {
                let mut line = Vec::new();
                match stdout.read_until(b'\n', &mut line).await {
                    Ok(_) if line.ends_with(b"\n") => {}
                    _ if stdout.get_ref().limit() == 0 => return Heard::TooMuch,
                    _ => return Heard::End,
                }
                match serde_json::from_slice(&line) {
                    Ok(Message::Sandboxed(level)) => *enforcement = level,
                    Ok(Message::Progress(what)) => {
                        tracing::trace!(job = J::NAME, step = what);
                        *step = what;
                    }
                    Ok(Message::Answer(answer)) => return Heard::Outcome(Ok(answer)),
                    Ok(Message::Failure(failure)) => return Heard::Outcome(Err(failure)),
                    Err(cause) => return Heard::Garbled(cause),
                }
            }
        };
        let heard = tokio::select! {
            heard = conversation => heard,
            never = stderr.collect() => match never {},
        };
        self.group.kill();
        heard
    }
}

/// The end of a child's standard error.
struct Tail {
    from: ChildStderr,
    kept: Vec<u8>,
}

impl Tail {
    /// Reads as long as somebody polls.
    async fn collect(&mut self) -> Infallible {
        self.read_to_end().await;
        std::future::pending().await
    }

    /// Reads what is left. The writers are dead, but for one that left the group: it is not waited
    /// for long.
    async fn finish(&mut self) -> String {
        let _ = tokio::time::timeout(STDERR_REST_MAX, self.read_to_end()).await;
        String::from_utf8_lossy(&self.kept).into_owned()
    }

    async fn read_to_end(&mut self) {
        let mut part = [0; 4096];
        while let Ok(bytes @ 1..) = self.from.read(&mut part).await {
            self.kept.extend_from_slice(&part[..bytes]);
            let surplus = self.kept.len().saturating_sub(STDERR_BYTES_MAX);
            self.kept.drain(..surplus);
        }
    }
}
