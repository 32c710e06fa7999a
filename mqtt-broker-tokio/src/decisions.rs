//! Verdicts that take their time: what [`decide`](crate::Builder::decide) is called in, and its futures.
//!
//! They are tokio's, and the broker's thread has no runtime: they have a thread of their own.

use core::future::poll_fn;
use core::panic::AssertUnwindSafe;
use core::task::Poll;
use std::io;
use std::panic::catch_unwind;
use std::thread::{self, JoinHandle};

use mqtt_broker_core::{Request, Ticket, Verdict};
use tokio::sync::mpsc;

use crate::command::Command;
use crate::hooks::{Deciding, OnDecide};

/// The thread. Dropping it ends it, with all that is undecided.
pub(crate) struct Decisions {
    /// As many as the broker has questions open: one for each connection at the most. Taken, the thread
    /// ends.
    questions: Option<mpsc::UnboundedSender<(Ticket, Request)>>,
    thread: Option<JoinHandle<()>>,
}

impl Decisions {
    /// Starts it. Verdicts are commands, like those of handles.
    pub(crate) fn start(decide: OnDecide, commands: mpsc::Sender<Command>) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (questions, asked) = mpsc::unbounded_channel();
        let thread = thread::Builder::new().name("decisions".to_owned()).spawn(move || {
            runtime.block_on(decide_all(decide, asked, commands));
            // What a future has blocking threads do is not waited for.
            runtime.shutdown_background();
        })?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    /// Puts a question. False: nobody is there to answer it.
    pub(crate) fn ask(&self, ticket: Ticket, request: Request) -> bool {
        let questions = self.questions.as_ref();
        questions.is_some_and(|questions| questions.send((ticket, request)).is_ok())
    }
}

impl Drop for Decisions {
    fn drop(&mut self) {
        drop(self.questions.take());
        if let Some(thread) = self.thread.take() {
            // It ends with nothing, and a panic has been told.
            let _ = thread.join();
        }
    }
}

async fn decide_all(
    mut decide: OnDecide,
    mut asked: mpsc::UnboundedReceiver<(Ticket, Request)>,
    commands: mpsc::Sender<Command>,
) {
    while let Some((ticket, request)) = asked.recv().await {
        let deciding = caught(|| decide(request));
        let commands = commands.clone();
        tokio::spawn(async move {
            let verdict = match deciding {
                Some(deciding) => verdict(deciding).await,
                None => Verdict::DENY,
            };
            // Closed: the server is shutting down, and nobody waits for the verdict.
            let _ = commands.send(Command::Resolve(ticket, verdict)).await;
        });
    }
}

/// What comes of it; a panic is a no.
async fn verdict(mut deciding: Deciding) -> Verdict {
    let verdict = poll_fn(|cx| match caught(|| deciding.as_mut().poll(cx)) {
        Some(poll) => poll,
        None => Poll::Ready(Verdict::DENY),
    });
    verdict.await
}

/// What `call` returns, unless it panics.
fn caught<T>(call: impl FnOnce() -> T) -> Option<T> {
    let result = catch_unwind(AssertUnwindSafe(call));
    if result.is_err() {
        tracing::error!("`decide` panicked: what it was asked for is denied");
    }
    result.ok()
}
