//! Volo's server and clients.

use faststr::FastStr;
use peer_harness::{
    order_of,
    rpc::{
        self, Endpoint, Load, Mode, ORDER_ID, ORDER_ITEMS, Outcome, SLEEP, SLEEPY_LEN, SLEEPY_SEQUENCE,
        TIMEOUT, Work, check_echo, drive, sequence,
    },
};
use volo::net::Address;
use volo_thrift::{
    ServerError,
    codec::default::{
        DefaultMakeCodec, framed::MakeFramedCodec, thrift::MakeThriftCodec, ttheader::MakeTTHeaderCodec,
    },
};

use crate::{
    codec::from_bytes,
    generated::volo_gen::{
        bench::{BenchService, BenchServiceClient, BenchServiceClientBuilder, BenchServiceServer},
        echo::{EchoReply, EchoRequest},
        tmf::{
            catalog::{ProductOffering, ProductOfferingPage},
            ordering::{OrderState, ProductOrder, ProductOrderCreate},
        },
    },
};

/// Room for a text of 16 MiB with all that is around it.
const FRAME_MAX: i32 = 32 << 20;

type Codec = DefaultMakeCodec<MakeTTHeaderCodec<MakeFramedCodec<MakeThriftCodec>>>;

/// Samples that our generator made, in Binary.
#[derive(Clone, Copy)]
pub struct Samples {
    /// A page of this many offerings.
    pub page_of: fn(usize) -> bytes::Bytes,
    /// What an order of this many items is made from.
    pub order_create: fn(usize) -> bytes::Bytes,
}

/// Serves until the process ends.
///
/// # Errors
/// When it can't listen.
pub async fn serve(mode: Mode, endpoint: &Endpoint, samples: Samples) -> Result<(), String> {
    let page: ProductOfferingPage = from_bytes(&(samples.page_of)(rpc::LIST_MAX));
    let handler = Handler { offerings: page.items.unwrap_or_default() };
    let server = BenchServiceServer::new(handler).make_codec(codec());
    let server = server.multiplex(mode == Mode::Mux);
    server.run(address(endpoint)?).await.map_err(|error| error.to_string())
}

/// Runs a load.
///
/// # Errors
/// When a call fails or has a wrong reply.
pub async fn load(mode: Mode, endpoint: &Endpoint, load: &Load, samples: Samples) -> Result<Outcome, String> {
    let builder = BenchServiceClientBuilder::new("bench").make_codec(codec()).address(address(endpoint)?);
    let builder = builder.rpc_timeout(Some(TIMEOUT)).connect_timeout(Some(TIMEOUT));
    let client = builder.multiplex(mode == Mode::Mux).build();
    match load.work {
        Work::Echo(len) => echo(client, load, len).await,
        Work::Sleepy => echo(client, load, SLEEPY_LEN).await,
        Work::CreateOrder => {
            let order: ProductOrderCreate = from_bytes(&(samples.order_create)(ORDER_ITEMS));
            let call = move |_| {
                let (client, order) = (client.clone(), order.clone());
                async move {
                    let reply = client.create_order(order).await.map_err(|error| error.to_string())?;
                    let items = reply.product_order_item.map_or(0, |items| items.len());
                    if (reply.id.as_deref(), items) != (Some(ORDER_ID), ORDER_ITEMS) {
                        return Err(format!("wrong reply: {items} items in {:?}", reply.id));
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
                    let found = page.items.map_or(0, |items| items.len());
                    if found != count {
                        return Err(format!("wrong reply: {found} offerings"));
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

fn codec() -> Codec {
    let framed = MakeFramedCodec::new(MakeThriftCodec::new()).with_max_frame_size(FRAME_MAX);
    DefaultMakeCodec::new(MakeTTHeaderCodec::new(framed))
}

fn address(endpoint: &Endpoint) -> Result<Address, String> {
    match endpoint {
        Endpoint::Tcp(address) => Ok(Address::from(*address)),
        Endpoint::Unix(path) => {
            let address = std::os::unix::net::SocketAddr::from_pathname(path);
            address.map(Address::from).map_err(|error| error.to_string())
        }
    }
}

struct Handler {
    offerings: Vec<ProductOffering>,
}

impl BenchService for Handler {
    async fn echo(&self, request: EchoRequest) -> Result<EchoReply, ServerError> {
        if request.sequence == Some(SLEEPY_SEQUENCE) {
            tokio::time::sleep(SLEEP).await;
        }
        Ok(EchoReply { message: request.message, sequence: request.sequence })
    }

    async fn create_order(&self, order: ProductOrderCreate) -> Result<ProductOrder, ServerError> {
        let id = Some(FastStr::from_static_str(ORDER_ID));
        Ok(order_of!(ProductOrder, order, id, Some(OrderState::ACKNOWLEDGED)))
    }

    async fn list_offerings(&self, count: i32) -> Result<ProductOfferingPage, ServerError> {
        let items: Vec<_> = self.offerings.iter().take(count.max(0) as usize).cloned().collect();
        let total_count = Some(self.offerings.len() as i64);
        Ok(ProductOfferingPage { total_count, result_count: Some(count), items: Some(items) })
    }
}
