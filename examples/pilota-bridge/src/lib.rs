//! A service and a client whose types come from pilota-build, on our stack; and the same IDL in types of ours.
#![warn(missing_docs)]

#[allow(
    missing_docs,
    unused_imports,
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    rust_2018_idioms,
    unreachable_pub,
    reason = "pilota's code"
)]
mod from_pilota {
    include!(concat!(env!("OUT_DIR"), "/pilota_gen.rs"));
}

#[allow(missing_docs, reason = "not every item of the IDL has a comment")]
mod from_ours {
    include!(concat!(env!("OUT_DIR"), "/volo_gen.rs"));
}

/// Types from pilota-build.
pub use from_pilota::pilota_gen::item as theirs;

/// Types from our generator.
pub use from_ours::item as ours;

use theirs::{
    Item, ItemServiceForgetArgsRecv, ItemServiceForgetResultSend, ItemServiceGetItemArgsRecv,
    ItemServiceGetItemResultSend, ItemServicePutItemArgsRecv, ItemServicePutItemResultSend, NoSuchItem,
};
use volo_core::{Context, Result};
use volo_thrift::{BizError, Method, Service, pilota::PilotaService};

/// `Item get_item(…)`
pub static GET_ITEM: Method = METHODS[0];
/// `void put_item(…)`
pub static PUT_ITEM: Method = METHODS[1];
/// `oneway void forget(…)`
pub static FORGET: Method = METHODS[2];

static METHODS: [Method; 3] = [
    Method::new("ItemService", "get_item"),
    Method::new("ItemService", "put_item"),
    Method::new("ItemService", "forget").oneway(),
];

/// The service in types from pilota-build: positive numbers are items, negative ones are missing, 0 is a bad order.
///
/// # Errors
/// When a method has no handler.
pub fn service() -> Result<impl Service> {
    PilotaService::new("ItemService", &METHODS)
        .method("get_item", async |args: ItemServiceGetItemArgsRecv| match args.id {
            0 => Err(BizError::new(42, "no item has the number 0"))?,
            id if id < 0 => Ok(ItemServiceGetItemResultSend::Missing(NoSuchItem { id })),
            id => {
                Context::with_current(|context| {
                    context.metainfo_mut().backward.set("language", args.language)
                });
                Ok(ItemServiceGetItemResultSend::Ok(item(id)))
            }
        })
        .method("put_item", async |args: ItemServicePutItemArgsRecv| {
            assert_eq!(args.item, item(args.item.id), "handlers may panic");
            Ok(ItemServicePutItemResultSend::Ok(()))
        })
        .method("forget", async |_: ItemServiceForgetArgsRecv| Ok(ItemServiceForgetResultSend::Ok(())))
        .build()
}

/// The item of this number, which is large if the number is.
pub fn item(id: i64) -> Item {
    let len = usize::try_from(id).unwrap_or(0);
    let title = format!("Item {id} {}", "x".repeat(len));
    let extra = Some([("k".into(), "v".into())].into_iter().collect());
    let part = Item { id, title: "part".into(), ..Item::default() };
    let photo = Some(vec![7; len].into());
    Item { id, title: title.into(), extra, prices: Some(vec![1, -1]), parts: Some(vec![part]), photo }
}
