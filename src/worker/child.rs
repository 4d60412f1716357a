//! The child's side: take the request, give up rights, do the job, answer.

use std::{
    io::{self, BufRead, Read, Write},
    process::ExitCode,
    thread,
};

use rustix::process::{Signal, kill_current_process_group};
use serde::Serialize;

use super::{Envelope, Job, Message, Progress, sandbox};

/// Exit code of a child that was called in a way that no parent calls it.
const EXIT_USAGE: u8 = 2;
/// Exit code of a child that could not set its limits or answer.
const EXIT_BROKEN: u8 = 3;
/// Longest request, in bytes.
const REQUEST_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Answers for a job that does not exist.
pub(super) fn refuse(job: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "error: there is no worker job {job:?}");
    ExitCode::from(EXIT_USAGE)
}

/// Runs one job from standard input to standard output.
pub(super) fn run<J: Job>() -> ExitCode {
    match work::<J>() {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            let _ = writeln!(io::stderr(), "error: worker {}: {cause}", J::NAME);
            ExitCode::from(EXIT_BROKEN)
        }
    }
}

fn work<J: Job>() -> Result<(), Box<dyn std::error::Error>> {
    let mut line = Vec::new();
    io::stdin().lock().take(REQUEST_BYTES_MAX).read_until(b'\n', &mut line)?;
    let envelope: Envelope<J::Request> = serde_json::from_slice(&line)?;
    drop(line);
    let Envelope { limits, request } = envelope;
    sandbox::limit(&limits)?;
    let enforcement = sandbox::confine(&J::sandbox(&request))?;
    thread::Builder::new().name("parent watch".to_owned()).spawn(die_with_parent)?;
    print::<(), ()>(&Message::Sandboxed(enforcement))?;
    match J::run(request, &Progress) {
        Ok(answer) => print::<J::Answer, J::Failure>(&Message::Answer(answer))?,
        Err(failure) => print::<J::Answer, J::Failure>(&Message::Failure(failure))?,
    }
    Ok(())
}

/// Prints one message as a line of JSON.
pub(super) fn print<A: Serialize, F: Serialize>(message: &Message<A, F>) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    stdout.write_all(&line)?;
    stdout.flush()
}

/// Waits for the end of standard input, which the parent keeps open as long as it lives and wants
/// the answer; then ends the whole group. A killed parent thus leaves no child behind.
fn die_with_parent() {
    let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
    let _ = kill_current_process_group(Signal::KILL);
}
