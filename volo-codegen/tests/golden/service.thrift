namespace rs golden.service

include "base.thrift"
include "shared.thrift"

/** What there is to sell. */
struct Item {
  /** Its id. */
  1: required string id,
  /** Its name. */
  2: optional string name,
}

/** No such item. */
exception NotFound {
  /** The id asked for. */
  1: string id,
  /** In words. */
  2: string message,
}

/** Offers items. */
service Catalogue extends base.Base {
  /**
   * Finds one item.
   *
   * - by its id
   * only
   */
  Item retrieveItem(1: string id) throws (1: NotFound notFound, 2: shared.Denied denied) (rpc.idempotent = "1"),
  /** A page of items. */
  list<Item> listItems(1: shared.Page page, 2: optional string filter, 3: map<string, list<string>> sorting, 4: set<string> fields),
  /** Tells that an item was sold. */
  oneway void sold(1: string id, 2: i64 at),
  /** Does nothing. */
  void nothing(),
}

service Extended extends Catalogue {}

service AQuiteLongServiceNameForTheSakeOfLineBreaks {
  map<string, list<Item>> aQuiteLongMethodName(1: map<string, list<Item>> first, 2: i32 second) throws (1: NotFound notFound),
  void short(),
}
