//! The catalogue: TMF620's resources over the [store](crate::store).

use faststr::FastStr;
use volo_thrift::{
    ServerError,
    protocol::{Map, Set},
};

use crate::{
    fault::Fault,
    listeners::{Listeners, envelope},
    shop::patient_client,
    store::{Collection, Store},
    tmf::{
        catalog::*,
        common::{EventKind, Hub, HubInput, ListQuery},
    },
    wire::read_as,
};

/// The most offerings one batch may ask for.
const BATCH_MAX: usize = 1000;

/// The handler of `ProductCatalogService`.
pub struct CatalogHandler {
    offerings: Collection<ProductOffering>,
    prices: Collection<ProductOfferingPrice>,
    specifications: Collection<ProductSpecification>,
    categories: Collection<Category>,
    catalogs: Collection<Catalog>,
    listeners: Listeners<CatalogListenerClient>,
}

impl CatalogHandler {
    /// A catalogue of what the store has.
    pub fn new(store: &Store) -> Result<Self, Fault> {
        Ok(CatalogHandler {
            offerings: store.collection()?,
            prices: store.collection()?,
            specifications: store.collection()?,
            categories: store.collection()?,
            catalogs: store.collection()?,
            listeners: Listeners::new(|address| patient_client("catalog-listener", address)),
        })
    }

    fn publish(&self, kind: EventKind, name: &str, resource: impl Fn() -> CatalogResource) {
        self.listeners.publish(|listener| {
            let event = CatalogEvent { envelope: envelope(kind, name), event: Some(resource()) };
            async move { listener.on_catalog_event(event).await }
        });
    }
}

/// The five methods that every resource of the catalogue has.
macro_rules! resource_methods {
    (
        $collection:ident: $resource:ident, $page:ident, $create_input:ident, $update_input:ident;
        $list:ident: $list_exception:ident,
        $retrieve:ident: $retrieve_exception:ident,
        $create:ident: $create_exception:ident,
        $patch:ident: $patch_exception:ident,
        $delete:ident: $delete_exception:ident,
    ) => {
        async fn $list(&self, query: ListQuery) -> Result<$page, ServerError<$list_exception>> {
            let page = self.$collection.list(&query)?;
            let result_count = page.items.len() as i32;
            Ok($page { items: page.items, total_count: page.total.cast_signed(), result_count })
        }

        async fn $retrieve(&self, id: FastStr) -> Result<$resource, ServerError<$retrieve_exception>> {
            Ok(self.$collection.get(&id)?)
        }

        async fn $create(&self, input: $create_input) -> Result<$resource, ServerError<$create_exception>> {
            let created = self.$collection.create(read_as(&input)?).await?;
            self.publish(EventKind::CREATE, stringify!($resource), || {
                CatalogResource::$resource(created.clone())
            });
            Ok(created)
        }

        async fn $patch(
            &self,
            id: FastStr,
            change: $update_input,
        ) -> Result<$resource, ServerError<$patch_exception>> {
            let changed = self.$collection.patch(id, &change).await?;
            let kind = EventKind::ATTRIBUTE_VALUE_CHANGE;
            self.publish(kind, stringify!($resource), || CatalogResource::$resource(changed.clone()));
            Ok(changed)
        }

        async fn $delete(&self, id: FastStr) -> Result<(), ServerError<$delete_exception>> {
            let removed = self.$collection.remove(id).await?;
            self.publish(EventKind::REMOVE, stringify!($resource), || {
                CatalogResource::$resource(removed.clone())
            });
            Ok(())
        }
    };
}

impl ProductCatalogService for CatalogHandler {
    resource_methods! {
        offerings: ProductOffering, ProductOfferingPage, ProductOfferingCreate, ProductOfferingUpdate;
        list_product_offering: ProductCatalogServiceListProductOfferingException,
        retrieve_product_offering: ProductCatalogServiceRetrieveProductOfferingException,
        create_product_offering: ProductCatalogServiceCreateProductOfferingException,
        patch_product_offering: ProductCatalogServicePatchProductOfferingException,
        delete_product_offering: ProductCatalogServiceDeleteProductOfferingException,
    }

    resource_methods! {
        prices: ProductOfferingPrice, ProductOfferingPricePage, ProductOfferingPriceCreate, ProductOfferingPriceUpdate;
        list_product_offering_price: ProductCatalogServiceListProductOfferingPriceException,
        retrieve_product_offering_price: ProductCatalogServiceRetrieveProductOfferingPriceException,
        create_product_offering_price: ProductCatalogServiceCreateProductOfferingPriceException,
        patch_product_offering_price: ProductCatalogServicePatchProductOfferingPriceException,
        delete_product_offering_price: ProductCatalogServiceDeleteProductOfferingPriceException,
    }

    resource_methods! {
        specifications: ProductSpecification, ProductSpecificationPage, ProductSpecificationCreate, ProductSpecificationUpdate;
        list_product_specification: ProductCatalogServiceListProductSpecificationException,
        retrieve_product_specification: ProductCatalogServiceRetrieveProductSpecificationException,
        create_product_specification: ProductCatalogServiceCreateProductSpecificationException,
        patch_product_specification: ProductCatalogServicePatchProductSpecificationException,
        delete_product_specification: ProductCatalogServiceDeleteProductSpecificationException,
    }

    resource_methods! {
        categories: Category, CategoryPage, CategoryCreate, CategoryUpdate;
        list_category: ProductCatalogServiceListCategoryException,
        retrieve_category: ProductCatalogServiceRetrieveCategoryException,
        create_category: ProductCatalogServiceCreateCategoryException,
        patch_category: ProductCatalogServicePatchCategoryException,
        delete_category: ProductCatalogServiceDeleteCategoryException,
    }

    resource_methods! {
        catalogs: Catalog, CatalogPage, CatalogCreate, CatalogUpdate;
        list_catalog: ProductCatalogServiceListCatalogException,
        retrieve_catalog: ProductCatalogServiceRetrieveCatalogException,
        create_catalog: ProductCatalogServiceCreateCatalogException,
        patch_catalog: ProductCatalogServicePatchCatalogException,
        delete_catalog: ProductCatalogServiceDeleteCatalogException,
    }

    async fn batch_retrieve_product_offering(
        &self,
        ids: Set<FastStr>,
    ) -> Result<
        Map<FastStr, ProductOffering>,
        ServerError<ProductCatalogServiceBatchRetrieveProductOfferingException>,
    > {
        if ids.len() > BATCH_MAX {
            let reason = format!("{} ids in one batch, {BATCH_MAX} at most", ids.len());
            return Err(Fault::refused(400, reason).into());
        }
        let mut found = Map::default();
        for id in ids {
            if let Some(offering) = self.offerings.find(&id)? {
                found.insert(id, offering);
            }
        }
        Ok(found)
    }

    async fn register_listener(
        &self,
        hub: HubInput,
    ) -> Result<Hub, ServerError<ProductCatalogServiceRegisterListenerException>> {
        Ok(self.listeners.register(hub)?)
    }

    async fn unregister_listener(
        &self,
        id: FastStr,
    ) -> Result<(), ServerError<ProductCatalogServiceUnregisterListenerException>> {
        Ok(self.listeners.unregister(&id)?)
    }
}
