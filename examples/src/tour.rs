//! A client's walk through the shop: every kind of call, what came of it, and how long it took.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use faststr::FastStr;
use tokio::time::{sleep, timeout};
use volo_core::BoxError;
use volo_thrift::{ClientError, ServerError};

use crate::{
    report::Report,
    resources::order_state,
    sample::{Samples, offering_id},
    shop::{Running, Shop},
    tmf::{
        catalog::{LAUNCHED, ProductCatalogServiceClient, ProductOfferingUpdate},
        common::{EntityRef, HubInput, ListQuery, NotFound},
        ordering::{
            CancelProductOrderCreate, OrderEvent, OrderListener, OrderListenerServer, OrderState,
            ProductOrderUpdate, ProductOrderingServiceClient,
            ProductOrderingServiceCreateProductOrderException,
        },
    },
};

const SEED: u64 = 622;
const PAGE_SIZE: i32 = 20;
const PAGES: i32 = 200;
const RETRIEVALS: usize = 2000;
const ORDERS: usize = 400;
const ITEMS_MAX: usize = 3;
const PATCHES: usize = 200;
const CANCELLATIONS: usize = 100;
const EVENTS_TIMEOUT: Duration = Duration::from_secs(5);

/// Calls both services as a customer's program would and prints what happens.
pub async fn walk(shop: &Shop, offerings: usize) -> Result<Report, BoxError> {
    let mut tour = Tour {
        catalog: shop.transports().client("catalog", shop.catalog()),
        ordering: shop.transports().client("ordering", shop.ordering()),
        samples: Samples::new(SEED),
        report: Report::default(),
    };
    let listener = Counter::default();
    let events = listener.0.clone();
    let callback = OrderListenerServer::new(listener);
    let callback = Running::start(callback, &"127.0.0.1:0".parse()?).await?;
    let hub = HubInput { callback: callback.address().to_string().into(), ..Default::default() };
    let hub = tour.report.time("registerListener", tour.ordering.register_listener(hub)).await?;

    let launched = tour.list().await?;
    tour.retrieve(offerings).await?;
    let orders = tour.order(&launched).await?;
    tour.patch(&launched, &orders).await?;
    tour.cancel(&orders).await?;
    tour.order_unknown().await?;

    tour.report.time("unregisterListener", tour.ordering.unregister_listener(hub.id)).await?;
    let all = (ORDERS + PATCHES + CANCELLATIONS) as u64;
    let arrived = async {
        while events.load(Ordering::Relaxed) < all {
            sleep(Duration::from_millis(10)).await;
        }
    };
    // Events are sent behind the replies, and may be lost.
    let _ = timeout(EVENTS_TIMEOUT, arrived).await;
    println!("listener  {} of {all} oneway events received", events.load(Ordering::Relaxed));
    callback.stop().await?;
    Ok(tour.report)
}

struct Tour {
    catalog: ProductCatalogServiceClient,
    ordering: ProductOrderingServiceClient,
    samples: Samples,
    report: Report,
}

impl Tour {
    /// Gives the ids of some offerings that can be ordered.
    async fn list(&mut self) -> Result<Vec<FastStr>, BoxError> {
        let mut ids = Vec::new();
        let mut total = 0;
        for page in 0..PAGES {
            let query = launched(page * PAGE_SIZE, &[]);
            let page =
                self.report.time("listProductOffering", self.catalog.list_product_offering(query)).await?;
            total = page.total_count;
            ids.extend(page.items.into_iter().map(|offering| offering.id));
            if ids.len() as i64 == total {
                break;
            }
        }
        println!("list      {} of {total} launched offerings, in pages of {PAGE_SIZE}", ids.len());
        let query = launched(0, &["name", "price", "currency"]);
        let page = self.catalog.list_product_offering(query).await?;
        for offering in page.items.iter().take(3) {
            let (price, currency) = (offering.price.unwrap_or_default(), offering.currency.clone());
            let name = offering.name.clone().unwrap_or_default();
            println!("            {}  {name}, {price} {}", offering.id, currency.unwrap_or_default());
        }
        Ok(ids)
    }

    async fn retrieve(&mut self, offerings: usize) -> Result<(), BoxError> {
        for _ in 0..RETRIEVALS {
            let id = offering_id(self.samples.index(offerings));
            self.report.time("retrieveProductOffering", self.catalog.retrieve_product_offering(id)).await?;
        }
        println!("retrieve  {RETRIEVALS} offerings by id");
        Ok(())
    }

    async fn order(&mut self, launched: &[FastStr]) -> Result<Vec<FastStr>, BoxError> {
        let mut orders = Vec::with_capacity(ORDERS);
        for number in 0..ORDERS {
            let items = 1 + number % ITEMS_MAX;
            let offerings =
                (0..items).map(|_| launched[self.samples.index(launched.len())].clone()).collect();
            let order = self.samples.order(offerings);
            let order =
                self.report.time("createProductOrder", self.ordering.create_product_order(order)).await?;
            orders.push(order.id);
        }
        println!(
            "order     {ORDERS} orders of one to three items; the ordering service asked the catalogue each time"
        );
        let order = self.ordering.retrieve_product_order(orders[0].clone()).await?;
        let items = order.order_item.unwrap_or_default().len();
        println!("            {} is {} with {items} item", order.id, order_state(order.state));
        Ok(orders)
    }

    async fn patch(&mut self, offerings: &[FastStr], orders: &[FastStr]) -> Result<(), BoxError> {
        for id in offerings.iter().cycle().take(PATCHES) {
            let change = ProductOfferingUpdate { price: Some(9.99), ..Default::default() };
            let patched = self.catalog.patch_product_offering(id.clone(), change);
            self.report.time("patchProductOffering", patched).await?;
        }
        for id in orders.iter().skip(CANCELLATIONS).take(PATCHES) {
            let change = ProductOrderUpdate { state: Some(OrderState::IN_PROGRESS), ..Default::default() };
            self.report
                .time("patchProductOrder", self.ordering.patch_product_order(id.clone(), change))
                .await?;
        }
        println!("patch     a new price for {PATCHES} offerings, {PATCHES} orders in progress");
        Ok(())
    }

    async fn cancel(&mut self, orders: &[FastStr]) -> Result<(), BoxError> {
        for id in &orders[..CANCELLATIONS] {
            let cancelled = self.ordering.create_cancel_product_order(cancellation(id));
            self.report.time("createCancelProductOrder", cancelled).await?;
        }
        println!("cancel    {CANCELLATIONS} orders");
        match self.ordering.create_cancel_product_order(cancellation(&orders[CANCELLATIONS])).await {
            Err(error @ ClientError::Exception(_)) => println!("            one more is refused: {error}"),
            other => return Err(format!("an order in progress was to be refused, but: {other:?}").into()),
        }
        Ok(())
    }

    async fn order_unknown(&mut self) -> Result<(), BoxError> {
        let order = self.samples.order(vec![FastStr::from("no-such-offering")]);
        match self.report.time("createProductOrder", self.ordering.create_product_order(order)).await {
            Err(ClientError::Exception(ProductOrderingServiceCreateProductOrderException::NotFound(
                NotFound { resource, id, .. },
            ))) => println!("order     of an unknown offering is refused: no {resource} {id}"),
            other => return Err(format!("an unknown offering was to be refused, but: {other:?}").into()),
        }
        Ok(())
    }
}

fn launched(offset: i32, fields: &[&'static str]) -> ListQuery {
    ListQuery {
        fields: fields.iter().copied().map(FastStr::from).collect(),
        offset,
        limit: PAGE_SIZE,
        filter: [("lifecycleStatus".into(), vec![LAUNCHED.into()])].into_iter().collect(),
        ..Default::default()
    }
}

fn cancellation(order: &FastStr) -> CancelProductOrderCreate {
    CancelProductOrderCreate {
        cancellation_reason: Some("Duplicate order".into()),
        product_order: EntityRef { id: order.clone(), ..Default::default() },
        ..Default::default()
    }
}

/// Counts the events it is sent.
#[derive(Clone, Default)]
struct Counter(Arc<AtomicU64>);

impl OrderListener for Counter {
    async fn on_order_event(&self, _event: OrderEvent) -> Result<(), ServerError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
