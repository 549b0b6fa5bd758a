//! Measuring a server under load: what a run is, how it is driven, and what is said of it.
//!
//! ```text
//! plan → load (callers or a pacer) → record (histograms) → figures ─→ judge, compare → table, html, JSON
//! ```
//! A closed loop keeps a number of callers busy: each sends when its last call is done, so a server that stalls is
//! asked less, and what the stall would have cost others doesn't show. An open loop sends at times fixed beforehand
//! and counts each call from the time it was meant to be sent, whether or not the client got to it: this is what
//! users feel ("coordinated omission" corrected).

mod body;
mod chart;
mod compare;
mod environment;
mod figures;
mod html;
mod judge;
mod load;
mod progress;
mod record;
mod table;

use std::time::Duration;

pub(crate) use self::{
    body::Template,
    compare::{Comparison, compare},
    environment::Environment,
    figures::{FORMAT, Load, Metric, Plan, Report, Step, Target},
    html::page,
    judge::{Crossed, Level, Limits, crossed},
    load::{Done, Stop},
    progress::Progress,
    record::Split,
    table::{Paint, print},
};
use self::{load::Spec, record::Measured};

/// Drives all steps of a plan, all of them in each repeat, so that what drifts shows in each step alike.
///
/// `make(n)` prepares a call and gives the future that makes it. When `stop` is pulled, what was measured so far is the
/// result.
pub(crate) async fn measure<M, F>(
    plan: &Plan,
    loads: &[Load],
    stop: &Stop,
    progress: &mut Progress,
    make: M,
) -> Vec<Step>
where
    M: Fn(u64) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Done> + Send + 'static,
{
    let mut measured: Vec<Vec<Measured>> = loads.iter().map(|_| Vec::new()).collect();
    let origin = std::time::Instant::now();
    for repeat in 1..=plan.repeats {
        for (load, measured) in loads.iter().zip(&mut measured) {
            if stop.is_pulled() {
                break;
            }
            progress.begin(load, repeat, plan);
            let spec = Spec {
                warm_up: Duration::from_secs_f64(plan.warm_up_s),
                duration: Duration::from_secs_f64(plan.duration_s),
                origin,
                repeat,
            };
            let run = load::run(load, &spec, stop, make.clone(), |point| progress.show(point)).await;
            if run.calls() > 0 {
                measured.push(run);
            }
        }
    }
    progress.end();
    loads.iter().zip(measured).map(|(load, runs)| Step::of(load.clone(), &runs)).collect()
}

#[cfg(test)]
mod tests;
