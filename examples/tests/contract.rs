//! What the consumers of both services rely on: the golden payloads of their contract, and how wrong requests fail.

use examples::{
    resources::order_state,
    shop::{Data, Shop, patient_client},
    tmf::{
        catalog::{
            ProductCatalogServiceClient, ProductCatalogServiceListProductOfferingException as ListException,
            ProductOffering,
        },
        common::{ApiError, EntityRef, ListQuery},
        ordering::{
            OrderItemAction, ProductOrder, ProductOrderCreate, ProductOrderItem,
            ProductOrderingServiceClient,
            ProductOrderingServiceCreateProductOrderException as CreateException,
        },
    },
};
use volo_core::Address;
use volo_thrift::ClientError;

/// `GET /productOffering?lifecycleStatus=Launched`
const GOLDEN_OFFERINGS: &str =
    r#"[{"id":"123","name":"5G 50GB Plan","lifecycleStatus":"Launched","price":20,"currency":"AUD"}]"#;

/// What a consumer reads from the reply to `POST /productOrder`, its id apart.
const GOLDEN_ORDER: &str = r#"{"state":"acknowledged","orderItem":[{"id":"1","action":"add","productOffering":{"id":"123"},"quantity":1}]}"#;

struct Contract {
    shop: Shop,
    catalog: ProductCatalogServiceClient,
    ordering: ProductOrderingServiceClient,
}

/// The state that the contract gives: offering 123 can be ordered. Another one is not launched yet.
async fn given() -> Contract {
    let data = Data::in_memory().unwrap();
    let plan = ProductOffering {
        id: "123".into(),
        name: Some("5G 50GB Plan".into()),
        lifecycle_status: Some("Launched".into()),
        price: Some(20.0),
        currency: Some("AUD".into()),
        ..Default::default()
    };
    let draft =
        ProductOffering { id: "124".into(), lifecycle_status: Some("In Design".into()), ..plan.clone() };
    data.catalog().collection().unwrap().put_all(vec![plan, draft]).await.unwrap();
    let any_port: Address = "127.0.0.1:0".parse().unwrap();
    let shop = Shop::start(&data, &any_port, &any_port).await.unwrap();
    let catalog = patient_client("catalog", shop.catalog());
    let ordering = patient_client("ordering", shop.ordering());
    Contract { shop, catalog, ordering }
}

fn filter(name: &'static str, value: &'static str) -> ListQuery {
    ListQuery { filter: [(name.into(), vec![value.into()])].into_iter().collect(), ..Default::default() }
}

fn item(offering: &'static str) -> ProductOrderItem {
    ProductOrderItem {
        action: Some(OrderItemAction::ADD),
        product_offering: Some(EntityRef { id: offering.into(), ..Default::default() }),
        quantity: Some(1),
        ..Default::default()
    }
}

fn offerings_json(offerings: &[ProductOffering]) -> String {
    let offerings: Vec<String> = offerings
        .iter()
        .map(|offering| {
            format!(
                r#"{{"id":"{}","name":"{}","lifecycleStatus":"{}","price":{},"currency":"{}"}}"#,
                offering.id,
                offering.name.as_ref().unwrap(),
                offering.lifecycle_status.as_ref().unwrap(),
                offering.price.unwrap(),
                offering.currency.as_ref().unwrap(),
            )
        })
        .collect();
    format!("[{}]", offerings.join(","))
}

fn order_json(order: &ProductOrder) -> String {
    let items: Vec<String> = order
        .order_item
        .iter()
        .flatten()
        .map(|item| {
            format!(
                r#"{{"id":"{}","action":"{}","productOffering":{{"id":"{}"}},"quantity":{}}}"#,
                item.id.as_ref().unwrap(),
                item.action.unwrap().to_string().to_lowercase(),
                item.product_offering.as_ref().unwrap().id,
                item.quantity.unwrap(),
            )
        })
        .collect();
    format!(r#"{{"state":"{}","orderItem":[{}]}}"#, order_state(order.state), items.join(","))
}

#[tokio::test]
async fn launched_offerings_are_the_golden_payload() {
    let Contract { catalog, shop, .. } = given().await;
    let page = catalog.list_product_offering(filter("lifecycleStatus", "Launched")).await.unwrap();
    assert_eq!(offerings_json(&page.items), GOLDEN_OFFERINGS);
    assert_eq!((page.total_count, page.result_count), (1, 1));
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn an_order_is_acknowledged_with_the_golden_payload() {
    let Contract { ordering, shop, .. } = given().await;
    let order = ProductOrderCreate { order_item: Some(vec![item("123")]), ..Default::default() };
    let created = ordering.create_product_order(order).await.unwrap();
    assert!(!created.id.is_empty());
    assert_eq!(order_json(&created), GOLDEN_ORDER);
    assert_eq!(created.product_order_item, created.order_item, "TMF622's own name has the items, too");
    assert_eq!(ordering.retrieve_product_order(created.id.clone()).await.unwrap(), created);
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn the_official_name_of_the_items_is_as_good() {
    let Contract { ordering, shop, .. } = given().await;
    let order = ProductOrderCreate { product_order_item: Some(vec![item("123")]), ..Default::default() };
    assert_eq!(order_json(&ordering.create_product_order(order).await.unwrap()), GOLDEN_ORDER);
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn an_unsupported_filter_is_a_bad_request() {
    let Contract { catalog, shop, .. } = given().await;
    let wrong = [
        filter("colour", "red"),
        ListQuery { limit: 1_000_000, ..Default::default() },
        ListQuery { offset: -1, ..Default::default() },
        ListQuery { sort: Some("price".into()), ..Default::default() },
        ListQuery { fields: vec!["colour".into()], ..Default::default() },
    ];
    for query in wrong {
        match catalog.list_product_offering(query.clone()).await {
            Err(ClientError::Exception(ListException::Error(ApiError { status: Some(400), .. }))) => {}
            other => panic!("{query:?}: {other:?}"),
        }
    }
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn an_invalid_order_is_unprocessable() {
    let Contract { ordering, shop, .. } = given().await;
    let nameless = ProductOrderItem { product_offering: None, ..item("123") };
    let none_of_it = ProductOrderItem { quantity: Some(0), ..item("123") };
    for items in [None, Some(vec![]), Some(vec![nameless]), Some(vec![none_of_it]), Some(vec![item("124")])] {
        let order = ProductOrderCreate { order_item: items, ..Default::default() };
        match ordering.create_product_order(order.clone()).await {
            Err(ClientError::Exception(CreateException::Error(ApiError { status: Some(422), .. }))) => {}
            other => panic!("{order:?}: {other:?}"),
        }
    }
    shop.stop().await.unwrap();
}

#[tokio::test]
async fn an_unknown_offering_is_named() {
    let Contract { ordering, shop, .. } = given().await;
    let nested = ProductOrderItem { product_order_item: Some(vec![item("no-such-offering")]), ..item("123") };
    for items in [vec![item("no-such-offering")], vec![item("123"), nested]] {
        let order = ProductOrderCreate { order_item: Some(items), ..Default::default() };
        match ordering.create_product_order(order).await {
            Err(ClientError::Exception(CreateException::NotFound(not_found))) => {
                assert_eq!((&*not_found.resource, &*not_found.id), ("productOffering", "no-such-offering"));
            }
            other => panic!("{other:?}"),
        }
    }
    shop.stop().await.unwrap();
}
