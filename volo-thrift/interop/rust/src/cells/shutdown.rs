//! A peer that shuts down while it is called: every call is answered, there or, if it never got there, elsewhere.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use faststr::FastStr;
use tokio::task::JoinSet;
use volo_core::{BoxError, Retry};
use volo_thrift::ClientError;

use super::Route;
use crate::{
    peer::InteropClient,
    report::{Outcome, Report, ensure, expect},
};

const CALLERS: usize = 8;
const BEFORE_STOP: Duration = Duration::from_millis(300);
const AFTER_STOP: Duration = Duration::from_millis(1_200);

pub(super) async fn run(report: &mut Report, stopping: &Route, other: &Route) {
    report.cell(
        format!("{stopping}: no call is lost when the server shuts down"),
        none_lost(stopping, other).await,
    );
}

async fn none_lost(stopping: &Route, other: &Route) -> Outcome {
    let done = Arc::new([AtomicUsize::new(0), AtomicUsize::new(0)]);
    let clients: [InteropClient; 2] = [stopping.client().build(), other.client().build()];
    let end = Instant::now() + BEFORE_STOP + AFTER_STOP;
    let mut callers = JoinSet::new();
    for caller in 0..CALLERS {
        callers.spawn(call_until(end, caller, clients.clone(), done.clone()));
    }
    tokio::time::sleep(BEFORE_STOP).await;
    stopping.client::<InteropClient>().build().stop().await?;
    while let Some(caller) = callers.join_next().await {
        caller??;
    }
    let [there, elsewhere] = [0, 1].map(|server: usize| done[server].load(Ordering::Relaxed));
    ensure(there >= CALLERS, format!("the server answered {there} calls before it stopped"))?;
    ensure(
        elsewhere >= CALLERS,
        format!("the other server answered {elsewhere} calls, so this one didn't stop"),
    )
}

/// Calls the first server until it is gone for sure, then the second one.
async fn call_until(
    end: Instant,
    caller: usize,
    clients: [InteropClient; 2],
    done: Arc<[AtomicUsize; 2]>,
) -> Result<(), BoxError> {
    let mut server = 0;
    for number in 0.. {
        if Instant::now() > end {
            break;
        }
        let text: FastStr = format!("call {number} of {caller}").into();
        match clients[server].sleep(20, text.clone()).await {
            Ok(reply) => {
                expect("the reply", reply, text)?;
                done[server].fetch_add(1, Ordering::Relaxed);
            }
            Err(ClientError::Rpc(error)) if server == 0 && error.retry() == Retry::Always => server = 1,
            Err(error) => return Err(lost(number, caller, error)),
        }
    }
    Ok(())
}

fn lost(number: usize, caller: usize, cause: ClientError) -> BoxError {
    let what = format!("call {number} of caller {caller} is lost");
    volo_core::Error::internal(what).with_source(cause).into()
}
