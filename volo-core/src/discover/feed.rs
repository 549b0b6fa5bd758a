//! The task that takes lists from a source to a balancer.
//!
//! It starts with the first call, because a client can be made outside of a runtime, and it ends with the balancer. If
//! its runtime ends before, the next call starts another one.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    runtime::Handle,
    sync::Notify,
    task::{AbortHandle, JoinSet},
    time::{sleep, timeout},
};

use super::Discover;
use crate::{
    Error, ErrorKind, Result,
    balance::{Balancer, Instance, Random},
};

/// Pause after the first failure of a source; each further one doubles it.
const PAUSE_MIN: Duration = Duration::from_millis(100);

/// Longest pause between two failures of a source.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long new instances are waited for until they are used unprepared.
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(1);

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// [`Discover`] as an object.
trait Source: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Instance>>>;
}

impl<D: Discover> Source for D {
    fn next(&mut self) -> BoxFuture<'_, Result<Vec<Instance>>> {
        Box::pin(Discover::next(self))
    }
}

type WarmUp = Arc<dyn Fn(Instance) -> BoxFuture<'static, Result<()>> + Send + Sync>;

/// A source, and what is done with its lists before they are used.
pub struct Feed {
    shared: Arc<Shared>,
    warm_up: Option<WarmUp>,
    task: Mutex<Option<AbortHandle>>,
}

struct Shared {
    source: tokio::sync::Mutex<Box<dyn Source>>,
    running: AtomicBool,
    /// Whether the source said anything yet, be it that it is down.
    settled: AtomicBool,
    wakers: Notify,
    fault: Mutex<Option<Arc<Error>>>,
}

impl Feed {
    /// Lists from this source.
    pub fn new(source: impl Discover) -> Self {
        let shared = Shared {
            source: tokio::sync::Mutex::new(Box::new(source)),
            running: AtomicBool::new(false),
            settled: AtomicBool::new(false),
            wakers: Notify::new(),
            fault: Mutex::default(),
        };
        Feed { shared: Arc::new(shared), warm_up: None, task: Mutex::default() }
    }

    /// Does `warm_up` with each new instance before it is used, all at a time, for a second at most. An instance that
    /// fails it is used nonetheless: whether it works is for ejection to find out.
    pub fn warm_up<F>(mut self, warm_up: impl Fn(Instance) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        self.warm_up = Some(Arc::new(move |instance| Box::pin(warm_up(instance))));
        self
    }

    /// Starts the task unless it runs.
    pub(crate) fn ensure_running(&self, balancer: &Arc<Balancer>) {
        if self.shared.running.load(Ordering::Acquire) || self.shared.running.swap(true, Ordering::AcqRel) {
            return;
        }
        let running = Running(self.shared.clone());
        let Ok(runtime) = Handle::try_current() else {
            self.shared.settle(Some(Error::new(ErrorKind::Config, "discovery needs a runtime of tokio")));
            return;
        };
        let task = runtime.spawn(run(running, Arc::downgrade(balancer), self.warm_up.clone()));
        *lock(&self.task) = Some(task.abort_handle());
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.shared.settled.load(Ordering::Acquire)
    }

    /// Waits until the source said something.
    pub(crate) fn settled(&self) -> impl Future<Output = ()> + Send + use<> {
        let shared = self.shared.clone();
        async move {
            let mut woken = std::pin::pin!(shared.wakers.notified());
            woken.as_mut().enable();
            if !shared.settled.load(Ordering::Acquire) {
                woken.await;
            }
        }
    }

    /// Why the source gave no list the last time, if it didn't.
    pub(crate) fn fault(&self) -> Option<Arc<Error>> {
        lock(&self.shared.fault).clone()
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed").field("settled", &self.is_settled()).finish_non_exhaustive()
    }
}

impl Shared {
    fn settle(&self, fault: Option<Error>) {
        *lock(&self.fault) = fault.map(Arc::new);
        self.settled.store(true, Ordering::Release);
        self.wakers.notify_waiters();
    }
}

/// Says that the task is gone, however it ended.
struct Running(Arc<Shared>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.store(false, Ordering::Release);
    }
}

async fn run(running: Running, balancer: Weak<Balancer>, warm_up: Option<WarmUp>) {
    let shared = &running.0;
    let mut source = shared.source.lock().await;
    let mut pause = PAUSE_MIN;
    loop {
        match source.next().await {
            Ok(list) => {
                let Some(balancer) = balancer.upgrade() else { return };
                if let Some(warm_up) = &warm_up {
                    prepare(&balancer, &list, warm_up).await;
                }
                tracing::debug!(instances = list.len(), "discovery gave a list");
                balancer.update(list);
                shared.settle(None);
                pause = PAUSE_MIN;
            }
            Err(error) => {
                warn(&error);
                shared.settle(Some(error));
                // Clients that lost their source together must not all come back at once.
                sleep(pause.mul_f64(0.5 + f64::from(Random::with_local(|it| it.below(1000))) / 1000.0)).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}

fn warn(error: &Error) {
    let cause = std::error::Error::source(error);
    tracing::warn!(%error, cause, "discovery failed; the last list stays in use");
}

/// Warms up what is new in `list`.
async fn prepare(balancer: &Balancer, list: &[Instance], warm_up: &WarmUp) {
    let known = balancer.snapshot();
    let is_known = |new: &Instance| known.endpoints().iter().any(|it| it.instance().address == new.address);
    let mut preparing = JoinSet::new();
    for new in list.iter().filter(|instance| !is_known(instance)) {
        let (id, warming) = (new.id.clone(), warm_up(new.clone()));
        preparing.spawn(async move {
            if let Err(error) = warming.await {
                tracing::debug!(instance = %id, %error, "an instance could not be warmed up");
            }
        });
    }
    let all = async { while preparing.join_next().await.is_some() {} };
    if timeout(WARM_UP_TIMEOUT, all).await.is_err() {
        tracing::debug!("some instances took too long to warm up");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
