//! Sending together what is asked at the same time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that steps back once before it writes: whatever else the runtime has ready goes first, and adds its questions to the buffer
/// of the connection. Under load one packet then carries many of them, and one the answers, which saves both sides most of their system
/// calls; a question that comes alone waits for nothing.
pub(super) struct Gathering<S> {
    stream: S,
    stepped_back: bool,
}

impl<S> Gathering<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, stepped_back: false }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathering<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if !self.stepped_back {
            self.stepped_back = true;
            // A task that wakes itself is put behind all that are ready.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let written = ready!(Pin::new(&mut self.stream).poll_write(context, bytes));
        self.stepped_back = false;
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathering<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn whatever_is_ready_goes_before_a_question_is_sent() {
        let (near, mut far) = duplex(64);
        let mut stream = Gathering::new(near);
        let others = Arc::new(Mutex::new(0));
        for question in 1..=3 {
            let ready = Arc::clone(&others);
            tokio::spawn(async move { *ready.lock().unwrap() += 1 });
            stream.write_all(b"?").await.unwrap();
            assert_eq!(*others.lock().unwrap(), question);
        }
        stream.shutdown().await.unwrap();
        let mut arrived = String::new();
        far.read_to_string(&mut arrived).await.unwrap();
        assert_eq!(arrived, "???");
    }
}
