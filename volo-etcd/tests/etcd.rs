//! Servers and clients that meet in a real etcd, which each test starts for itself.

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{Child, EtcdServer, Replica, client, number, until};
use volo_core::{
    balance::Instance,
    discover::{Registry, announce},
    layers::retry::{RetryConfig, RetryLayer},
};
use volo_etcd::Etcd;
use volo_thrift::health::HealthClient;

/// The shortest time etcd keeps an entry.
const TTL: Duration = Duration::from_secs(2);

/// Calls until each of `expected` has answered lately, and nobody else did.
async fn reaches(client: &HealthClient, expected: &[i32]) {
    let expected: BTreeSet<i32> = expected.iter().copied().collect();
    until(async || {
        let mut seen = BTreeSet::new();
        for _ in 0..40 {
            match number(client).await {
                Ok(number) => seen.insert(number),
                Err(_) => return false,
            };
        }
        seen == expected
    })
    .await;
}

#[tokio::test]
async fn servers_come_and_go() {
    let Some(etcd) = EtcdServer::start() else { return };
    let registry = Etcd::new([etcd.endpoint()]).ttl(TTL);
    let (one, two) = (Replica::start(1).await, Replica::start(2).await);
    let first = registry.register("catalog", &Instance::new(one.address.clone())).await.unwrap();
    let client = client(&registry);
    reaches(&client, &[1]).await;
    let second = registry.register("catalog", &Instance::new(two.address.clone())).await.unwrap();
    let _other = registry.register("catalogue", &"10.0.0.1:1".parse().unwrap()).await.unwrap();
    reaches(&client, &[1, 2]).await;
    first.deregister().await.unwrap();
    reaches(&client, &[2]).await;
    tokio::time::sleep(TTL * 2).await;
    assert_eq!(number(&client).await.unwrap(), 2, "the lease is renewed");
    drop(second);
    until(async || number(&client).await.is_err_and(|error| error.to_string().contains("no instance"))).await;
}

#[tokio::test]
async fn a_killed_server_is_gone_with_its_lease() {
    let Some(etcd) = EtcdServer::start() else { return };
    let registry = Etcd::new([etcd.endpoint()]).ttl(TTL);
    let survivor = Replica::start(1).await;
    let _kept = registry.register("catalog", &Instance::new(survivor.address.clone())).await.unwrap();
    let victim = Child::start(&etcd, 2);
    let client = client(&registry);
    reaches(&client, &[1, 2]).await;
    victim.kill();
    reaches(&client, &[1]).await;
    let mut source = registry.discover("catalog");
    until(async || volo_core::discover::Discover::next(&mut source).await.unwrap().len() == 1).await;
}

/// The process that [`Child`] starts; nothing when run as a test.
#[tokio::test]
async fn child() {
    let Some((endpoint, number)) = support::child_arguments() else { return };
    let replica = Replica::start(number).await;
    let instance = Instance::new(replica.address.clone());
    announce(Etcd::new([endpoint]).ttl(TTL), "catalog", instance, std::future::pending()).await;
}

#[tokio::test]
async fn clients_keep_working_while_etcd_restarts() {
    let Some(mut etcd) = EtcdServer::start() else { return };
    let registry = Etcd::new([etcd.endpoint()]).ttl(TTL);
    let (one, two, three) = (Replica::start(1).await, Replica::start(2).await, Replica::start(3).await);
    let _first = registry.register("catalog", &Instance::new(one.address.clone())).await.unwrap();
    let _second = registry.register("catalog", &Instance::new(two.address.clone())).await.unwrap();
    let client = client(&registry);
    reaches(&client, &[1, 2]).await;

    for with_its_data in [true, false] {
        let calls = tokio::spawn({
            let client = client.clone();
            async move {
                loop {
                    number(&client).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            }
        });
        etcd.kill();
        tokio::time::sleep(TTL * 2).await;
        if !with_its_data {
            etcd.forget();
        }
        etcd.restart();
        // Once a newcomer is seen, the client has read the list anew; those from before must stay beyond their lease.
        let third = registry_of_the_restarted(&registry, &three).await;
        reaches(&client, &[1, 2, 3]).await;
        tokio::time::sleep(TTL * 3).await;
        reaches(&client, &[1, 2, 3]).await;
        third.deregister().await.unwrap();
        reaches(&client, &[1, 2]).await;
        calls.abort();
        assert!(calls.await.unwrap_err().is_cancelled(), "no call failed meanwhile");
    }
}

async fn registry_of_the_restarted(
    registry: &Etcd,
    replica: &Replica,
) -> Box<dyn volo_core::discover::Registration> {
    loop {
        match registry.register("catalog", &Instance::new(replica.address.clone())).await {
            Ok(registered) => return registered,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

#[tokio::test]
async fn a_server_that_shuts_down_loses_no_call() {
    let Some(etcd) = EtcdServer::start() else { return };
    let registry = Etcd::new([etcd.endpoint()]);
    let (one, two) = (Replica::start(1).await, Replica::bind(2).await);
    let _first = registry.register("catalog", &Instance::new(one.address.clone())).await.unwrap();
    let instance = Instance::new(two.local_address().clone());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = {
        let registry = registry.clone();
        let shutdown = async {
            let _ = stopped.await;
        };
        tokio::spawn(async move { two.serve(announce(registry, "catalog", instance, shutdown)).await })
    };
    // Who is too slow to hear of it meets a server that drains, which says that a retry is safe.
    let retry = RetryLayer::new(RetryConfig::default());
    let client: HealthClient = support::builder(&registry).layer_outer(retry).build();
    reaches(&client, &[1, 2]).await;
    drop(stop);
    while !serving.is_finished() {
        number(&client).await.unwrap();
    }
    for _ in 0..20 {
        assert_eq!(number(&client).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn an_etcd_that_is_not_there_fails_the_calls_and_says_so() {
    let client = client(&Etcd::new(["127.0.0.1:1"]));
    let error = number(&client).await.unwrap_err();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    assert!(text.contains("no instance of Health is known") && text.contains("etcd: "), "{text}");
}
