//! Clients of several servers, found by discovery; the servers' only service is the built-in one for health.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, task::JoinHandle};
use tower::util::MapRequestLayer;
use volo_core::{
    Address, Request,
    balance::{Balancer, HashKey, Instance, LoadBalance, stable_hash},
    discover::{Feed, StaticDiscover},
};
use volo_thrift::{
    CallOpt, Server,
    health::{Health, HealthCheckRequest, HealthClient, HealthClientBuilder, ServingStatus},
};

/// A server that answers with its own number if it is asked for the service `number`.
struct Replica {
    address: Address,
    calls: Arc<AtomicUsize>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Replica {
    async fn start(number: i32, address: &str) -> Replica {
        let (health, calls) = (Health::new(), Arc::new(AtomicUsize::new(0)));
        health.set("number", ServingStatus::from(number));
        let count = {
            let calls = calls.clone();
            MapRequestLayer::new(move |request: Request| {
                calls.fetch_add(1, Ordering::Relaxed);
                request
            })
        };
        let bound = Server::new().add_service(health.service()).layer(count).bind(address).await.unwrap();
        let (address, (stop, stopped)) = (bound.local_address().clone(), oneshot::channel());
        let task = tokio::spawn(bound.serve(async {
            let _ = stopped.await;
        }));
        Replica { address, calls, stop, task }
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

async fn replicas(count: i32) -> Vec<Replica> {
    let mut replicas = Vec::new();
    for number in 0..count {
        replicas.push(Replica::start(number, "127.0.0.1:0").await);
    }
    replicas
}

fn addresses(replicas: &[Replica]) -> Vec<Instance> {
    replicas.iter().map(|replica| Instance::new(replica.address.clone())).collect()
}

fn builder() -> HealthClientBuilder {
    HealthClientBuilder::new("health")
        .connect_timeout(Duration::from_secs(5))
        .rpc_timeout(Duration::from_secs(20))
}

async fn number(client: &HealthClient) -> Result<i32, volo_thrift::ClientError> {
    let request = HealthCheckRequest { service: Some("number".into()) };
    Ok(client.health_check(request).await?.status.number())
}

#[tokio::test]
async fn calls_are_spread_in_every_mode() {
    let replicas = replicas(3).await;
    let modes: [fn(HealthClientBuilder) -> HealthClientBuilder; 4] =
        [|it| it, |it| it.pingpong(), |it| it.mux(2), |it| it.framed()];
    for mode in modes {
        let source = StaticDiscover::new(addresses(&replicas));
        let client: HealthClient =
            mode(builder().discover(source).load_balance(LoadBalance::round_robin())).build();
        let mut counts = [0; 3];
        for _ in 0..30 {
            counts[number(&client).await.unwrap() as usize] += 1;
        }
        assert_eq!(counts, [10; 3]);
        let options = CallOpt { address: Some(replicas[1].address.clone()), ..CallOpt::default() };
        assert_eq!(number(&client.with_callopt(options)).await.unwrap(), 1, "a call may choose for itself");
    }
}

#[tokio::test]
async fn who_stops_is_left_out_and_who_starts_is_used() {
    let mut replicas = replicas(3).await;
    let balancer = Balancer::new(LoadBalance::default());
    balancer.update(addresses(&replicas));
    let client: HealthClient = builder().balancer(balancer.clone()).build();
    for _ in 0..30 {
        number(&client).await.unwrap();
    }
    replicas.pop().unwrap().stop().await;
    for _ in 0..200 {
        number(&client).await.unwrap(); // attempts at the third one fail and are repeated elsewhere
    }
    assert_eq!(balancer.snapshot().endpoints().iter().filter(|it| it.is_ejected()).count(), 1);

    replicas.push(Replica::start(7, "127.0.0.1:0").await);
    balancer.update(addresses(&replicas));
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3 {
        seen.insert(number(&client).await.unwrap());
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 7]);
}

#[tokio::test]
async fn a_key_sticks_to_its_server() {
    let replicas = replicas(3).await;
    let source = StaticDiscover::new(addresses(&replicas));
    let key = HashKey::new(|request| Some(stable_hash(request.context.method.as_bytes())));
    let client: HealthClient =
        builder().discover(source).load_balance(LoadBalance::consistent_hash(key)).build();
    let home = number(&client).await.unwrap();
    for _ in 0..20 {
        assert_eq!(number(&client).await.unwrap(), home);
    }
}

#[tokio::test]
async fn new_instances_are_called_once_to_warm_them_up() {
    let replicas = replicas(2).await;
    let mut list = addresses(&replicas);
    list.push("127.0.0.1:1".parse().unwrap()); // nobody listens; that must not disturb the others
    let client: HealthClient = builder().discover(StaticDiscover::new(list)).warm_up().build();
    let mut answered = 0;
    for _ in 0..20 {
        answered += usize::from(number(&client).await.is_ok());
    }
    let calls: Vec<_> = replicas.iter().map(|replica| replica.calls.load(Ordering::Relaxed)).collect();
    assert_eq!(calls.iter().sum::<usize>(), answered + 2, "{calls:?}");
    assert!(calls.iter().all(|calls| *calls > 0));
}

#[cfg(unix)]
#[tokio::test]
async fn the_neighbour_is_preferred() {
    let directory = std::env::temp_dir().join(format!("volo-balance-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    let near = Replica::start(5, &format!("unix://{}/near.sock", directory.display())).await;
    let mut list = addresses(std::slice::from_ref(&near));
    list.push("10.255.255.1:9".parse().unwrap());
    let load_balance = LoadBalance::default().same_host_first(100);
    let source = Feed::new(StaticDiscover::new(list));
    let client: HealthClient = builder().balancer(Balancer::discovering(load_balance, source)).build();
    for _ in 0..50 {
        assert_eq!(number(&client).await.unwrap(), 5);
    }
    near.stop().await;
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_server_says_how_it_is() {
    let health = Health::new();
    let bound = Server::new().add_service(health.service()).bind("127.0.0.1:0").await.unwrap();
    let client: HealthClient = builder().address(bound.local_address().clone()).build();
    tokio::spawn(bound.serve(std::future::pending()));
    let ask = async |service: Option<&'static str>| {
        let request = HealthCheckRequest { service: service.map(Into::into) };
        client.health_check(request).await.unwrap().status
    };
    assert_eq!(ask(None).await, ServingStatus::SERVING);
    assert_eq!(ask(Some("Catalog")).await, ServingStatus::SERVICE_UNKNOWN);
    health.set("Catalog", ServingStatus::NOT_SERVING);
    assert_eq!(ask(Some("Catalog")).await, ServingStatus::NOT_SERVING);
    health.set("", ServingStatus::NOT_SERVING);
    assert_eq!(ask(Some("")).await, ServingStatus::NOT_SERVING);
}
