//! A large IDL, for tests of time.

use std::fmt::Write;

/// An IDL of `count` structs that refer to each other, with enums, services, constants and comments among them.
pub(crate) fn idl(count: usize) -> String {
    let mut text = "namespace rs large\n".to_owned();
    for i in 0..count {
        let (near, far) = (i / 2, i / 3);
        writeln!(
            text,
            "/** Struct number {i}. */\n\
             struct Item{i} {{\n\
             \x20 1: required string id,\n\
             \x20 2: optional i64 createdAt = {i},\n\
             \x20 3: list<Item{near}> nearItems,\n\
             \x20 4: optional map<string, Item{far}> byName,\n\
             \x20 5: Kind{kind} kind,\n\
             \x20 6: optional double ratio,\n\
             \x20 7: set<string> tags,\n\
             \x20 8: optional binary payload,\n\
             }}",
            kind = i / 10 * 10,
        )
        .unwrap();
        if i % 10 == 0 {
            writeln!(text, "enum Kind{i} {{ FIRST, SECOND = 5, THIRD }}\nconst i32 LIMIT_{i} = {i}").unwrap();
            writeln!(text, "exception Failed{i} {{ 1: string message }}").unwrap();
            writeln!(text, "service Store{i} {{").unwrap();
            writeln!(text, "  Item{i} get(1: string id) throws (1: Failed{i} failed),").unwrap();
            writeln!(text, "  void put(1: Item{i} item, 2: bool force = false),\n}}").unwrap();
        }
    }
    text
}
