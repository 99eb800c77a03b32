//! The way of a call: how long it may take, where it is sent, whether it is sent again, and what its end says of the server.

mod answer;
mod attempts;
mod deadline;
mod hedge;
mod outcome;
mod outgoing;
mod retry;
mod verdict;

use std::{sync::Arc, time::Duration};

use http::{Request, Response};
use tokio::{
    task::AbortHandle,
    time::{Instant, timeout_at},
};
use tonic::{Status, body::Body};

use self::{
    attempts::Call,
    deadline::Deadline,
    outgoing::Outgoing,
    retry::{Budget, Throttle},
};
use crate::{
    channel::Inner,
    outlier::{self, Alarm},
    pick::{Chance, Picker},
    policy::{Methods, ServiceConfig},
    pool::Shared,
};

/// What the calls of a channel share.
#[derive(Debug)]
pub(crate) struct Calls {
    methods: Methods,
    default_deadline: Option<Duration>,
    picker: Picker,
    chance: Chance,
    throttle: Option<Throttle>,
    budget: Budget,
    alarm: Arc<Alarm>,
    outliers: Option<AbortHandle>,
}

impl Calls {
    /// Looks for outliers on the event loop of the caller.
    pub(crate) fn start(
        config: &ServiceConfig,
        default_deadline: Option<Duration>,
        shared: &Arc<Shared>,
        mut random: fastrand::Rng,
    ) -> Self {
        let alarm = Arc::new(Alarm::of(&config.outliers));
        Self {
            methods: config.methods.clone(),
            default_deadline,
            picker: Picker::new(config.balancing, random.fork()),
            chance: Chance::new(random.u64(..)),
            throttle: config.throttling.map(Throttle::new),
            budget: Budget::default(),
            outliers: outlier::start(Arc::clone(shared), config.outliers.clone(), Arc::clone(&alarm), random),
            alarm,
        }
    }
}

impl Calls {
    /// Whether slow servers get fewer of them.
    pub(crate) fn weigh_latency(&self) -> bool {
        self.picker.weighs_latency()
    }
}

impl Drop for Calls {
    fn drop(&mut self) {
        if let Some(outliers) = &self.outliers {
            outliers.abort();
        }
    }
}

/// Makes a call, until its answer begins.
///
/// # Errors
/// With the status of the call, if there is no answer.
pub(crate) async fn run(inner: Arc<Inner>, request: Request<Body>) -> Result<Response<Body>, Status> {
    let (pool, calls) = inner.running();
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let method = calls.methods.get(head.uri.path());
    let outgoing = Outgoing::take(body).await?;
    let default = calls.default_deadline.filter(|_| outgoing.is_whole());
    let deadline = Deadline::of(&head.headers, method.timeout, default, begun)?;
    let hedging = method.hedging.as_ref().filter(|_| outgoing.is_whole());
    let mut call = Call::new(pool, calls, method, head, outgoing, deadline);
    let making = async {
        match hedging {
            // Few calls are hedged, and their state is large.
            Some(policy) => Box::pin(call.hedge(policy)).await,
            None => call.make().await,
        }
    };
    match deadline {
        None => making.await,
        Some(deadline) => match timeout_at(deadline.at, making).await {
            Ok(end) => end,
            Err(_) => Err(call.too_late(deadline)),
        },
    }
}
