//! Fetching one pack with exactly what is wanted.

use std::sync::atomic::AtomicBool;

use gix::{
    ObjectId,
    odb::pack::{Bundle, bundle, data::input::Mode},
    progress::Discard,
    protocol::fetch::{
        Arguments, Context, Negotiate, Options, Response, Shallow, Tags,
        negotiate::{Action, Round, one_round},
    },
};

use super::{Failure, FailureKind, mirror, mirror::Mirror, remote::Connection};

/// Threads that resolve a pack: the machine has other things to do.
const THREADS_MAX: usize = 2;

/// How much history comes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum History {
    /// None: the commits alone.
    Cut,
    /// All of it.
    Whole,
}

/// Negotiates in one round: these we want, those we have, go.
///
/// The usual negotiation walks back through history to find what both sides know. Mirrors have no
/// history to walk; their newest commits are the best guess and a wrong guess costs bytes only.
struct Exact {
    wants: Vec<ObjectId>,
    haves: Vec<ObjectId>,
}

impl Negotiate for Exact {
    fn mark_complete_and_common_ref(&mut self) -> gix::Result<Action> {
        Ok(Action::MustNegotiate { remote_ref_target_known: Vec::new() })
    }

    fn add_wants(&mut self, arguments: &mut Arguments, _known: &[bool]) -> bool {
        for id in &self.wants {
            arguments.want(id);
        }
        !self.wants.is_empty()
    }

    fn one_round(
        &mut self,
        _state: &mut one_round::State,
        arguments: &mut Arguments,
        _previous: Option<&Response>,
    ) -> gix::Result<(Round, bool)> {
        for id in &self.haves {
            arguments.have(id);
        }
        let sent = self.haves.len();
        let round = Round {
            haves_sent: sent,
            in_vain: 0,
            haves_to_send: sent,
            previous_response_had_at_least_one_in_common: false,
        };
        Ok((round, true))
    }
}

/// Fetches `wants` into the mirror. When it returns the objects are there, complete and verified;
/// when it fails nothing has changed.
pub(super) fn receive(
    from: &mut Connection<'_>,
    into: &Mirror,
    wants: Vec<ObjectId>,
    history: History,
) -> Result<(), Failure> {
    let shallow = match history {
        History::Cut => Shallow::DepthAtRemote(std::num::NonZeroU32::MIN),
        History::Whole if into.is_shallow() => Shallow::undo(),
        History::Whole => Shallow::NoChange,
    };
    let shallow_file = into.repo.shallow_file().map_err(|cause| Failure::mirror(&cause))?;
    let mut negotiate = Exact { wants, haves: into.haves() };
    let mut broken = None;
    let (transport, handshake) = from.parts();
    let outcome = gix::protocol::fetch(
        &mut negotiate,
        |pack, progress, interrupt| {
            let options = bundle::write::Options {
                thread_limit: Some(THREADS_MAX),
                iteration_mode: Mode::Verify,
                alloc_limit_bytes: Some(mirror::OBJECT_BYTES_MAX),
                ..Default::default()
            };
            let written = Bundle::write_to_directory(
                pack,
                Some(&into.packs_dir()),
                progress,
                interrupt,
                Some(into.repo.objects.clone()),
                into.repo.object_hash(),
                options,
            );
            let written = written.inspect_err(|cause| broken = Some(Failure::pack(cause)))?;
            if let Some(keep) = written.keep_path {
                let removed = std::fs::remove_file(keep);
                removed.map_err(|cause| gix::Error::from_error(cause))?;
            }
            Ok(true)
        },
        Discard,
        &AtomicBool::new(false),
        Context {
            handshake,
            transport,
            user_agent: super::remote::agent(),
            trace_packetlines: false,
        },
        Options { shallow_file, shallow: &shallow, tags: Tags::None, reject_shallow_remote: false },
    );
    match (outcome, broken) {
        (Ok(_), _) => Ok(()),
        (Err(_), Some(failure)) => Err(failure),
        (Err(cause), None) => {
            let failure = Failure::remote(&cause);
            let words = match failure.kind {
                FailureKind::Unreachable => from.last_words(),
                _ => None,
            };
            Err(words.map_or(failure, |words| Failure::said(&words)))
        }
    }
}
