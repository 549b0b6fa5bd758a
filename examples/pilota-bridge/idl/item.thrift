namespace rs item

struct Item {
    1: required i64 id,
    2: required string title,
    3: optional map<string, string> extra,
    4: optional list<i64> prices,
    5: optional list<Item> parts,
    6: optional binary photo,
}

exception NoSuchItem {
    1: required i64 id,
}

service ItemService {
    Item get_item(1: i64 id, 2: string language) throws (1: NoSuchItem missing),
    void put_item(1: required Item item),
    oneway void forget(1: i64 id),
}
