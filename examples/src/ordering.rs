//! The ordering service: takes orders for what the catalogue, asked over the wire, says can be ordered.

use faststr::FastStr;
use volo_thrift::{
    ServerError,
    protocol::{Map, Set},
};

use crate::{
    clock::now,
    fault::Fault,
    listeners::{Listeners, envelope},
    resources::order_state,
    shop::patient_client,
    store::{Collection, Store},
    tmf::{
        catalog::{ORDERABLE, ProductCatalogServiceClient, ProductOffering},
        common::{EventKind, Hub, HubInput, ListQuery, Money},
        ordering::*,
    },
    wire::{decode_onto, encode, read_as},
};

/// The handler of `ProductOrderingService`.
pub struct OrderingHandler {
    orders: Collection<ProductOrder>,
    cancellations: Collection<CancelProductOrder>,
    catalog: ProductCatalogServiceClient,
    listeners: Listeners<OrderListenerClient>,
}

impl OrderingHandler {
    /// A service that keeps orders in `store` and asks `catalog` about offerings.
    pub fn new(store: &Store, catalog: ProductCatalogServiceClient) -> Result<Self, Fault> {
        Ok(OrderingHandler {
            orders: store.collection()?,
            cancellations: store.collection()?,
            catalog,
            listeners: Listeners::new(|address| patient_client("order-listener", address)),
        })
    }

    async fn place(&self, input: ProductOrderCreate) -> Result<ProductOrder, Fault> {
        let mut order: ProductOrder = read_as(&input)?;
        let mut items = take_items(&mut order)?;
        let mut ids = Set::default();
        collect_offering_ids(&items, &mut ids)?;
        let offerings = self.catalog.batch_retrieve_product_offering(ids).await.map_err(Fault::internal)?;
        acknowledge(&mut items, "", &offerings)?;
        order.order_total_price = Some(vec![total(&items, &offerings)]);
        order.product_order_item = Some(items);
        order.state = OrderState::ACKNOWLEDGED;
        order.order_date = Some(now());
        let order = self.orders.create(order).await?;
        self.publish(EventKind::CREATE, &order);
        Ok(reply(order))
    }

    async fn change(&self, id: FastStr, change: ProductOrderUpdate) -> Result<ProductOrder, Fault> {
        let bytes = encode(&change);
        let order = self.orders.update(id, move |order| {
            let before = order.state;
            decode_onto(order, &bytes)?;
            allow(before, order.state)
        });
        let order = order.await?;
        let kind = match change.state {
            Some(_) => EventKind::STATE_CHANGE,
            None => EventKind::ATTRIBUTE_VALUE_CHANGE,
        };
        self.publish(kind, &order);
        Ok(reply(order))
    }

    async fn cancel(&self, input: CancelProductOrderCreate) -> Result<CancelProductOrder, Fault> {
        let mut task: CancelProductOrder = read_as(&input)?;
        // Two commits: should the process die between them, the order is cancelled and only the task is missing.
        let order = self.orders.update(input.product_order.id, move |order| {
            allow(order.state, OrderState::CANCELLED)?;
            order.state = OrderState::CANCELLED;
            order.cancellation_date = Some(now());
            order.cancellation_reason = input.cancellation_reason;
            Ok(())
        });
        let order = order.await?;
        task.effective_cancellation_date = order.cancellation_date.clone();
        task.state = TaskState::DONE;
        let task = self.cancellations.create(task).await?;
        self.publish(EventKind::STATE_CHANGE, &order);
        Ok(task)
    }

    fn publish(&self, kind: EventKind, order: &ProductOrder) {
        self.listeners.publish(|listener| {
            let event = Some(OrderResource::ProductOrder(order.clone()));
            let event = OrderEvent { envelope: envelope(kind, "ProductOrder"), event };
            async move { listener.on_order_event(event).await }
        });
    }
}

impl ProductOrderingService for OrderingHandler {
    async fn list_product_order(
        &self,
        query: ListQuery,
    ) -> Result<ProductOrderPage, ServerError<ProductOrderingServiceListProductOrderException>> {
        let page = self.orders.list(&query)?;
        let result_count = page.items.len() as i32;
        let items = page.items.into_iter().map(reply).collect();
        Ok(ProductOrderPage { items, total_count: page.total.cast_signed(), result_count })
    }

    async fn retrieve_product_order(
        &self,
        id: FastStr,
    ) -> Result<ProductOrder, ServerError<ProductOrderingServiceRetrieveProductOrderException>> {
        Ok(reply(self.orders.get(&id)?))
    }

    async fn create_product_order(
        &self,
        order: ProductOrderCreate,
    ) -> Result<ProductOrder, ServerError<ProductOrderingServiceCreateProductOrderException>> {
        Ok(self.place(order).await?)
    }

    async fn patch_product_order(
        &self,
        id: FastStr,
        change: ProductOrderUpdate,
    ) -> Result<ProductOrder, ServerError<ProductOrderingServicePatchProductOrderException>> {
        Ok(self.change(id, change).await?)
    }

    async fn delete_product_order(
        &self,
        id: FastStr,
    ) -> Result<(), ServerError<ProductOrderingServiceDeleteProductOrderException>> {
        let removed = self.orders.remove(id).await?;
        self.publish(EventKind::REMOVE, &removed);
        Ok(())
    }

    async fn list_cancel_product_order(
        &self,
        query: ListQuery,
    ) -> Result<CancelProductOrderPage, ServerError<ProductOrderingServiceListCancelProductOrderException>>
    {
        let page = self.cancellations.list(&query)?;
        let result_count = page.items.len() as i32;
        Ok(CancelProductOrderPage { items: page.items, total_count: page.total.cast_signed(), result_count })
    }

    async fn retrieve_cancel_product_order(
        &self,
        id: FastStr,
    ) -> Result<CancelProductOrder, ServerError<ProductOrderingServiceRetrieveCancelProductOrderException>>
    {
        Ok(self.cancellations.get(&id)?)
    }

    async fn create_cancel_product_order(
        &self,
        cancellation: CancelProductOrderCreate,
    ) -> Result<CancelProductOrder, ServerError<ProductOrderingServiceCreateCancelProductOrderException>>
    {
        Ok(self.cancel(cancellation).await?)
    }

    async fn register_listener(
        &self,
        hub: HubInput,
    ) -> Result<Hub, ServerError<ProductOrderingServiceRegisterListenerException>> {
        Ok(self.listeners.register(hub)?)
    }

    async fn unregister_listener(
        &self,
        id: FastStr,
    ) -> Result<(), ServerError<ProductOrderingServiceUnregisterListenerException>> {
        Ok(self.listeners.unregister(&id)?)
    }
}

/// The order with its items under both names; stored under TMF622's only.
fn reply(mut order: ProductOrder) -> ProductOrder {
    order.order_item = order.product_order_item.clone();
    order
}

/// The items under whichever name they came.
fn take_items(order: &mut ProductOrder) -> Result<Vec<ProductOrderItem>, Fault> {
    let named = [order.product_order_item.take(), order.order_item.take()];
    let items = named.into_iter().flatten().find(|items| !items.is_empty());
    items.ok_or_else(|| {
        Fault::refused(422, "an order needs at least one item in productOrderItem or orderItem")
    })
}

fn collect_offering_ids(items: &[ProductOrderItem], ids: &mut Set<FastStr>) -> Result<(), Fault> {
    for item in items {
        let offering = item.product_offering.as_ref().filter(|offering| !offering.id.is_empty());
        let offering = offering.ok_or_else(|| Fault::refused(422, "every item needs productOffering.id"))?;
        ids.insert(offering.id.clone());
        collect_offering_ids(item.product_order_item.as_deref().unwrap_or_default(), ids)?;
    }
    Ok(())
}

/// Checks items against the offerings they name, and gives them an id, a name and a state; nested ones too.
fn acknowledge(
    items: &mut [ProductOrderItem],
    parent: &str,
    offerings: &Map<FastStr, ProductOffering>,
) -> Result<(), Fault> {
    for (index, item) in items.iter_mut().enumerate() {
        let id = item.id.get_or_insert_with(|| format!("{parent}{}", index + 1).into()).clone();
        if item.quantity.is_some_and(|quantity| quantity < 1) {
            return Err(Fault::refused(422, format!("item {id} has a quantity below 1")));
        }
        if let Some(reference) = &mut item.product_offering {
            let offering = offerings.get(&reference.id);
            let offering = offering.ok_or_else(|| Fault::not_found("productOffering", &reference.id))?;
            let status = offering.lifecycle_status.as_deref().unwrap_or_default();
            if !ORDERABLE.contains(&status) {
                return Err(Fault::refused(422, format!("offering {} is {status}", reference.id)));
            }
            reference.name = offering.name.clone();
        }
        item.state = Some(OrderItemState::ACKNOWLEDGED);
        acknowledge(
            item.product_order_item.as_deref_mut().unwrap_or_default(),
            &format!("{id}."),
            offerings,
        )?;
    }
    Ok(())
}

/// What the items cost together, in the currency of the first.
fn total(items: &[ProductOrderItem], offerings: &Map<FastStr, ProductOffering>) -> OrderPrice {
    let mut sum = Money { unit: None, value: Some(0.0) };
    add_prices(items, offerings, &mut sum);
    OrderPrice {
        name: Some("total".into()),
        price: Some(Price { tax_included_amount: Some(sum), ..Default::default() }),
        ..Default::default()
    }
}

fn add_prices(items: &[ProductOrderItem], offerings: &Map<FastStr, ProductOffering>, sum: &mut Money) {
    for item in items {
        let offering = item.product_offering.as_ref().and_then(|reference| offerings.get(&reference.id));
        if let Some(ProductOffering { price: Some(price), currency, .. }) = offering {
            sum.unit = sum.unit.take().or_else(|| currency.clone());
            sum.value = sum.value.map(|value| value + price * f64::from(item.quantity.unwrap_or(1)));
        }
        add_prices(item.product_order_item.as_deref().unwrap_or_default(), offerings, sum);
    }
}

/// TMF622 leaves the transitions open; these are ours.
fn allow(from: OrderState, to: OrderState) -> Result<(), Fault> {
    use OrderState as S;
    let allowed = from == to
        || match from {
            S::ACKNOWLEDGED | S::PENDING | S::HELD => {
                matches!(to, S::REJECTED | S::PENDING | S::HELD | S::IN_PROGRESS | S::CANCELLED)
            }
            S::IN_PROGRESS => matches!(to, S::HELD | S::COMPLETED | S::FAILED | S::PARTIAL),
            _ => false,
        };
    let states = || format!("an order that is {} can't become {}", order_state(from), order_state(to));
    if allowed { Ok(()) } else { Err(Fault::refused(409, states())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_states_stay() {
        assert!(allow(OrderState::ACKNOWLEDGED, OrderState::IN_PROGRESS).is_ok());
        assert!(allow(OrderState::HELD, OrderState::CANCELLED).is_ok());
        for last in [OrderState::COMPLETED, OrderState::CANCELLED, OrderState::FAILED] {
            assert!(matches!(allow(last, OrderState::IN_PROGRESS), Err(Fault::Refused(_))));
            assert!(allow(last, last).is_ok());
        }
    }
}
