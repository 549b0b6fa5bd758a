/** Types shared by the catalogue and the ordering service, after TM Forum's common model. */
namespace rs tmf.common

/** A moment as ISO 8601 text, for example 2026-01-31T09:30:00Z. */
typedef string DateTime

/** How many items a page holds when the query doesn't say. */
const i32 DEFAULT_LIMIT = 20

/** The most items a page may hold. */
const i32 MAX_LIMIT = 1000

/** From start to end; a missing bound is open. */
struct TimePeriod {
  1: optional DateTime startDateTime
  2: optional DateTime endDateTime
}

/** An amount with its ISO 4217 currency as unit. */
struct Money {
  1: optional string unit
  2: optional double value
}

struct Quantity {
  1: optional double amount
  2: optional string units
}

struct Duration {
  1: optional i32 amount
  2: optional string units
}

/** A reference to another resource, for all of TM Forum's *Ref types. */
struct EntityRef {
  1: required string id
  2: optional string href
  3: optional string name
  4: optional string version
  5: optional string role
  6: optional string type
  7: optional string baseType
  8: optional string schemaLocation
  9: optional string referredType
}

struct RelatedParty {
  1: required string id
  2: optional string href
  3: optional string name
  4: optional string role
  5: required string referredType
  6: optional string baseType
  7: optional string schemaLocation
  8: optional string type
}

struct Note {
  1: optional string id
  2: optional string author
  3: optional DateTime date
  4: optional string text
}

/** A document, by content or by address. */
struct Attachment {
  1: optional string id
  2: optional string href
  3: optional string attachmentType
  4: optional binary content
  5: optional string description
  6: optional string mimeType
  7: optional string name
  8: optional string url
  9: optional Quantity size
  10: optional TimePeriod validFor
  11: optional string baseType
  12: optional string schemaLocation
  13: optional string type
  14: optional string referredType
}

/** Stands for TM Forum's Any: a scalar, or JSON text for everything else. */
union Value {
  1: string text
  2: i64 integer
  3: double decimal
  4: bool flag
  5: string json
}

struct Characteristic {
  1: required string name
  2: required Value value
  3: optional string valueType
}

/** What to list: equal names are alternatives, different names must all hold. */
struct ListQuery {
  /** Names of the fields wanted; empty means all. */
  1: list<string> fields
  2: i32 offset = 0
  3: i32 limit = DEFAULT_LIMIT
  /** Field to sort by, `-` in front for descending. */
  4: optional string sort
  5: map<string, list<string>> filter
}

/** A request that can't be served; `status` is what HTTP would say (400, 409, 422). */
exception ApiError {
  1: required string code
  2: required string reason
  3: optional string message
  4: optional i32 status
  5: optional string referenceError
}

/** No resource of that kind has the id. */
exception NotFound {
  1: required string resource
  2: required string id
  3: optional string message
}

enum EventKind {
  CREATE = 0
  ATTRIBUTE_VALUE_CHANGE = 1
  STATE_CHANGE = 2
  REMOVE = 3
  INFORMATION_REQUIRED = 4
}

/** What every notification carries beside its resource. */
struct EventEnvelope {
  1: required string eventId
  2: required DateTime eventTime
  3: required string eventType
  4: EventKind kind
  5: optional string correlationId
  6: optional string domain
  7: optional string title
  8: optional string description
  9: optional string priority
  10: optional DateTime timeOcurred
}

/** Where to send events. */
struct HubInput {
  /** Address of a listener service, for example 127.0.0.1:9000. */
  1: required string callback
  2: optional string query
}

struct Hub {
  1: required string id
  2: required string callback
  3: optional string query
}
