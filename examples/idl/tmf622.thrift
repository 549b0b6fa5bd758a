/** Product ordering after TMF622 v4: orders with nested items, and the task that cancels one. */
namespace rs tmf.ordering

include "tmf_common.thrift"

enum OrderState {
  ACKNOWLEDGED = 0
  REJECTED = 1
  PENDING = 2
  HELD = 3
  IN_PROGRESS = 4
  CANCELLED = 5
  COMPLETED = 6
  FAILED = 7
  PARTIAL = 8
  ASSESSING_CANCELLATION = 9
  PENDING_CANCELLATION = 10
}

enum OrderItemState {
  ACKNOWLEDGED = 0
  REJECTED = 1
  PENDING = 2
  HELD = 3
  IN_PROGRESS = 4
  CANCELLED = 5
  COMPLETED = 6
  FAILED = 7
  ASSESSING_CANCELLATION = 9
  PENDING_CANCELLATION = 10
}

enum OrderItemAction {
  ADD = 0
  MODIFY = 1
  /** TMF622 says delete, a reserved word in several languages. */
  REMOVE = 2
  NO_CHANGE = 3
}

enum ProductStatus {
  CREATED = 0
  PENDING_ACTIVE = 1
  CANCELLED = 2
  ACTIVE = 3
  PENDING_TERMINATE = 4
  TERMINATED = 5
  SUSPENDED = 6
  ABORTED = 7
}

enum TaskState {
  ACKNOWLEDGED = 0
  TERMINATED_WITH_ERROR = 1
  IN_PROGRESS = 2
  DONE = 3
}

struct Price {
  1: optional double percentage
  2: optional double taxRate
  3: optional tmf_common.Money dutyFreeAmount
  4: optional tmf_common.Money taxIncludedAmount
}

struct OrderPrice {
  1: optional string name
  2: optional string description
  3: optional string priceType
  4: optional string recurringChargePeriod
  5: optional string unitOfMeasure
  6: optional Price price
  7: optional tmf_common.EntityRef billingAccount
  8: optional tmf_common.EntityRef productOfferingPrice
}

struct OrderTerm {
  1: optional string name
  2: optional string description
  3: optional tmf_common.Duration duration
  4: optional tmf_common.TimePeriod validFor
}

struct OrderItemRelationship {
  1: required string id
  2: required string relationshipType
}

struct ProductRelationship {
  1: required string relationshipType
  2: optional Product & product
}

/** What is to be installed or changed; may hold other products and point at related ones. */
struct Product {
  1: optional string id
  2: optional string href
  3: optional string name
  4: optional string description
  5: optional bool isBundle
  6: optional bool isCustomerVisible
  7: optional tmf_common.DateTime orderDate
  8: optional string productSerialNumber
  9: optional tmf_common.DateTime startDate
  10: optional tmf_common.DateTime terminationDate
  11: optional ProductStatus status
  12: optional list<tmf_common.EntityRef> agreement
  13: optional tmf_common.EntityRef billingAccount
  14: optional list<tmf_common.EntityRef> place
  15: optional list<Product> product
  16: optional list<tmf_common.Characteristic> productCharacteristic
  17: optional tmf_common.EntityRef productOffering
  18: optional list<OrderPrice> productPrice
  19: optional list<ProductRelationship> productRelationship
  20: optional tmf_common.EntityRef productSpecification
  21: optional list<OrderTerm> productTerm
  22: optional list<tmf_common.EntityRef> realizingResource
  23: optional list<tmf_common.EntityRef> realizingService
  24: optional list<tmf_common.RelatedParty> relatedParty
}

struct ProductOrderItem {
  /** The ordering service gives one to an item that comes without. */
  1: optional string id
  2: optional OrderItemAction action = OrderItemAction.ADD
  3: optional i32 quantity = 1
  4: optional OrderItemState state
  5: optional tmf_common.EntityRef appointment
  6: optional tmf_common.EntityRef billingAccount
  7: optional list<OrderPrice> itemPrice
  8: optional list<OrderTerm> itemTerm
  9: optional list<OrderPrice> itemTotalPrice
  10: optional list<tmf_common.EntityRef> payment
  11: optional Product product
  12: optional tmf_common.EntityRef productOffering
  13: optional tmf_common.EntityRef productOfferingQualificationItem
  14: optional list<ProductOrderItem> productOrderItem
  15: optional list<OrderItemRelationship> productOrderItemRelationship
  16: optional list<tmf_common.EntityRef> qualification
  17: optional tmf_common.EntityRef quoteItem
  18: optional string baseType
  19: optional string schemaLocation
  20: optional string type
}

/** TMF622's 28 fields, then the items once more under the name its consumers agreed on. */
struct ProductOrder {
  1: string id
  2: optional string href
  3: optional tmf_common.DateTime cancellationDate
  4: optional string cancellationReason
  5: optional string category
  6: optional tmf_common.DateTime completionDate
  7: optional string description
  8: optional tmf_common.DateTime expectedCompletionDate
  9: optional string externalId
  10: optional string notificationContact
  11: optional tmf_common.DateTime orderDate
  12: optional string priority
  13: optional tmf_common.DateTime requestedCompletionDate
  14: optional tmf_common.DateTime requestedStartDate
  15: OrderState state
  16: optional list<tmf_common.EntityRef> agreement
  17: optional tmf_common.EntityRef billingAccount
  18: optional list<tmf_common.EntityRef> channel
  19: optional list<tmf_common.Note> note
  20: optional list<OrderPrice> orderTotalPrice
  21: optional list<tmf_common.EntityRef> payment
  22: optional list<tmf_common.EntityRef> productOfferingQualification
  23: optional list<ProductOrderItem> productOrderItem
  24: optional list<tmf_common.EntityRef> quote
  25: optional list<tmf_common.RelatedParty> relatedParty
  26: optional string baseType
  27: optional string schemaLocation
  28: optional string type
  101: optional list<ProductOrderItem> orderItem
}

/** One of `productOrderItem` and `orderItem` must hold an item; field ids are those of ProductOrder. */
struct ProductOrderCreate {
  4: optional string cancellationReason
  5: optional string category
  7: optional string description
  9: optional string externalId
  10: optional string notificationContact
  12: optional string priority
  13: optional tmf_common.DateTime requestedCompletionDate
  14: optional tmf_common.DateTime requestedStartDate
  16: optional list<tmf_common.EntityRef> agreement
  17: optional tmf_common.EntityRef billingAccount
  18: optional list<tmf_common.EntityRef> channel
  19: optional list<tmf_common.Note> note
  20: optional list<OrderPrice> orderTotalPrice
  21: optional list<tmf_common.EntityRef> payment
  22: optional list<tmf_common.EntityRef> productOfferingQualification
  23: optional list<ProductOrderItem> productOrderItem
  24: optional list<tmf_common.EntityRef> quote
  25: optional list<tmf_common.RelatedParty> relatedParty
  101: optional list<ProductOrderItem> orderItem
}

/** What to change of an order; absent fields stay as they are. */
struct ProductOrderUpdate {
  5: optional string category
  7: optional string description
  9: optional string externalId
  10: optional string notificationContact
  12: optional string priority
  13: optional tmf_common.DateTime requestedCompletionDate
  14: optional tmf_common.DateTime requestedStartDate
  15: optional OrderState state
  19: optional list<tmf_common.Note> note
  25: optional list<tmf_common.RelatedParty> relatedParty
}

struct ProductOrderPage {
  1: list<ProductOrder> items
  2: i64 totalCount
  3: i32 resultCount
}

/** The task that cancels an order. */
struct CancelProductOrder {
  1: string id
  2: optional string href
  3: optional string cancellationReason
  4: optional tmf_common.DateTime effectiveCancellationDate
  5: optional tmf_common.DateTime requestedCancellationDate
  6: TaskState state
  7: required tmf_common.EntityRef productOrder
  8: optional string baseType
  9: optional string schemaLocation
  10: optional string type
}

struct CancelProductOrderCreate {
  3: optional string cancellationReason
  5: optional tmf_common.DateTime requestedCancellationDate
  7: required tmf_common.EntityRef productOrder
}

struct CancelProductOrderPage {
  1: list<CancelProductOrder> items
  2: i64 totalCount
  3: i32 resultCount
}

union OrderResource {
  1: ProductOrder productOrder
  2: CancelProductOrder cancelProductOrder
}

struct OrderEvent {
  1: required tmf_common.EventEnvelope envelope
  2: optional OrderResource event
}

/**
 * NotFound is for ids, ApiError for everything else a caller can do wrong.
 *
 * Lists take a filter on state; any other filter is an ApiError with status 400.
 */
service ProductOrderingService {
  ProductOrderPage listProductOrder(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  ProductOrder retrieveProductOrder(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  /** NotFound names an offering the catalogue doesn't know; an order without items is an ApiError with status 422. */
  ProductOrder createProductOrder(1: ProductOrderCreate order)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  ProductOrder patchProductOrder(1: string id, 2: ProductOrderUpdate change)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void deleteProductOrder(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  CancelProductOrderPage listCancelProductOrder(1: tmf_common.ListQuery query)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  CancelProductOrder retrieveCancelProductOrder(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error) (rpc.idempotent = "true")
  /** Cancels the order at once where its state allows it, else an ApiError with status 409. */
  CancelProductOrder createCancelProductOrder(1: CancelProductOrderCreate cancellation)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)

  /** Sends every change to the callback from now on. */
  tmf_common.Hub registerListener(1: tmf_common.HubInput hub)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
  void unregisterListener(1: string id)
    throws (1: tmf_common.NotFound notFound, 2: tmf_common.ApiError error)
}

/** Served by those who registered for changes. */
service OrderListener {
  oneway void onOrderEvent(1: OrderEvent event)
}
