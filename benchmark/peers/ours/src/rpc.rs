//! Our server and clients.

use std::future;

use faststr::FastStr;
use peer_harness::{
    order_of,
    rpc::{
        self, Endpoint, Load, Mode, ORDER_ID, ORDER_ITEMS, Outcome, SLEEP, SLEEPY_LEN, SLEEPY_SEQUENCE,
        TIMEOUT, Work, check_echo, drive, sequence,
    },
};
use volo_core::Address;
use volo_thrift::{Limits, ServerError};

use crate::{
    codec::from_bytes,
    generated::{
        bench::{BenchService, BenchServiceClient, BenchServiceClientBuilder, BenchServiceServer},
        echo::{EchoReply, EchoRequest},
        tmf::{
            catalog::{ProductOffering, ProductOfferingPage},
            ordering::{OrderState, ProductOrder, ProductOrderCreate},
        },
    },
    samples,
};

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve(endpoint: &Endpoint) -> Result<(), String> {
    serve_at(address(endpoint)).await
}

/// Serves at any address until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve_at(address: Address) -> Result<(), String> {
    let server = BenchServiceServer::new(Handler::new()).limits(limits());
    let run = server.run_with_shutdown(address, future::pending());
    run.await.map_err(|error| error.to_string())
}

/// Runs a load.
///
/// # Errors
/// When a call fails or has a wrong reply.
pub async fn load(mode: Mode, endpoint: &Endpoint, load: &Load) -> Result<Outcome, String> {
    load_at(mode, address(endpoint), load).await
}

/// Runs a load against the server at any address.
///
/// # Errors
/// When a call fails or has a wrong reply.
pub async fn load_at(mode: Mode, address: Address, load: &Load) -> Result<Outcome, String> {
    let builder = BenchServiceClientBuilder::new("bench").address(address);
    let builder = builder.rpc_timeout(TIMEOUT).limits(limits());
    let builder = match mode {
        Mode::PingPong => builder.pingpong(),
        Mode::Mux => builder.mux(1),
        Mode::Auto => builder,
    };
    // The callee is told of a timeout that was set, which would make every header longer; at a fixed rate there is no
    // first call to repeat where the default is too short for a busy machine.
    let builder = if load.rate.is_some() { builder.connect_timeout(TIMEOUT) } else { builder };
    let client = builder.build();
    let work = load.work;
    match work {
        Work::Echo(len) => echo(client, load, len).await,
        Work::Sleepy => echo(client, load, SLEEPY_LEN).await,
        Work::CreateOrder => {
            let order: ProductOrderCreate = from_bytes(&samples::order_create(ORDER_ITEMS));
            let call = move |_| {
                let (client, order) = (client.clone(), order.clone());
                async move {
                    let reply = client.create_order(order).await.map_err(|error| error.to_string())?;
                    let items = reply.product_order_item.map_or(0, |items| items.len());
                    if (&*reply.id, items) != (ORDER_ID, ORDER_ITEMS) {
                        return Err(format!("wrong reply: {items} items in {}", reply.id));
                    }
                    Ok(())
                }
            };
            drive(load, call).await
        }
        Work::List(count) => {
            let call = move |_| {
                let client = client.clone();
                async move {
                    let page =
                        client.list_offerings(count as i32).await.map_err(|error| error.to_string())?;
                    if page.items.len() != count {
                        return Err(format!("wrong reply: {} offerings", page.items.len()));
                    }
                    Ok(())
                }
            };
            drive(load, call).await
        }
    }
}

async fn echo(client: BenchServiceClient, load: &Load, len: usize) -> Result<Outcome, String> {
    let (work, message) = (load.work, FastStr::from(rpc::text(len)));
    let call = move |number| {
        let sequence = sequence(work, number);
        let (client, message) = (client.clone(), message.clone());
        async move {
            let request = EchoRequest { message, sequence: Some(sequence) };
            let reply = client.echo(request).await.map_err(|error| error.to_string())?;
            check_echo((len, sequence), (reply.message.len(), reply.sequence))
        }
    };
    drive(load, call).await
}

/// Room for a text of 16 MiB with all that is around it.
fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.message_max = 32 << 20;
    limits
}

fn address(endpoint: &Endpoint) -> Address {
    match endpoint {
        Endpoint::Tcp(address) => Address::Tcp(*address),
        Endpoint::Unix(path) => Address::Unix(path.clone()),
    }
}

struct Handler {
    offerings: Vec<ProductOffering>,
}

impl Handler {
    fn new() -> Self {
        let page: ProductOfferingPage = from_bytes(&samples::page_of(rpc::LIST_MAX));
        Handler { offerings: page.items }
    }
}

impl BenchService for Handler {
    async fn echo(&self, request: EchoRequest) -> Result<EchoReply, ServerError> {
        if request.sequence == Some(SLEEPY_SEQUENCE) {
            tokio::time::sleep(SLEEP).await;
        }
        Ok(EchoReply { message: request.message, sequence: request.sequence })
    }

    async fn create_order(&self, order: ProductOrderCreate) -> Result<ProductOrder, ServerError> {
        let id = FastStr::from_static_str(ORDER_ID);
        Ok(order_of!(ProductOrder, order, id, OrderState::ACKNOWLEDGED))
    }

    async fn list_offerings(&self, count: i32) -> Result<ProductOfferingPage, ServerError> {
        let items: Vec<_> = self.offerings.iter().take(count.max(0) as usize).cloned().collect();
        Ok(ProductOfferingPage { total_count: self.offerings.len() as i64, result_count: count, items })
    }
}
