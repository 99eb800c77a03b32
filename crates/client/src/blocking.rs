//! Clients for code that is not async.

use std::{
    fmt, io,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
};
use tonic::{Response, Status, Streaming};

/// An async client and a thread on which its connections live. Clones share both; the thread ends with the last of them.
///
/// ```no_run
/// use campus_client::{Blocking, Channel};
/// use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let channel = Channel::builder("dns:///campus.example:50051")?.build();
/// let client = Blocking::new(HealthClient::new(channel))?;
/// let answer = client.call(async |mut client| client.check(HealthCheckRequest::default()).await)?;
/// for health in client.stream(async |mut client| client.watch(HealthCheckRequest::default()).await)? {
///     println!("{:?}", health?.status());
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Blocking<C> {
    client: C,
    background: Arc<Background>,
}

impl<C: Clone> Blocking<C> {
    /// A client whose channel has not been used yet.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub fn new(client: C) -> io::Result<Self> {
        Ok(Self { client, background: Arc::new(Background::start()?) })
    }

    /// Makes a call and waits for its end.
    ///
    /// # Errors
    /// With the status of the call; `FAILED_PRECONDITION` inside of async code, which must not wait.
    pub fn call<T>(&self, call: impl AsyncFnOnce(C) -> Result<Response<T>, Status>) -> Result<T, Status> {
        self.background.wait(call(self.client.clone()))?.map(Response::into_inner)
    }

    /// Makes a call whose answer is a stream. The call is cancelled when the iterator is dropped.
    ///
    /// # Errors
    /// As [`call`](Self::call).
    pub fn stream<T>(
        &self,
        call: impl AsyncFnOnce(C) -> Result<Response<Streaming<T>>, Status>,
    ) -> Result<Messages<T>, Status> {
        let stream = self.call(call)?;
        Ok(Messages { stream: Some(stream), background: Arc::clone(&self.background) })
    }

    /// Does whatever takes several calls, such as [`many`](crate::many()), and waits for its end.
    ///
    /// # Errors
    /// `FAILED_PRECONDITION` inside of async code, which must not wait.
    pub fn wait<T>(&self, task: impl AsyncFnOnce(C) -> T) -> Result<T, Status> {
        self.background.wait(task(self.client.clone()))
    }
}

/// The messages of a stream. After an error there are no more.
pub struct Messages<T> {
    /// None at its end.
    stream: Option<Streaming<T>>,
    background: Arc<Background>,
}

impl<T> fmt::Debug for Messages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Messages").field("is_over", &self.stream.is_none()).finish_non_exhaustive()
    }
}

impl<T> Iterator for Messages<T> {
    type Item = Result<T, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let message = self.background.wait(self.stream.as_mut()?.message()).flatten();
        if !matches!(message, Ok(Some(_))) {
            self.stream = None;
        }
        message.transpose()
    }
}

/// A thread that runs the connections.
#[derive(Debug)]
struct Background {
    handle: Handle,
    /// Both are there until the end.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    fn start() -> io::Result<Self> {
        let (end, ended) = oneshot::channel();
        let (started, start) = mpsc::sync_channel(1);
        let thread = thread::Builder::new().name("campus-client".to_owned()).spawn(move || {
            let runtime = match runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(started.send(Err(error))),
            };
            let _ = started.send(Ok(runtime.handle().clone()));
            let _ = runtime.block_on(ended);
        })?;
        let handle = start.recv().map_err(io::Error::other)??;
        Ok(Self { handle, end: Some(end), thread: Some(thread) })
    }

    fn wait<T>(&self, task: impl Future<Output = T>) -> Result<T, Status> {
        if Handle::try_current().is_ok() {
            return Err(Status::failed_precondition(
                "a blocking call inside of async code would stop its event loop: use the async client there",
            ));
        }
        Ok(self.handle.block_on(task))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take().filter(|_| Handle::try_current().is_err()) {
            let _ = thread.join();
        }
    }
}
