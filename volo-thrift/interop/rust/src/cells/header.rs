//! What TTHeader carries beside the payload.

use std::{collections::HashMap, time::Duration};

use faststr::FastStr;
use volo_core::{Address, Body, BoxError, Context, Outcome as Answer};
use volo_thrift::{ApplicationKind, CallOpt, ClientError, Method, protocol::Map};

use super::Route;
use crate::{
    peer::{InteropClient, ProbeClient, Seen},
    probe::RELAY,
    report::{Outcome, Report, ensure, expect},
};

const BUDGET_MS: i64 = 700;

/// The cells of a server that reads TTHeader; `us` is a server of ours, for a relay to call.
pub(super) async fn run(report: &mut Report, route: &Route, us: &Address) {
    let client: ProbeClient = route.client().build();
    let mut cell = |case: &str, outcome| report.cell(format!("{route}: {case}"), outcome);
    cell("two services on one server", two_services(route, &client).await);
    cell("unknown service", unknown_service(route).await);
    cell("the caller's name", caller_name(&client).await);
    cell("persistent metainfo", persistent(&client, None).await);
    cell("persistent metainfo over three hops", persistent(&client, Some(us)).await);
    cell("transient metainfo", transient(&client).await);
    cell("transient metainfo ends after a hop", transient_ends(&client, us).await);
    cell("backward metainfo", backward(&client).await);
    cell("timeout carried", timeout_carried(&client).await);
    cell("business status", business(&client, &[]).await);
    cell("business status with extra", business(&client, &[("key", "välue \"1\""), ("b", "\\n\n")]).await);
}

/// Without a header, a business status arrives as an application exception.
pub(super) async fn degraded(report: &mut Report, route: &Route) {
    let client: ProbeClient = route.client().build();
    let outcome = match client.business(404, "not there".into(), Map::default()).await {
        Err(ClientError::Application(_)) => Ok(()),
        other => Err(format!("{other:?} instead of an application exception").into()),
    };
    report.cell(format!("{route}: business status without a header"), outcome);
    let outcome = client
        .seen()
        .await
        .map_err(BoxError::from)
        .and_then(|seen| expect("method", seen.method_name, "seen"));
    report.cell(format!("{route}: two services on one server"), outcome);
}

async fn two_services(route: &Route, client: &ProbeClient) -> Outcome {
    let seen = client.seen().await?;
    expect("service", seen.service_name, "Probe")?;
    expect("method", seen.method_name, "seen")?;
    let other: InteropClient = route.client().build();
    Ok(other.nothing().await?)
}

async fn caller_name(client: &ProbeClient) -> Outcome {
    expect("the caller", client.seen().await?.caller, "interop-client")
}

/// What `call` gives when it is made while a call with this metainfo is being served, and that call's context.
async fn within<T>(
    set: impl FnOnce(&mut Context),
    call: impl Future<Output = Result<T, ClientError>>,
) -> Result<(Context, T), BoxError> {
    let mut context = Context::new("Outer", "outer");
    set(&mut context);
    let (context, result) = context.scope(call).await;
    Ok((context, result?))
}

fn set_both(context: &mut Context) {
    context.metainfo_mut().persistent.set("TENANT", "blue");
    context.metainfo_mut().persistent.set("REGION", "nörth");
    context.metainfo_mut().transient.set("STEP", "one");
}

fn map<const N: usize>(pairs: [(&str, &str); N]) -> HashMap<FastStr, FastStr> {
    pairs.into_iter().map(|(key, value)| (FastStr::new(key), FastStr::new(value))).collect()
}

fn plain(map: Map<FastStr, FastStr>) -> HashMap<FastStr, FastStr> {
    map.into_iter().collect()
}

async fn persistent(client: &ProbeClient, relay_to: Option<&Address>) -> Outcome {
    let seen = match relay_to {
        Some(address) => within(set_both, client.relay(address.to_string().into())).await?.1,
        None => within(set_both, client.seen()).await?.1,
    };
    expect("persistent", plain(seen.persistent), map([("TENANT", "blue"), ("REGION", "nörth")]))
}

async fn transient(client: &ProbeClient) -> Outcome {
    let (_, seen) = within(set_both, client.seen()).await?;
    expect("what came as transient", plain(seen.upstream), map([("STEP", "one")]))
}

async fn transient_ends(client: &ProbeClient, us: &Address) -> Outcome {
    let (_, seen) = within(set_both, client.relay(us.to_string().into())).await?;
    let Seen { upstream, .. } = seen;
    ensure(upstream.contains_key(RELAY), "the relay sent no transient value of its own")?;
    ensure(!upstream.contains_key("STEP"), "the relay sent on what was for it only")
}

async fn backward(client: &ProbeClient) -> Outcome {
    let pairs: Map<FastStr, FastStr> = map([("COST", "12"), ("NOTE", "grün")]).into_iter().collect();
    let (context, ()) = within(|_| {}, client.backward(pairs)).await?;
    let downstream = context.metainfo().map(|metainfo| metainfo.downstream.clone()).unwrap_or_default();
    for (key, value) in [("COST", "12"), ("NOTE", "grün")] {
        expect(key, downstream.get(key).map(FastStr::as_str), Some(value))?;
    }
    Ok(())
}

async fn timeout_carried(client: &ProbeClient) -> Outcome {
    let timeout = Some(Duration::from_millis(BUDGET_MS as u64));
    let seen = client.with_callopt(CallOpt { timeout, ..CallOpt::default() }).seen().await?;
    ensure((1..=BUDGET_MS).contains(&seen.left_ms), format!("{} ms are left of {BUDGET_MS}", seen.left_ms))
}

async fn business(client: &ProbeClient, extra: &[(&'static str, &'static str)]) -> Outcome {
    let extra: Map<FastStr, FastStr> =
        extra.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    match client.business(404, "nöt there".into(), extra.clone()).await {
        Err(ClientError::Biz(biz)) => {
            expect("code", biz.status_code, 404)?;
            expect("message", biz.status_message, "nöt there")?;
            expect("extra", biz.extra.into_iter().collect::<Map<_, _>>(), extra)
        }
        other => Err(format!("{other:?} instead of a business status").into()),
    }
}

async fn unknown_service(route: &Route) -> Outcome {
    static NOWHERE: Method = Method::new("Nowhere", "nowhere");
    let client: volo_thrift::Client = route.client::<Bare>().build().0;
    let args = volo_thrift::protocol::Typed(crate::peer::InteropNothingArgs {});
    let response = client.execute(&NOWHERE, Body::Typed(std::sync::Arc::new(args))).await?;
    expect("the outcome", response.outcome(), Answer::Failed(ApplicationKind::UNKNOWN_SERVICE.0))
}

/// A client without generated methods.
struct Bare(volo_thrift::Client);

impl From<volo_thrift::Client> for Bare {
    fn from(client: volo_thrift::Client) -> Self {
        Bare(client)
    }
}

impl volo_thrift::client::ServiceClient for Bare {
    const SERVICE: &'static str = "Nowhere";
}
