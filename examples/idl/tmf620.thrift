/**
 * Product catalogue after TMF620 v4: offerings, their prices and specifications, categories, catalogues.
 *
 * A *Create or *Update has the field ids of its resource, so either can be read as one.
 */
namespace rs tmf.catalog

include "tmf_common.thrift"

/** Free text in TMF620; the values in use are constants. */
typedef string LifecycleStatus

const LifecycleStatus IN_STUDY = "In Study"
const LifecycleStatus IN_DESIGN = "In Design"
const LifecycleStatus IN_TEST = "In Test"
const LifecycleStatus ACTIVE = "Active"
const LifecycleStatus LAUNCHED = "Launched"
const LifecycleStatus RETIRED = "Retired"
const LifecycleStatus OBSOLETE = "Obsolete"
const LifecycleStatus REJECTED = "Rejected"

/** The states in which an offering can be ordered. */
const list<LifecycleStatus> ORDERABLE = [ACTIVE, LAUNCHED]

struct CharValueSpec {
  1: optional bool isDefault
  2: optional tmf_common.Value value
  3: optional string valueType
  4: optional string unitOfMeasure
  5: optional i32 valueFrom
  6: optional i32 valueTo
  7: optional string rangeInterval
  8: optional string regex
  9: optional tmf_common.TimePeriod validFor
}

/** Which values of a specification's characteristic an offering uses. */
struct CharValueUse {
  1: optional string id
  2: optional string name
  3: optional string description
  4: optional i32 minCardinality
  5: optional i32 maxCardinality
  6: optional string valueType
  7: optional list<CharValueSpec> characteristicValue
  8: optional tmf_common.EntityRef productSpecification
  9: optional tmf_common.TimePeriod validFor
}

struct SpecCharacteristicRelationship {
  1: optional string id
  2: optional string name
  3: optional string relationshipType
  4: optional i32 charSpecSeq
  5: optional tmf_common.TimePeriod validFor
}

struct SpecCharacteristic {
  1: optional string id
  2: optional string name
  3: optional string description
  4: optional bool configurable
  5: optional bool extensible
  6: optional bool isUnique
  7: optional i32 minCardinality
  8: optional i32 maxCardinality
  9: optional string regex
  10: optional string valueType
  11: optional list<SpecCharacteristicRelationship> relationship
  12: optional list<CharValueSpec> characteristicValue
  13: optional tmf_common.TimePeriod validFor
}

struct BundledOfferingOption {
  1: optional i32 numberRelOfferDefault
  2: optional i32 numberRelOfferLowerLimit
  3: optional i32 numberRelOfferUpperLimit
}

struct BundledOffering {
  1: optional string id
  2: optional string href
  3: optional string name
  4: optional LifecycleStatus lifecycleStatus
  5: optional BundledOfferingOption bundledProductOfferingOption
}

struct OfferingRelationship {
  1: optional string id
  2: optional string href
  3: optional string name
  4: optional string relationshipType
  5: optional string role
  6: optional tmf_common.TimePeriod validFor
}

struct OfferingTerm {
  1: optional string name
  2: optional string description
  3: optional tmf_common.Duration duration
  4: optional tmf_common.TimePeriod validFor
}

struct TaxItem {
  1: optional string taxCategory
  2: optional double taxRate
  3: optional tmf_common.Money taxAmount
}

struct PriceAlteration {
  1: optional string id
  2: optional string name
  3: optional string description
  4: optional string priceType
  5: optional i32 priority
  6: optional double percentage
  7: optional tmf_common.Money price
  8: optional tmf_common.Duration applicationDuration
  9: optional tmf_common.TimePeriod validFor
}

/** A price inside an offering: by value, or by reference when only id and href are set. */
struct PriceRefOrValue {
  1: optional string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional LifecycleStatus lifecycleStatus
  6: optional string priceType
  7: optional i32 recurringChargePeriodLength
  8: optional string recurringChargePeriodType
  9: optional double percentage
  10: optional tmf_common.Money price
  11: optional list<TaxItem> tax
  12: optional list<PriceAlteration> alteration
  13: optional tmf_common.Quantity unitOfMeasure
  14: optional tmf_common.TimePeriod validFor
  15: optional string version
  16: optional string referredType
}

/** What can be ordered: TMF620's 29 fields, then the two its consumers agreed on. */
struct ProductOffering {
  1: string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional bool isBundle
  6: optional bool isSellable
  7: optional tmf_common.DateTime lastUpdate
  8: optional LifecycleStatus lifecycleStatus
  9: optional string statusReason
  10: optional string version
  11: optional list<tmf_common.EntityRef> agreement
  12: optional list<tmf_common.Attachment> attachment
  13: optional list<BundledOffering> bundledProductOffering
  14: optional list<tmf_common.EntityRef> category
  15: optional list<tmf_common.EntityRef> channel
  16: optional list<tmf_common.EntityRef> marketSegment
  17: optional list<tmf_common.EntityRef> place
  18: optional list<CharValueUse> prodSpecCharValueUse
  19: optional list<PriceRefOrValue> productOfferingPrice
  20: optional list<OfferingRelationship> productOfferingRelationship
  21: optional list<OfferingTerm> productOfferingTerm
  22: optional tmf_common.EntityRef productSpecification
  23: optional tmf_common.EntityRef resourceCandidate
  24: optional tmf_common.EntityRef serviceCandidate
  25: optional tmf_common.EntityRef serviceLevelAgreement
  26: optional tmf_common.TimePeriod validFor
  27: optional string baseType
  28: optional string schemaLocation
  29: optional string type
  /** The price to show, in `currency`. */
  101: optional double price
  /** ISO 4217. */
  102: optional string currency
}

struct ProductOfferingCreate {
  3: required string name
  4: optional string description
  5: optional bool isBundle
  6: optional bool isSellable
  8: optional LifecycleStatus lifecycleStatus = IN_DESIGN
  9: optional string statusReason
  10: optional string version
  11: optional list<tmf_common.EntityRef> agreement
  12: optional list<tmf_common.Attachment> attachment
  13: optional list<BundledOffering> bundledProductOffering
  14: optional list<tmf_common.EntityRef> category
  15: optional list<tmf_common.EntityRef> channel
  16: optional list<tmf_common.EntityRef> marketSegment
  17: optional list<tmf_common.EntityRef> place
  18: optional list<CharValueUse> prodSpecCharValueUse
  19: optional list<PriceRefOrValue> productOfferingPrice
  20: optional list<OfferingRelationship> productOfferingRelationship
  21: optional list<OfferingTerm> productOfferingTerm
  22: optional tmf_common.EntityRef productSpecification
  23: optional tmf_common.EntityRef resourceCandidate
  24: optional tmf_common.EntityRef serviceCandidate
  25: optional tmf_common.EntityRef serviceLevelAgreement
  26: optional tmf_common.TimePeriod validFor
  101: optional double price
  102: optional string currency
}

/** What to change of an offering; absent fields stay as they are. */
struct ProductOfferingUpdate {
  3: optional string name
  4: optional string description
  5: optional bool isBundle
  6: optional bool isSellable
  8: optional LifecycleStatus lifecycleStatus
  9: optional string statusReason
  10: optional string version
  12: optional list<tmf_common.Attachment> attachment
  14: optional list<tmf_common.EntityRef> category
  15: optional list<tmf_common.EntityRef> channel
  16: optional list<tmf_common.EntityRef> marketSegment
  19: optional list<PriceRefOrValue> productOfferingPrice
  21: optional list<OfferingTerm> productOfferingTerm
  26: optional tmf_common.TimePeriod validFor
  101: optional double price
  102: optional string currency
}

struct ProductOfferingPage {
  1: list<ProductOffering> items
  /** How many match in all. */
  2: i64 totalCount
  /** How many are in this page. */
  3: i32 resultCount
}

/** A price that several offerings may share. */
struct ProductOfferingPrice {
  1: string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional bool isBundle
  6: optional tmf_common.DateTime lastUpdate
  7: optional LifecycleStatus lifecycleStatus
  8: optional double percentage
  9: optional string priceType
  10: optional i32 recurringChargePeriodLength
  11: optional string recurringChargePeriodType
  12: optional string version
  13: optional list<tmf_common.EntityRef> bundledPopRelationship
  14: optional list<tmf_common.EntityRef> constraint
  15: optional list<tmf_common.EntityRef> place
  16: optional list<tmf_common.EntityRef> popRelationship
  17: optional tmf_common.Money price
  18: optional list<tmf_common.EntityRef> pricingLogicAlgorithm
  19: optional list<CharValueUse> prodSpecCharValueUse
  20: optional list<OfferingTerm> productOfferingTerm
  21: optional list<TaxItem> tax
  22: optional tmf_common.Quantity unitOfMeasure
  23: optional tmf_common.TimePeriod validFor
  24: optional string baseType
  25: optional string schemaLocation
  26: optional string type
}

struct ProductOfferingPriceCreate {
  3: required string name
  4: optional string description
  7: optional LifecycleStatus lifecycleStatus = IN_DESIGN
  8: optional double percentage
  9: optional string priceType
  10: optional i32 recurringChargePeriodLength
  11: optional string recurringChargePeriodType
  12: optional string version
  17: optional tmf_common.Money price
  20: optional list<OfferingTerm> productOfferingTerm
  21: optional list<TaxItem> tax
  22: optional tmf_common.Quantity unitOfMeasure
  23: optional tmf_common.TimePeriod validFor
}

struct ProductOfferingPriceUpdate {
  3: optional string name
  4: optional string description
  7: optional LifecycleStatus lifecycleStatus
  8: optional double percentage
  12: optional string version
  17: optional tmf_common.Money price
  21: optional list<TaxItem> tax
  23: optional tmf_common.TimePeriod validFor
}

struct ProductOfferingPricePage {
  1: list<ProductOfferingPrice> items
  2: i64 totalCount
  3: i32 resultCount
}

struct ProductSpecification {
  1: string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional string brand
  6: optional bool isBundle
  7: optional tmf_common.DateTime lastUpdate
  8: optional LifecycleStatus lifecycleStatus
  9: optional string productNumber
  10: optional string version
  11: optional list<tmf_common.Attachment> attachment
  12: optional list<tmf_common.EntityRef> bundledProductSpecification
  13: optional list<SpecCharacteristic> productSpecCharacteristic
  14: optional list<tmf_common.EntityRef> productSpecificationRelationship
  15: optional list<tmf_common.RelatedParty> relatedParty
  16: optional list<tmf_common.EntityRef> resourceSpecification
  17: optional list<tmf_common.EntityRef> serviceSpecification
  18: optional string targetProductSchema
  19: optional tmf_common.TimePeriod validFor
  20: optional string baseType
  21: optional string schemaLocation
  22: optional string type
}

struct ProductSpecificationCreate {
  3: required string name
  4: optional string description
  5: optional string brand
  8: optional LifecycleStatus lifecycleStatus = IN_DESIGN
  9: optional string productNumber
  10: optional string version
  11: optional list<tmf_common.Attachment> attachment
  13: optional list<SpecCharacteristic> productSpecCharacteristic
  15: optional list<tmf_common.RelatedParty> relatedParty
  19: optional tmf_common.TimePeriod validFor
}

struct ProductSpecificationUpdate {
  3: optional string name
  4: optional string description
  5: optional string brand
  8: optional LifecycleStatus lifecycleStatus
  10: optional string version
  13: optional list<SpecCharacteristic> productSpecCharacteristic
  19: optional tmf_common.TimePeriod validFor
}

struct ProductSpecificationPage {
  1: list<ProductSpecification> items
  2: i64 totalCount
  3: i32 resultCount
}

struct Category {
  1: string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional bool isRoot
  6: optional tmf_common.DateTime lastUpdate
  7: optional LifecycleStatus lifecycleStatus
  8: optional string parentId
  9: optional string version
  10: optional list<tmf_common.EntityRef> productOffering
  /** The tree below, as far as it is embedded. */
  11: optional list<Category> subCategory
  12: optional tmf_common.TimePeriod validFor
  13: optional string baseType
  14: optional string schemaLocation
  15: optional string type
}

struct CategoryCreate {
  3: required string name
  4: optional string description
  5: optional bool isRoot
  7: optional LifecycleStatus lifecycleStatus = IN_DESIGN
  8: optional string parentId
  9: optional string version
  12: optional tmf_common.TimePeriod validFor
}

struct CategoryUpdate {
  3: optional string name
  4: optional string description
  7: optional LifecycleStatus lifecycleStatus
  8: optional string parentId
  9: optional string version
  12: optional tmf_common.TimePeriod validFor
}

struct CategoryPage {
  1: list<Category> items
  2: i64 totalCount
  3: i32 resultCount
}

struct Catalog {
  1: string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional string catalogType
  6: optional tmf_common.DateTime lastUpdate
  7: optional LifecycleStatus lifecycleStatus
  8: optional string version
  9: optional list<tmf_common.EntityRef> category
  10: optional list<tmf_common.RelatedParty> relatedParty
  11: optional tmf_common.TimePeriod validFor
  12: optional string baseType
  13: optional string schemaLocation
  14: optional string type
}

struct CatalogCreate {
  3: required string name
  4: optional string description
  5: optional string catalogType
  7: optional LifecycleStatus lifecycleStatus = IN_DESIGN
  8: optional string version
  9: optional list<tmf_common.EntityRef> category
  10: optional list<tmf_common.RelatedParty> relatedParty
  11: optional tmf_common.TimePeriod validFor
}

struct CatalogUpdate {
  3: optional string name
  4: optional string description
  5: optional string catalogType
  7: optional LifecycleStatus lifecycleStatus
  8: optional string version
  9: optional list<tmf_common.EntityRef> category
  11: optional tmf_common.TimePeriod validFor
}

struct CatalogPage {
  1: list<Catalog> items
  2: i64 totalCount
  3: i32 resultCount
}

/** The resource an event is about, as it is after the change. */
union CatalogResource {
  1: ProductOffering productOffering
  2: ProductOfferingPrice productOfferingPrice
  3: ProductSpecification productSpecification
  4: Category category
  5: Catalog catalog
}

struct CatalogEvent {
  1: required tmf_common.EventEnvelope envelope
  2: optional CatalogResource event
}

/**
 * NotFound is for ids, ApiError for everything else a caller can do wrong.
 *
 * Lists take a filter on lifecycleStatus; any other filter is an ApiError with status 400.
 */
service ProductCatalogService {
  ProductOfferingPage listProductOffering(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductOffering retrieveProductOffering(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductOffering createProductOffering(1: ProductOfferingCreate offering)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  ProductOffering patchProductOffering(1: string id, 2: ProductOfferingUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteProductOffering(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  ProductOfferingPricePage listProductOfferingPrice(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductOfferingPrice retrieveProductOfferingPrice(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductOfferingPrice createProductOfferingPrice(1: ProductOfferingPriceCreate price)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  ProductOfferingPrice patchProductOfferingPrice(1: string id, 2: ProductOfferingPriceUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteProductOfferingPrice(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  ProductSpecificationPage listProductSpecification(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductSpecification retrieveProductSpecification(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductSpecification createProductSpecification(1: ProductSpecificationCreate specification)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  ProductSpecification patchProductSpecification(1: string id, 2: ProductSpecificationUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteProductSpecification(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  CategoryPage listCategory(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  Category retrieveCategory(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  Category createCategory(1: CategoryCreate category)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  Category patchCategory(1: string id, 2: CategoryUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteCategory(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  CatalogPage listCatalog(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  Catalog retrieveCatalog(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  Catalog createCatalog(1: CatalogCreate catalog)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  Catalog patchCatalog(1: string id, 2: CatalogUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteCatalog(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  /** The offerings there are among those asked for, by id. */
  map<string, ProductOffering> batchRetrieveProductOffering(1: set<string> ids)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")

  /** Sends every change to the callback from now on. */
  tmf_common.Hub registerListener(1: tmf_common.HubInput hub)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void unregisterListener(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
}

/** Served by those who registered for changes. */
service CatalogListener {
  oneway void onCatalogEvent(1: CatalogEvent event)
}
