//! How the types of the IDL are kept: their kind, id, status, and the fields a list can select.

use std::mem::take;

use faststr::FastStr;

use crate::{
    clock::now,
    store::Resource,
    tmf::{
        catalog::{Catalog, Category, ProductOffering, ProductOfferingPrice, ProductSpecification},
        ordering::{CancelProductOrder, OrderState, ProductOrder, TaskState},
    },
};

/// The items every resource of the catalogue shares, and the fields a list can select.
macro_rules! catalog_resource {
    ($type:ident, $kind:literal, $prefix:literal, [$($name:literal => $field:ident),* $(,)?]) => {
        impl Resource for $type {
            const KIND: &'static str = $kind;
            const ID_PREFIX: &'static str = $prefix;
            const STATUS_FIELD: &'static str = "lifecycleStatus";

            fn id(&self) -> &FastStr {
                &self.id
            }

            fn identify(&mut self, id: FastStr) {
                self.href = Some(format!("/tmf-api/productCatalogManagement/v4/{}/{id}", $kind).into());
                self.id = id;
            }

            fn touch(&mut self) {
                self.last_update = Some(now());
            }

            fn status(&self) -> FastStr {
                self.lifecycle_status.clone().unwrap_or_default()
            }

            fn keep(&mut self, fields: &[FastStr]) -> Result<(), FastStr> {
                let mut kept = $type { id: take(&mut self.id), href: self.href.take(), ..Default::default() };
                for field in fields {
                    match field.as_str() {
                        "id" | "href" => {}
                        "lifecycleStatus" => kept.lifecycle_status = self.lifecycle_status.take(),
                        "name" => kept.name = self.name.take(),
                        "description" => kept.description = self.description.take(),
                        "version" => kept.version = self.version.take(),
                        $($name => kept.$field = self.$field.take(),)*
                        _ => return Err(field.clone()),
                    }
                }
                *self = kept;
                Ok(())
            }
        }
    };
}

catalog_resource!(ProductOffering, "productOffering", "off", [
    "price" => price,
    "currency" => currency,
    "isSellable" => is_sellable,
    "lastUpdate" => last_update,
    "category" => category,
    "productOfferingPrice" => product_offering_price,
    "productSpecification" => product_specification,
    "validFor" => valid_for,
]);
catalog_resource!(ProductOfferingPrice, "productOfferingPrice", "pop", [
    "price" => price,
    "priceType" => price_type,
]);
catalog_resource!(ProductSpecification, "productSpecification", "spec", ["brand" => brand]);
catalog_resource!(Category, "category", "cat", ["parentId" => parent_id, "isRoot" => is_root]);
catalog_resource!(Catalog, "catalog", "catalog", ["category" => category]);

impl Resource for ProductOrder {
    const KIND: &'static str = "productOrder";
    const ID_PREFIX: &'static str = "po";
    const STATUS_FIELD: &'static str = "state";

    fn id(&self) -> &FastStr {
        &self.id
    }

    fn identify(&mut self, id: FastStr) {
        self.href = Some(format!("/tmf-api/productOrderingManagement/v4/productOrder/{id}").into());
        self.id = id;
    }

    fn status(&self) -> FastStr {
        order_state(self.state)
    }

    fn keep(&mut self, fields: &[FastStr]) -> Result<(), FastStr> {
        let mut kept = ProductOrder { id: take(&mut self.id), href: self.href.take(), ..Default::default() };
        kept.state = self.state;
        for field in fields {
            match field.as_str() {
                "id" | "href" | "state" => {}
                "description" => kept.description = self.description.take(),
                "orderDate" => kept.order_date = self.order_date.take(),
                "orderItem" | "productOrderItem" => {
                    kept.product_order_item = self.product_order_item.clone();
                }
                _ => return Err(field.clone()),
            }
        }
        *self = kept;
        Ok(())
    }
}

impl Resource for CancelProductOrder {
    const KIND: &'static str = "cancelProductOrder";
    const ID_PREFIX: &'static str = "cpo";
    const STATUS_FIELD: &'static str = "state";

    fn id(&self) -> &FastStr {
        &self.id
    }

    fn identify(&mut self, id: FastStr) {
        self.href = Some(format!("/tmf-api/productOrderingManagement/v4/cancelProductOrder/{id}").into());
        self.id = id;
    }

    fn status(&self) -> FastStr {
        task_state(self.state)
    }

    fn keep(&mut self, fields: &[FastStr]) -> Result<(), FastStr> {
        match fields.iter().find(|field| !matches!(field.as_str(), "id" | "href" | "state" | "productOrder"))
        {
            Some(field) => Err(field.clone()),
            None => {
                (self.cancellation_reason, self.effective_cancellation_date) = (None, None);
                self.requested_cancellation_date = None;
                Ok(())
            }
        }
    }
}

/// The state as TMF622 writes it, for example `inProgress`.
pub fn order_state(state: OrderState) -> FastStr {
    camel_case(&state.to_string()).into()
}

/// The state as TMF622 writes it.
pub fn task_state(state: TaskState) -> FastStr {
    camel_case(&state.to_string()).into()
}

fn camel_case(name: &str) -> String {
    let mut after_underscore = false;
    let mut result = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '_' => after_underscore = true,
            _ if after_underscore => {
                result.push(letter);
                after_underscore = false;
            }
            _ => result.push(letter.to_ascii_lowercase()),
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_written_as_in_tmf622() {
        assert_eq!(order_state(OrderState::ACKNOWLEDGED), "acknowledged");
        assert_eq!(order_state(OrderState::IN_PROGRESS), "inProgress");
        assert_eq!(task_state(TaskState::TERMINATED_WITH_ERROR), "terminatedWithError");
    }
}
