//! Connections of the proxy that can be cut from outside.

use std::{
    io,
    pin::Pin,
    sync::{Arc, atomic::Ordering},
    task::{Context, Poll},
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::{Fault, Shared};
use crate::support::process::lock;

/// Cuts one connection, or all that were made while it was the current one.
#[derive(Debug, Clone, Default)]
pub(super) struct Cut(CancellationToken);

impl Cut {
    pub(super) fn cut(&self) {
        self.0.cancel();
    }

    /// Cuts the connection whose request is being answered. The answer is never given.
    pub(super) async fn and_wait<T>(&self) -> T {
        self.cut();
        std::future::pending().await
    }
}

impl Connected<IncomingStream<'_, Incoming>> for Cut {
    fn connect_info(stream: IncomingStream<'_, Incoming>) -> Self {
        stream.remote_addr().clone()
    }
}

/// A connection; reading and writing fail once it is cut.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    is_cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Connection {
    /// Looks whether it is cut, and is woken when it will be.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.is_cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionReset.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Accepts connections and shakes hands, each on its own, so that a slow one holds up no other.
pub(super) async fn accept(
    tcp: TcpListener,
    tls: TlsAcceptor,
    shared: Arc<Shared>,
    accepted: mpsc::Sender<(Connection, Cut)>,
) {
    let mut handshakes = tokio::task::JoinSet::new();
    loop {
        while handshakes.try_join_next().is_some() {}
        let Ok((stream, _)) = tcp.accept().await else { continue };
        if *lock(&shared.fault) == Fault::Cut {
            shared.faults.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let _ = stream.set_nodelay(true);
        let cut = Cut(lock(&shared.cut).0.child_token());
        let (tls, accepted) = (tls.clone(), accepted.clone());
        handshakes.spawn(async move {
            let is_cut = Box::pin(cut.0.clone().cancelled_owned());
            if let Ok(stream) = tls.accept(stream).await {
                let _ = accepted.send((Connection { stream, is_cut }, cut)).await;
            }
        });
    }
}

/// The connections that [`accept`] has accepted; the address of each is what cuts it.
pub(super) struct Incoming(pub(super) mpsc::Receiver<(Connection, Cut)>);

impl Listener for Incoming {
    type Io = Connection;
    type Addr = Cut;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.0.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
