//! Runs the program as a person would, in an empty environment.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// No command of these tests takes as long on the slowest machine.
const END_MAX: Duration = Duration::from_mins(1);

/// What a run of the program gave.
#[derive(Debug)]
pub(crate) struct Run {
    /// Exit code.
    pub(crate) code: i32,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) err: String,
}

impl Run {
    /// Exit code and both outputs in one text, for comparing with an expectation.
    pub(crate) fn transcript(&self) -> String {
        let mut text = self.out.clone();
        if !self.err.is_empty() {
            text.push_str("--- standard error\n");
            text.push_str(&self.err);
        }
        format!("{text}--- exit code {}\n", self.code)
    }
}

/// The program with arguments, not started yet.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_steadfast"));
    command.args(args).env_clear();
    // No kubeconfig of the machine may leak a token into a test.
    command.env("KUBECONFIG", "/nonexistent").env("HOME", "/nonexistent");
    command
}

/// Runs the program to its end.
pub(crate) fn run(args: &[&str]) -> Run {
    end_of(command(args), "")
}

/// Runs a prepared command to its end, with text on its standard input.
pub(crate) fn end_of(mut command: Command, input: &str) -> Run {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is built");
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).expect("the program reads, or has not ended yet");
    drop(stdin);
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (out, err) = (thread::spawn(|| text(out)), thread::spawn(|| text(err)));
    let code = end(&mut child);
    Run { code, out: out.join().unwrap(), err: err.join().unwrap() }
}

fn text(mut from: impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).expect("the program writes UTF-8")
}

fn end(child: &mut Child) -> i32 {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("the program ends by itself");
        }
        if start.elapsed() > END_MAX {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the program did not end within {END_MAX:?}");
        }
        thread::sleep(Duration::from_millis(5));
    }
}
