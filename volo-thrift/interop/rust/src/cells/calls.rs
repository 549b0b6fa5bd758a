//! Calls of all shapes, and all ways in which they fail.

use std::time::{Duration, Instant};

use bytes::Bytes;
use volo_thrift::{ApplicationKind, CallOpt, ClientError};

use super::{Kind, Route};
use crate::{
    evolved,
    peer::{InteropClient, InteropRefuseException, Mismatch, Point, Refused},
    report::{Outcome, Report, ensure, expect},
};

pub(super) async fn run(report: &mut Report, route: &Route) {
    let client: InteropClient = route.client().build();
    let mut cell = |case: &str, outcome| report.cell(format!("{route}: {case}"), outcome);
    cell("binary with every byte", reverse(&client, 76_800).await);
    cell("a message of 3 MB", reverse(&client, 3_000_000).await);
    cell("no arguments and no result", nothing(&client).await);
    cell("two arguments", scale(&client).await);
    cell("doubles that are no numbers", odd_doubles(&client).await);
    cell("the first declared exception", first_exception(&client).await);
    cell("the second declared exception", second_exception(&client).await);
    cell("a handler that fails", failure(&client).await);
    cell("oneway", oneway(&client).await);
    cell("unknown method", unknown_method(&route.client().build(), &client).await);
    cell("a call that takes too long", too_long(&client).await);
    cell("20 calls at once", at_once(&client, route.kind == Kind::Mux).await);
}

async fn reverse(client: &InteropClient, length: usize) -> Outcome {
    let bytes: Bytes = (0..length).map(|i| i as u8).collect();
    let reversed: Bytes = bytes.iter().rev().copied().collect();
    ensure(client.reverse(bytes).await? == reversed, "the bytes came back altered")
}

async fn nothing(client: &InteropClient) -> Outcome {
    Ok(client.nothing().await?)
}

async fn scale(client: &InteropClient) -> Outcome {
    expect("1.5 times -3", client.scale(1.5, -3).await?, -4.5)
}

async fn odd_doubles(client: &InteropClient) -> Outcome {
    for value in [f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE / 4.0, f64::MAX] {
        expect("the double", client.scale(value, 1).await?, value)?;
    }
    expect("the sign of -0", client.scale(-0.0, 1).await?.is_sign_negative(), true)?;
    ensure(client.scale(f64::NAN, 1).await?.is_nan(), "NaN came back as a number")
}

async fn first_exception(client: &InteropClient) -> Outcome {
    let wanted = InteropRefuseException::Mismatch(Mismatch { name: "negative".into() });
    match client.refuse(-1).await {
        Err(ClientError::Exception(exception)) => expect("the exception", exception, wanted),
        other => Err(format!("{other:?} instead of Mismatch").into()),
    }
}

async fn second_exception(client: &InteropClient) -> Outcome {
    let wanted = Refused { reason: "refused".into(), code: Some(7), r#where: Some(Point { x: 7, y: -7 }) };
    match client.refuse(7).await {
        Err(ClientError::Exception(InteropRefuseException::Refused(exception))) => {
            expect("the exception", exception, wanted)
        }
        other => Err(format!("{other:?} instead of Refused").into()),
    }
}

/// Apache's C++ gives no type (0), the others say that the handler failed (6).
async fn failure(client: &InteropClient) -> Outcome {
    match client.fail("because".into()).await {
        Err(ClientError::Application(exception)) => {
            let known =
                [ApplicationKind::UNKNOWN, ApplicationKind::INTERNAL_ERROR].contains(&exception.kind());
            ensure(known, format!("{exception}, of another type"))
        }
        other => Err(format!("{other:?} instead of an application exception").into()),
    }?;
    nothing(client).await
}

async fn oneway(client: &InteropClient) -> Outcome {
    let before = client.count().await?;
    client.bump(5).await?;
    // Another connection may be faster than the one with the oneway call.
    let deadline = Instant::now() + Duration::from_secs(2);
    loop {
        let after = client.count().await?;
        if after == before + 5 || Instant::now() > deadline {
            return expect("the count", after, before + 5);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Without a service name, Kitex with several services looks for one with such a method, and misses that (20).
async fn unknown_method(newer: &evolved::InteropClient, client: &InteropClient) -> Outcome {
    match newer.missing().await {
        Err(ClientError::Application(exception)) => {
            let known = [ApplicationKind::UNKNOWN_METHOD, ApplicationKind::UNKNOWN_SERVICE]
                .contains(&exception.kind());
            ensure(known, format!("{exception}, of another type"))
        }
        other => Err(format!("{other:?} instead of an application exception").into()),
    }?;
    nothing(client).await
}

async fn too_long(client: &InteropClient) -> Outcome {
    let hasty =
        client.with_callopt(CallOpt { timeout: Some(Duration::from_millis(50)), ..CallOpt::default() });
    match hasty.sleep(400, "late".into()).await {
        Err(error) if error.is_timeout() => Ok(()),
        other => Err(format!("{other:?} instead of a timeout")),
    }?;
    // The late reply must not be taken for this one.
    expect("the next reply", client.sleep(450, "next".into()).await?, "next")
}

/// Each gets its own reply; the last call is answered first where replies may overtake each other.
async fn at_once(client: &InteropClient, out_of_order: bool) -> Outcome {
    let start = Instant::now();
    let calls: Vec<_> = (0..20)
        .map(|i| {
            let client = client.clone();
            tokio::spawn(async move {
                let text = format!("call {i}");
                expect("the reply", client.sleep(100 - 5 * i, text.clone().into()).await?, text)
            })
        })
        .collect();
    for call in calls {
        call.await??;
    }
    // One after the other on a single connection, they would take a second and more.
    let slow = out_of_order && start.elapsed() > Duration::from_millis(800);
    ensure(!slow, format!("the calls took {:?}: they waited for each other", start.elapsed()))
}
