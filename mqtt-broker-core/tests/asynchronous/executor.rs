//! An executor that runs until nothing more happens, always in the same order.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Waker};
use std::sync::Mutex;

/// More polls than any test needs; a future that never rests is caught here.
const POLLS: usize = 1_000_000;

type Task = Pin<Box<dyn Future<Output = ()>>>;

#[derive(Default)]
pub(crate) struct Executor {
    tasks: Vec<Option<Task>>,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

/// Names a spawned task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskId(usize);

impl Executor {
    pub(crate) fn spawn(&mut self, task: impl Future<Output = ()> + 'static) -> TaskId {
        self.tasks.push(Some(Box::pin(task)));
        let place = self.tasks.len() - 1;
        self.woken.lock().unwrap().push_back(place);
        TaskId(place)
    }

    /// Drops a task, wherever it is.
    pub(crate) fn cancel(&mut self, task: TaskId) {
        self.tasks[task.0] = None;
    }

    pub(crate) fn is_done(&self, task: TaskId) -> bool {
        self.tasks[task.0].is_none()
    }

    /// Polls whatever was woken, in that order, until nothing is.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        for _ in 0..POLLS {
            let Some(place) = self.woken.lock().unwrap().pop_front() else { return Ok(()) };
            let woken = Arc::clone(&self.woken);
            let waker = Waker::from(Arc::new(TaskWaker { place, woken }));
            let Some(task) = &mut self.tasks[place] else { continue };
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                self.tasks[place] = None;
            }
        }
        Err("the futures do not come to rest".into())
    }
}

struct TaskWaker {
    place: usize,
    woken: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        let mut woken = self.woken.lock().unwrap();
        if !woken.contains(&self.place) {
            woken.push_back(self.place);
        }
    }
}
