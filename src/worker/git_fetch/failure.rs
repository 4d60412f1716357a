//! Why a poll failed, found out from what the protocol layer says.

use std::error::Error;

use gix::protocol::transport::client;
use serde::{Deserialize, Serialize};

/// The kinds of failure that somebody acts on differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No connection, a broken one, or a server that answers with a server error.
    Unreachable,
    /// The server fell silent.
    Timeout,
    /// The server wants credentials, or other ones.
    Authentication,
    /// Credentials would have to go over plain http.
    PlainHttp,
    /// The server's certificate is not trusted, or ours is not accepted.
    Tls,
    /// The key of the ssh server is not a known one.
    HostKey,
    /// There is no such repository, or these credentials may not see it.
    NotFound,
    /// Something answered, and it does not speak Git.
    NotARepository,
    /// The repository has no commit yet.
    Empty,
    /// The URL is of a kind that is not supported, or not understood.
    Url,
    /// A setting (a certificate, a key, a proxy URL) cannot be used.
    Setting,
    /// A program (`git`, `ssh`) is not installed.
    Program,
    /// The server does not give out a commit that was asked for by id.
    Refused,
    /// The mirror on our disk is damaged; making a new one helps.
    Damaged,
    /// The disk is full.
    DiskFull,
    /// An object or the whole is too large.
    TooLarge,
    /// Our disk failed in another way.
    Disk,
    /// None of the above.
    Other,
}

/// Why a poll failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind.
    pub kind: FailureKind,
    /// What was said about it, innermost last; holds no credentials.
    pub detail: String,
}

impl Failure {
    pub(super) fn new(kind: FailureKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// A failure of the conversation with the server.
    pub(super) fn remote(cause: &gix::Error) -> Self {
        let causes = Causes::of(cause);
        Self::new(causes.kind(), causes.detail())
    }

    /// A failure to send or read a message.
    pub(super) fn transport(cause: &client::Error) -> Self {
        let causes = Causes::of(cause);
        Self::new(causes.kind(), causes.detail())
    }

    /// A failure to write a pack that is being received. The server has let us in: what is denied
    /// now is our own disk. A pack that does not fit what we have: our part of it may be at fault.
    pub(super) fn pack(cause: &gix::Error) -> Self {
        let failure = Self::remote(cause);
        let kind = match failure.kind {
            FailureKind::Authentication => FailureKind::Disk,
            FailureKind::Other => FailureKind::Damaged,
            kind => kind,
        };
        Self { kind, ..failure }
    }

    /// What a server said as its last words.
    pub(super) fn said(words: &str) -> Self {
        Self::new(kind_of_text(words).unwrap_or(FailureKind::Other), words)
    }

    /// True when it only says that the connection broke, and not why.
    pub(super) fn is_vague(&self) -> bool {
        VAGUE.contains(&self.kind)
    }

    /// Adds what a program said about it, one reason a line.
    pub(super) fn told(self, words: &str) -> Self {
        let lines: Vec<&str> =
            words.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let kind = lines.iter().find_map(|line| kind_of_text(line)).unwrap_or(self.kind);
        let detail = [&[self.detail.as_str()], lines.as_slice()].concat().join("; ");
        Self { kind, detail }
    }

    /// A failure in the mirror. What is not the disk's fault is damage: the files are ours alone.
    pub(super) fn mirror(cause: &gix::Error) -> Self {
        let causes = Causes::of(cause);
        let kind = match causes.kind() {
            kind @ (FailureKind::DiskFull | FailureKind::TooLarge) => kind,
            FailureKind::Authentication => FailureKind::Disk,
            _ => FailureKind::Damaged,
        };
        Self::new(kind, causes.detail())
    }

    /// A failure of the file system, while doing `what`.
    pub(super) fn disk(what: &str, cause: &std::io::Error) -> Self {
        let kind = match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                FailureKind::DiskFull
            }
            _ => FailureKind::Disk,
        };
        Self::new(kind, format!("{what}: {cause}"))
    }
}

/// All errors below one, outermost first, whatever wraps them.
#[derive(Default)]
struct Causes {
    texts: Vec<String>,
    kinds: Vec<FailureKind>,
}

/// Kinds that say that it broke, and not why.
const VAGUE: [FailureKind; 3] =
    [FailureKind::Unreachable, FailureKind::NotARepository, FailureKind::Other];
/// How deep errors are followed.
const DEPTH_MAX: usize = 32;

impl Causes {
    fn of(error: &(dyn Error + 'static)) -> Self {
        let mut causes = Self::default();
        causes.visit(error, 0);
        causes
    }

    fn visit(&mut self, error: &(dyn Error + 'static), depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        // These two hide their real content from `source()`.
        if let Some(tree) = error.downcast_ref::<gix::Error>() {
            for error in tree.iter_errors() {
                self.visit(error, depth + 1);
            }
            return;
        }
        if let Some(inner) = error.downcast_ref::<std::io::Error>().and_then(|io| io.get_ref()) {
            self.kinds.extend(kind_of(error));
            self.visit(inner, depth + 1);
            return;
        }
        self.kinds.extend(kind_of(error));
        let text = error.to_string();
        if !text.is_empty() && !self.texts.iter().any(|known| known.contains(&text)) {
            self.kinds.extend(kind_of_text(&text));
            self.texts.push(text);
        }
        if let Some(source) = error.source() {
            self.visit(source, depth + 1);
        }
    }

    /// The most telling kind: what names a remedy wins over what only says that it broke.
    fn kind(&self) -> FailureKind {
        let telling = self.kinds.iter().find(|kind| !VAGUE.contains(kind));
        let vague = VAGUE.iter().find(|kind| self.kinds.contains(kind));
        telling.or(vague).copied().unwrap_or(FailureKind::Other)
    }

    fn detail(&self) -> String {
        self.texts.join(": ")
    }
}

fn kind_of(error: &(dyn Error + 'static)) -> Option<FailureKind> {
    if error.is::<client::AuthenticationRequired>() {
        return Some(FailureKind::Authentication);
    }
    if error.is::<rustls::Error>() {
        return Some(FailureKind::Tls);
    }
    if error.is::<super::remote::Unusable>() {
        return Some(FailureKind::Setting);
    }
    if let Some(http) = error.downcast_ref::<reqwest::Error>() {
        return Some(kind_of_http(http));
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        return kind_of_io(io.kind());
    }
    if let Some(classified) = error.downcast_ref::<gix::error::Message>() {
        return match classified.class {
            Some(gix::error::Class::ResourceExhaustion(_)) => Some(FailureKind::TooLarge),
            Some(gix::error::Class::Unauthenticated) => Some(FailureKind::Authentication),
            _ => None,
        };
    }
    match error.downcast_ref::<client::Error>()? {
        client::Error::AuthenticationRefused(_) => Some(FailureKind::PlainHttp),
        client::Error::InvokeProgram { .. } => Some(FailureKind::Program),
        client::Error::SshInvocation(_) | client::Error::AmbiguousPath { .. } => {
            Some(FailureKind::Url)
        }
        client::Error::Capabilities { .. }
        | client::Error::LineDecode { .. }
        | client::Error::ExpectedLine(_)
        | client::Error::ExpectedDataLine
        | client::Error::UnsupportedProtocolVersion(_) => Some(FailureKind::NotARepository),
        _ => None,
    }
}

fn kind_of_http(error: &reqwest::Error) -> FailureKind {
    match error.status().map(|status| status.as_u16()) {
        Some(401 | 403 | 407) => FailureKind::Authentication,
        Some(404 | 410) => FailureKind::NotFound,
        Some(413) => FailureKind::TooLarge,
        Some(429 | 500..) => FailureKind::Unreachable,
        Some(_) => FailureKind::NotARepository,
        None if error.is_timeout() => FailureKind::Timeout,
        None if error.is_builder() => FailureKind::Setting,
        None => FailureKind::Unreachable,
    }
}

fn kind_of_io(kind: std::io::ErrorKind) -> Option<FailureKind> {
    use std::io::ErrorKind as Io;
    match kind {
        Io::TimedOut | Io::WouldBlock => Some(FailureKind::Timeout),
        Io::StorageFull | Io::QuotaExceeded => Some(FailureKind::DiskFull),
        Io::PermissionDenied => Some(FailureKind::Authentication),
        Io::ReadOnlyFilesystem => Some(FailureKind::Disk),
        Io::ConnectionRefused
        | Io::ConnectionReset
        | Io::ConnectionAborted
        | Io::NotConnected
        | Io::HostUnreachable
        | Io::NetworkUnreachable
        | Io::NetworkDown
        | Io::AddrNotAvailable
        | Io::BrokenPipe
        | Io::UnexpectedEof => Some(FailureKind::Unreachable),
        _ => None,
    }
}

/// What servers and ssh say in words only.
fn kind_of_text(text: &str) -> Option<FailureKind> {
    const WORDS: [(&str, FailureKind); 19] = [
        ("not our ref", FailureKind::Refused),
        ("not valid", FailureKind::Refused),
        ("unadvertised object", FailureKind::Refused),
        ("Server lack feature \"shallow\"", FailureKind::Refused),
        ("to indicate 'smart' protocol", FailureKind::NotARepository),
        ("Host key verification failed", FailureKind::HostKey),
        ("REMOTE HOST IDENTIFICATION HAS CHANGED", FailureKind::HostKey),
        ("Permission denied", FailureKind::Authentication),
        ("Too many authentication failures", FailureKind::Authentication),
        ("error in libcrypto", FailureKind::Setting),
        ("repository not exported", FailureKind::NotFound),
        ("Repository not found", FailureKind::NotFound),
        ("does not appear to be a git repository", FailureKind::NotFound),
        ("is not a repository", FailureKind::NotFound),
        ("Could not resolve hostname", FailureKind::Unreachable),
        ("Connection timed out", FailureKind::Timeout),
        ("connect to host", FailureKind::Unreachable),
        ("Connection closed by", FailureKind::Unreachable),
        ("Connection reset by", FailureKind::Unreachable),
    ];
    WORDS.iter().find(|(words, _)| text.contains(words)).map(|(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use std::io::{self, ErrorKind};

    use super::*;

    fn remote(kind: ErrorKind) -> FailureKind {
        let nested = io::Error::other(io::Error::from(kind));
        Failure::remote(&gix::Error::from_error(nested)).kind
    }

    #[test]
    fn the_kind_is_found_however_deep_it_is_wrapped() {
        let table = [
            (ErrorKind::StorageFull, FailureKind::DiskFull),
            (ErrorKind::QuotaExceeded, FailureKind::DiskFull),
            (ErrorKind::ReadOnlyFilesystem, FailureKind::Disk),
            (ErrorKind::TimedOut, FailureKind::Timeout),
            (ErrorKind::ConnectionRefused, FailureKind::Unreachable),
            (ErrorKind::PermissionDenied, FailureKind::Authentication),
            (ErrorKind::InvalidData, FailureKind::Other),
        ];
        for (io, expected) in table {
            assert_eq!(remote(io), expected, "{io:?}");
        }
    }

    #[test]
    fn a_disk_that_denies_a_pack_is_not_taken_for_a_server_that_denies_entry() {
        let denied = || gix::Error::from_error(io::Error::from(ErrorKind::PermissionDenied));
        assert_eq!(Failure::remote(&denied()).kind, FailureKind::Authentication);
        assert_eq!(Failure::pack(&denied()).kind, FailureKind::Disk);
        assert_eq!(Failure::mirror(&denied()).kind, FailureKind::Disk);
    }

    #[test]
    fn words_of_ssh_and_servers_name_the_reason() {
        let table = [
            ("Host key verification failed.", FailureKind::HostKey),
            ("git@host: Permission denied (publickey).", FailureKind::Authentication),
            (
                "ssh: Could not resolve hostname x: Name or service not known",
                FailureKind::Unreachable,
            ),
            ("ssh: connect to host x port 22: Connection refused", FailureKind::Unreachable),
            ("ssh: connect to host x port 22: Connection timed out", FailureKind::Timeout),
            ("ERROR: Repository not found.", FailureKind::NotFound),
            ("fatal: 'x' does not appear to be a git repository", FailureKind::NotFound),
            ("Load key \"/x\": error in libcrypto", FailureKind::Setting),
            ("something else", FailureKind::Unreachable),
        ];
        for (words, expected) in table {
            let vague = Failure::new(FailureKind::Unreachable, "the connection ended");
            let told = vague.told(&format!("Warning: something\n{words}\n"));
            assert_eq!(told.kind, expected, "{words}");
            assert!(told.detail.starts_with("the connection ended; Warning"), "{}", told.detail);
        }
    }
}
