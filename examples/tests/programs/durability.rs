//! An order that was acknowledged survives the sudden death of the process.

use std::time::Duration;

use examples::{
    sample::{Samples, offering_id},
    shop::patient_client,
    tmf::ordering::ProductOrderingServiceClient,
};
use faststr::FastStr;
use tokio::{sync::mpsc, time::timeout};

use crate::served::Served;

const OFFERINGS: usize = 20;
const CUSTOMERS: u64 = 4;
const ORDERS_BEFORE_DEATH: usize = 25;

fn client(shop: &Served) -> ProductOrderingServiceClient {
    patient_client("ordering", &shop.ordering)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_order_survives_kill_9() {
    let data = tempfile::tempdir().unwrap();
    let mut shop = Served::start(data.path(), OFFERINGS);
    let (acknowledged, mut orders) = mpsc::unbounded_channel();
    for seed in 0..CUSTOMERS {
        let (client, acknowledged) = (client(&shop), acknowledged.clone());
        tokio::spawn(async move {
            let mut samples = Samples::new(seed);
            // The first offering can always be ordered. The loop ends when the process dies.
            while let Ok(order) = client.create_product_order(samples.order(vec![offering_id(0)])).await {
                if acknowledged.send((order.id, order.external_id)).is_err() {
                    return;
                }
            }
        });
    }
    drop(acknowledged);

    let mut known: Vec<(FastStr, Option<FastStr>)> = Vec::new();
    while known.len() < ORDERS_BEFORE_DEATH {
        known.push(timeout(Duration::from_secs(60), orders.recv()).await.unwrap().expect("orders go on"));
    }
    shop.kill();
    while let Some(order) = orders.recv().await {
        known.push(order);
    }

    let shop = Served::start(data.path(), OFFERINGS);
    let client = client(&shop);
    for (id, external_id) in &known {
        let order = client.retrieve_product_order(id.clone()).await.unwrap();
        assert_eq!(order.external_id, *external_id, "{id}");
        assert_eq!(order.order_item.map(|items| items.len()), Some(1), "{id}");
    }
    let next = client.create_product_order(Samples::new(9).order(vec![offering_id(0)])).await.unwrap();
    assert!(known.iter().all(|(id, _)| *id != next.id), "a new order has an id of its own");
}
