//! The bytes of a connection, watched.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;

/// Plaintext or TLS.
pub(super) enum Transport {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A transport that reports what arrives, gives up on a peer that does not read, and lets a peer read our last words.
pub(super) struct Watched {
    transport: Transport,
    activity: Arc<Activity>,
    /// Runs while the peer takes nothing.
    stalled: Option<Pin<Box<Sleep>>>,
    /// Runs while we listen on after our last word; with the bytes we may still throw away.
    lingering: Option<(Pin<Box<Sleep>>, usize)>,
}

impl Watched {
    pub(super) fn new(transport: Transport, activity: Arc<Activity>) -> Self {
        Self { transport, activity, stalled: None, lingering: None }
    }

    fn transport(&mut self) -> Pin<&mut dyn Duplex> {
        let duplex: &mut dyn Duplex = match &mut self.transport {
            Transport::Plain(stream) => stream,
            Transport::Tls(stream) => stream.as_mut(),
        };
        Pin::new(duplex)
    }

    /// Passes progress on; without progress for too long, fails.
    fn watch_stall<T>(&mut self, polled: Poll<io::Result<T>>, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.stalled = None;
            return polled;
        }
        let patience = self.activity.deadlines().write;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.transport().poll_read(cx, buffer))?;
        if buffer.filled().len() > before {
            self.activity.bytes_arrived();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.transport().poll_write(cx, bytes);
        self.watch_stall(polled, cx)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let polled = self.transport().poll_write_vectored(cx, slices);
        self.watch_stall(polled, cx)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Plain(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.transport().poll_flush(cx);
        self.watch_stall(polled, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            let polled = self.transport().poll_shutdown(cx);
            ready!(self.watch_stall(polled, cx))?;
            if !self.activity.should_linger() {
                return Poll::Ready(Ok(()));
            }
        }
        let mut scratch = [0; 4_096];
        let (mut timer, mut left) = self.lingering.take().unwrap_or_else(|| (Box::pin(sleep(LINGER)), LINGER_BYTES));
        while timer.as_mut().poll(cx).is_pending() {
            let mut buffer = ReadBuf::new(&mut scratch);
            match self.transport().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() && buffer.filled().len() <= left => left -= buffer.filled().len(),
                Poll::Ready(_) => break,
                Poll::Pending => {
                    self.lingering = Some((timer, left));
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

/// How long we listen on, so that our answer is read before the connection is reset.
const LINGER: Duration = Duration::from_secs(1);
/// How much of what comes then we throw away.
const LINGER_BYTES: usize = 1024 * 1024;
