//! What waits to be written.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::Op;
use crate::span::Reply;

/// What one caller wants written.
pub(crate) struct Job {
    pub(crate) ops: Vec<Op>,
    pub(crate) bytes: usize,
    pub(crate) reply: Reply,
}

/// A count of operations and the bytes of their bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) ops: usize,
    pub(crate) bytes: usize,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit: Load,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    load: Load,
    /// How many operations must wait for the writer to be woken; `None` while it is awake.
    wake_at: Option<usize>,
    closed: bool,
}

/// How the writer wants to be served by [`Queue::take`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wish {
    /// The most to take, but at least one job.
    pub(crate) most: Load,
    /// When to come back with nothing.
    pub(crate) deadline: Instant,
    /// How many operations to wait for once there is one, and how long at most: callers that were answered together
    /// come back one after the other, and are better served together again than the first one alone.
    pub(crate) gather: (usize, Duration),
}

/// What [`Queue::take`] gives the writer.
pub(crate) enum Taken {
    Jobs(Vec<Job>),
    /// Nothing came until the deadline.
    Quiet,
    /// Nothing is left and nothing more will come.
    Closed,
}

impl Queue {
    pub(crate) fn new(limit: Load) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), limit }
    }

    /// Adds a job; gives what waits already when there is no room. A job that is too large for the queue as such gets
    /// in when nothing else waits.
    pub(crate) fn push(&self, job: Job) -> Result<(), Refused> {
        let mut state = self.lock();
        if state.closed {
            return Err(Refused::Closed);
        }
        let load = Load { ops: state.load.ops + job.ops.len(), bytes: state.load.bytes + job.bytes };
        if !state.jobs.is_empty() && (load.ops > self.limit.ops || load.bytes > self.limit.bytes) {
            return Err(Refused::Overloaded(state.load));
        }
        state.load = load;
        state.jobs.push_back(job);
        // Waking costs a call into the system, and is needed only for a writer that sleeps.
        if state.wake_at.is_some_and(|ops| ops <= load.ops) {
            state.wake_at = None;
            drop(state);
            self.arrived.notify_one();
        }
        Ok(())
    }

    /// Takes what waits, without those whose callers are gone.
    pub(crate) fn take(&self, wish: Wish) -> Taken {
        let mut state = self.wait(self.lock(), 1, wish.deadline);
        if state.load.ops > 0 {
            state = self.wait(state, wish.gather.0, Instant::now() + wish.gather.1);
        }
        let mut jobs = state.drain(wish.most);
        let closed = state.closed;
        drop(state);
        jobs.iter_mut().for_each(|job| job.reply.taken());
        if !jobs.is_empty() {
            Taken::Jobs(jobs)
        } else if closed {
            Taken::Closed
        } else {
            Taken::Quiet
        }
    }

    /// Waits until so many operations are there, no more will come, or the deadline has passed.
    fn wait<'a>(&'a self, mut state: MutexGuard<'a, State>, ops: usize, deadline: Instant) -> MutexGuard<'a, State> {
        while state.load.ops < ops && !state.closed {
            let patience = deadline.saturating_duration_since(Instant::now());
            if patience.is_zero() {
                break;
            }
            state.wake_at = Some(ops);
            state = self.arrived.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
            state.wake_at = None;
        }
        state
    }

    pub(crate) fn load(&self) -> Load {
        self.lock().load
    }

    /// Refuses further jobs.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The time for so many operations, within what is sensible for a caller to wait.
pub(crate) fn time_for(ops: usize, op_nanos: u64) -> Duration {
    let nanos = u64::try_from(ops).unwrap_or(u64::MAX).saturating_mul(op_nanos);
    Duration::from_nanos(nanos).clamp(Duration::from_millis(20), Duration::from_secs(5))
}

/// Why a job did not get into the queue.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Overloaded(Load),
    Closed,
}

impl State {
    fn drain(&mut self, bound: Load) -> Vec<Job> {
        let (mut jobs, mut load) = (Vec::new(), Load::default());
        while let Some(next) = self.jobs.front() {
            let gone = next.reply.is_closed();
            let over = load.ops + next.ops.len() > bound.ops || load.bytes + next.bytes > bound.bytes;
            if !gone && over && !jobs.is_empty() {
                break;
            }
            let Some(job) = self.jobs.pop_front() else { break };
            self.load.ops -= job.ops.len();
            self.load.bytes -= job.bytes;
            if !gone {
                load = Load { ops: load.ops + job.ops.len(), bytes: load.bytes + job.bytes };
                jobs.push(job);
            }
        }
        jobs
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, StoreError};
    use tokio::sync::oneshot;

    #[test]
    fn callers_are_told_to_wait_as_long_as_the_queue_takes() {
        for (ops, op_nanos, millis) in [(0, 0, 20), (4096, 100, 20), (4096, 100_000, 409), (4096, u64::MAX, 5000)] {
            assert_eq!(time_for(ops, op_nanos).as_millis(), millis, "{ops} of {op_nanos}");
        }
    }

    type Answer = oneshot::Receiver<Result<Vec<Outcome>, StoreError>>;

    fn job(ops: usize, bytes: usize) -> (Job, Answer) {
        let (reply, receiver) = oneshot::channel();
        let op = Op::Delete { key: "a".to_owned(), expect: None };
        (Job { ops: vec![op; ops], bytes, reply: reply.into() }, receiver)
    }

    fn sizes(taken: Taken) -> Vec<usize> {
        match taken {
            Taken::Jobs(jobs) => jobs.iter().map(|job| job.ops.len()).collect(),
            Taken::Quiet | Taken::Closed => Vec::new(),
        }
    }

    const LIMIT: Load = Load { ops: 10, bytes: 1000 };

    fn take(queue: &Queue) -> Taken {
        queue.take(Wish { most: LIMIT, deadline: Instant::now(), gather: (0, Duration::ZERO) })
    }

    #[test]
    fn a_full_queue_refuses_at_once_and_says_what_waits() {
        let queue = Queue::new(LIMIT);
        let (first, _first) = job(8, 10);
        let (second, _second) = job(3, 10);
        let (third, _third) = job(1, 991);
        queue.push(first).unwrap();
        assert_eq!(queue.push(second), Err(Refused::Overloaded(Load { ops: 8, bytes: 10 })));
        assert_eq!(queue.push(third), Err(Refused::Overloaded(Load { ops: 8, bytes: 10 })));
    }

    #[test]
    fn a_job_larger_than_the_queue_gets_in_when_nothing_waits() {
        let queue = Queue::new(LIMIT);
        let (large, _large) = job(50, 5000);
        queue.push(large).unwrap();
        assert_eq!(sizes(take(&queue)), [50]);
    }

    #[test]
    fn what_waits_is_taken_in_order_up_to_the_bound() {
        let queue = Queue::new(Load { ops: 100, bytes: 1000 });
        let mut replies = Vec::new();
        for ops in [4, 5, 2, 3] {
            let (job, reply) = job(ops, 1);
            replies.push(reply);
            queue.push(job).unwrap();
        }
        assert_eq!(sizes(take(&queue)), [4, 5]);
        assert_eq!(queue.load(), Load { ops: 5, bytes: 2 });
        assert_eq!(sizes(take(&queue)), [2, 3]);
        assert!(matches!(take(&queue), Taken::Quiet));
    }

    #[test]
    fn a_job_whose_caller_is_gone_is_left_out() {
        let queue = Queue::new(LIMIT);
        let (kept, _kept) = job(2, 1);
        let (gone, reply) = job(3, 1);
        drop(reply);
        queue.push(gone).unwrap();
        queue.push(kept).unwrap();
        assert_eq!(sizes(take(&queue)), [2]);
        assert_eq!(queue.load(), Load::default());
    }

    #[test]
    fn callers_that_come_together_are_waited_for_but_not_for_long() {
        let queue = Queue::new(LIMIT);
        let mut replies = Vec::new();
        let mut push = |ops| {
            let (job, reply) = job(ops, 1);
            replies.push(reply);
            queue.push(job).unwrap();
        };
        let far = Instant::now() + Duration::from_secs(60);
        let wish = |ops, patience| Wish { most: LIMIT, deadline: far, gather: (ops, patience) };
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| sizes(queue.take(wish(3, Duration::from_secs(60)))));
            push(1);
            push(1);
            push(1);
            assert_eq!(taken.join().unwrap(), [1, 1, 1]);
        });
        push(2);
        assert_eq!(sizes(queue.take(wish(3, Duration::from_millis(1)))), [2], "the others did not come");
    }

    #[test]
    fn a_writer_that_sleeps_is_woken_by_the_first_job() {
        let queue = Queue::new(LIMIT);
        let (first, _first) = job(1, 1);
        let start = Instant::now();
        let wish = Wish { most: LIMIT, deadline: start + Duration::from_secs(60), gather: (0, Duration::ZERO) };
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| sizes(queue.take(wish)));
            while queue.lock().wake_at.is_none() {
                assert!(start.elapsed() < Duration::from_secs(30), "the writer does not sleep");
                std::thread::yield_now();
            }
            queue.push(first).unwrap();
            assert_eq!(taken.join().unwrap(), [1]);
        });
        assert!(start.elapsed() < Duration::from_secs(50), "it came with the deadline");
    }

    #[test]
    fn a_closed_queue_gives_what_waits_and_then_ends() {
        let queue = Queue::new(LIMIT);
        let (waiting, _waiting) = job(1, 1);
        let (late, _late) = job(1, 1);
        queue.push(waiting).unwrap();
        queue.close();
        assert_eq!(queue.push(late), Err(Refused::Closed));
        assert_eq!(sizes(take(&queue)), [1]);
        assert!(matches!(take(&queue), Taken::Closed));
    }
}
