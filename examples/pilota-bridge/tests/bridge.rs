//! Types from pilota-build and types of ours talk to each other, both ways and over every framing.

use bytes::{BufMut, Bytes, BytesMut};
use pilota_bridge::{
    FORGET, GET_ITEM, PUT_ITEM, item,
    ours::{
        self, ItemService, ItemServiceClient, ItemServiceClientBuilder, ItemServiceGetItemException,
        ItemServiceServer,
    },
    service,
    theirs::{
        self, ItemServiceForgetArgsSend, ItemServiceGetItemArgsSend, ItemServiceGetItemResultRecv,
        ItemServicePutItemArgsSend, ItemServicePutItemResultRecv,
    },
};
use volo_core::{Address, Body, Context, Decode, DecodeLimits, Outcome, Raw};
use volo_thrift::{
    BizError, Client, ClientBuilder, ClientError, Limits, Server, ServerError,
    client::ServiceClient,
    pilota::{self, Pilota, PilotaService},
    protocol::{BINARY, Protocol},
    server::BoundServer,
};

struct Plain(Client);

impl From<Client> for Plain {
    fn from(client: Client) -> Self {
        Plain(client)
    }
}

impl ServiceClient for Plain {
    const SERVICE: &'static str = "ItemService";
}

/// The same service in types of ours.
struct Items;

impl ItemService for Items {
    async fn get_item(
        &self,
        id: i64,
        language: faststr::FastStr,
    ) -> Result<ours::Item, ServerError<ItemServiceGetItemException>> {
        if id == 0 {
            return Err(ServerError::Biz(BizError::new(42, "no item has the number 0")));
        }
        if id < 0 {
            return Err(ours::NoSuchItem { id }.into());
        }
        Context::with_current(|context| context.metainfo_mut().backward.set("language", language));
        Ok(our_item(id))
    }

    async fn put_item(&self, item: ours::Item) -> Result<(), ServerError> {
        assert_eq!(item, our_item(item.id), "handlers may panic");
        Ok(())
    }

    async fn forget(&self, _id: i64) -> Result<(), ServerError> {
        Ok(())
    }
}

fn our_item(id: i64) -> ours::Item {
    let theirs::Item { id, title, photo, .. } = item(id);
    let part = ours::Item { id, title: "part".into(), ..ours::Item::default() };
    ours::Item {
        id,
        title,
        extra: Some([("k".into(), "v".into())].into_iter().collect()),
        prices: Some(vec![1, -1]),
        parts: Some(vec![part]),
        photo,
    }
}

type Setting = fn(ClientBuilder<Plain>) -> ClientBuilder<Plain>;

const SETTINGS: [Setting; 5] = [
    |builder| builder,
    |builder| builder.framed(),
    |builder| builder.buffered(),
    |builder| builder.mux(1),
    |builder| builder.ttheader_framed().checksums(),
];

/// Serves in the background; a client of each setting.
async fn clients(server: Server) -> (Address, Vec<Client>) {
    let server: BoundServer = server.bind("127.0.0.1:0").await.unwrap();
    let address = server.local_address().clone();
    tokio::spawn(server.serve(std::future::pending()));
    let client = |setting: Setting| {
        let builder = ClientBuilder::new("item").address(address.clone());
        setting(builder.connect_timeout(std::time::Duration::from_secs(5))).build().0
    };
    let clients = SETTINGS.map(client).into();
    (address, clients)
}

#[tokio::test]
async fn a_client_of_theirs_reaches_services_of_both_kinds() {
    for server in [Server::new().add_service(service().unwrap()), ItemServiceServer::new(Items)] {
        for client in clients(server).await.1 {
            let get = |id| ItemServiceGetItemArgsSend { id, language: "de".into() };
            for id in [1, 100_000] {
                let found: ItemServiceGetItemResultRecv =
                    pilota::call(&client, &GET_ITEM, get(id)).await.unwrap();
                assert_eq!(found, ItemServiceGetItemResultRecv::Ok(item(id)));
            }
            let missing: ItemServiceGetItemResultRecv =
                pilota::call(&client, &GET_ITEM, get(-5)).await.unwrap();
            assert_eq!(missing, ItemServiceGetItemResultRecv::Missing(theirs::NoSuchItem { id: -5 }));
            let biz = pilota::call::<_, ItemServiceGetItemResultRecv>(&client, &GET_ITEM, get(0)).await;
            assert!(matches!(biz, Err(ClientError::Biz(_) | ClientError::Application(_))), "{biz:?}");
            let put = |item| pilota::call(&client, &PUT_ITEM, ItemServicePutItemArgsSend { item });
            let done: Result<ItemServicePutItemResultRecv, _> = put(item(3)).await;
            assert_eq!(done.unwrap(), ItemServicePutItemResultRecv::Ok(()));
            let broken = put(theirs::Item::default()).await.unwrap_err();
            assert!(matches!(&broken, ClientError::Application(e) if e.kind().0 == 6), "{broken:?}");
            pilota::send(&client, &FORGET, ItemServiceForgetArgsSend { id: 1 }).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_client_of_ours_reaches_a_service_of_theirs() {
    let (_, clients) = clients(Server::new().add_service(service().unwrap())).await;
    for client in clients {
        let client = ItemServiceClient::from(client);
        for id in [1, 100_000] {
            assert_eq!(client.get_item(id, "de".into()).await.unwrap(), our_item(id));
        }
        let missing = client.get_item(-5, "de".into()).await.unwrap_err();
        let ClientError::Exception(ItemServiceGetItemException::Missing(missing)) = missing else {
            panic!("{missing:?}")
        };
        assert_eq!(missing.id, -5);
        client.put_item(our_item(3)).await.unwrap();
        client.forget(1).await.unwrap();
    }
}

#[tokio::test]
async fn layers_see_the_outcome_and_handlers_their_context() {
    let (_, clients) = clients(Server::new().add_service(service().unwrap())).await;
    for (id, outcome) in [(1, Outcome::Success), (-1, Outcome::Declared(1)), (0, Outcome::Business(42))] {
        let args = Pilota(ItemServiceGetItemArgsSend { id, language: "de".into() });
        let response = clients[0].execute(&GET_ITEM, Body::Typed(std::sync::Arc::new(args))).await.unwrap();
        assert_eq!(response.outcome(), outcome);
        let language = response.context.metainfo().and_then(|metainfo| metainfo.downstream.get("language"));
        assert_eq!(language.map(|language| language.as_str()), (id > 0).then_some("de"));
    }
}

#[tokio::test]
async fn compact_is_refused_with_a_word() {
    let (address, _) = clients(Server::new().add_service(service().unwrap())).await;
    let ours =
        ItemServiceClientBuilder::new("item").address(address.clone()).protocol(Protocol::Compact).build();
    let refused = ours.get_item(1, "de".into()).await.unwrap_err();
    assert!(refused.to_string().contains("received in Binary only"), "{refused}");
    let Plain(theirs) = ClientBuilder::new("item").address(address).protocol(Protocol::Compact).build();
    let refused = pilota::send(&theirs, &FORGET, ItemServiceForgetArgsSend { id: 1 }).await.unwrap_err();
    assert!(refused.to_string().contains("sent in Binary only"), "{refused}");
}

#[test]
fn a_service_must_have_all_its_handlers() {
    static METHODS: [volo_thrift::Method; 1] = [volo_thrift::Method::new("ItemService", "forget")];
    let without = PilotaService::new("ItemService", &METHODS).build().err().unwrap();
    assert_eq!(without.to_string(), "method `forget` of service `ItemService` has no handler");
    let forget = async |_: theirs::ItemServiceForgetArgsRecv| Ok(theirs::ItemServiceForgetResultSend::Ok(()));
    let service = PilotaService::new("ItemService", &METHODS).method("forget", forget);
    let unknown = service.method("forgot", forget).build().err().unwrap();
    assert_eq!(unknown.to_string(), "service `ItemService` has no method `forgot`");
}

type Args = Pilota<theirs::ItemServicePutItemArgsRecv>;

fn decode(bytes: impl Into<Bytes>) -> volo_core::Result<Args> {
    let limits = DecodeLimits { depth_max: 64, memory_max: Limits::default().decode().memory_max };
    Args::decode_from(&Raw { format: BINARY, bytes: bytes.into(), limits })
}

/// Arguments of `put_item` whose item has these further fields.
fn args(fields: &[u8]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    bytes.put_slice(b"\x0c\0\x01\x0a\0\x01\0\0\0\0\0\0\0\x07\x0b\0\x02\0\0\0\x01t");
    bytes.put_slice(fields);
    bytes.put_slice(&[0, 0]);
    bytes.to_vec()
}

#[test]
fn lies_are_refused_before_they_are_believed() {
    assert!(decode(args(b"")).is_ok());
    let deep = b"\x0f\0\x05\x0c\0\0\0\x01\x0a\0\x01\0\0\0\0\0\0\0\x07\x0b\0\x02\0\0\0\0".repeat(100_000);
    let many = [&b"\x0f\0\x05\x0c\0\x80\0\0"[..], &vec![0; 1 << 23]].concat();
    for (fields, text) in [
        (&b"\x0b\0\x02\xff\xff\xff\xff"[..], "negative or larger"),
        (b"\x0b\0\x02\x7f\xff\xff\xff", "negative or larger"),
        (b"\x0b\0\x02\0\0\0\x02\xff\xfe", "not UTF-8"),
        (b"\x0b\0\x06\x7f\xff\xff\xff", "negative or larger"),
        (b"\x0f\0\x04\x0a\x7f\xff\xff\xff", "negative or larger"),
        (b"\x0f\0\x04\x0a\xff\xff\xff\xff", "negative or larger"),
        (b"\x0d\0\x03\x0b\x0b\x7f\xff\xff\xff", "negative or larger"),
        (b"\x0f\0\x63\x0a\x7f\xff\xff\xff", "negative or larger"),
        (b"\x0b\0\x63\xff\xff\xff\xff", "negative or larger"),
        (b"\x0f\0\x04\x01\0\0\0\x01", "unknown type"),
        (&deep, "nested beyond the limit"),
        (&b"\x0c\0\x63".repeat(100_000), "nested beyond the limit"),
        (&many, "decode budget"),
    ] {
        let error = decode(args(fields)).unwrap_err();
        assert!(error.is_protocol() && error.to_string().contains(text), "{text}: {error}");
    }
}

#[test]
fn mutated_bytes_never_harm() {
    let mut random = 1_u64;
    let mut below = |end: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % end
    };
    let extra = b"\x0d\0\x03\x0b\x0b\0\0\0\x01\0\0\0\x01k\0\0\0\x01v";
    let list = b"\x0f\0\x04\x0a\0\0\0\x01\0\0\0\0\0\0\0\x09";
    let part = b"\x0f\0\x05\x0c\0\0\0\x01\x0a\0\x01\0\0\0\0\0\0\0\x07\x0b\0\x02\0\0\0\x01p\0";
    let original = args(&[&extra[..], list, part].concat());
    assert!(decode(original.clone()).is_ok());
    let mut refused = 0;
    for _ in 0..50_000 {
        let mut bytes = original.clone();
        for _ in 0..=below(3) {
            let at = below(bytes.len());
            bytes[at] = below(256) as u8;
        }
        bytes.truncate(bytes.len() - below(4) * below(20));
        refused += usize::from(decode(bytes).is_err());
    }
    assert!(refused > 10_000, "{refused}");
}
