//! The list wakes its task once and hands over every source.

use core::sync::atomic::{AtomicUsize, Ordering};

use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_sleeping_task_is_woken_once_for_many_sources() {
    let list = Arc::new(ReadyList::default());
    let count = Arc::new(Count::default());
    let task = Waker::from(Arc::clone(&count));
    assert!(list.poll_wait(&mut Context::from_waker(&task)).is_pending());

    list.waker(Source::Connection(7)).wake();
    list.waker(Source::Timer).wake_by_ref();
    assert_eq!(count.0.load(Ordering::Relaxed), 1);
    assert!(list.poll_wait(&mut Context::from_waker(&task)).is_ready());

    let mut sources = vec![Source::Commands];
    list.take(&mut sources);
    assert_eq!(sources, [Source::Connection(7), Source::Timer]);
    assert!(list.poll_wait(&mut Context::from_waker(&task)).is_pending());
}
