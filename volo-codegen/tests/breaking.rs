//! Which change breaks whom: the table, case by case.

use volo_codegen::breaking::{Change, Level, Policy, Side, Version, compare};
use volo_codegen::diag::{Severity, render};
use volo_codegen::load;
use volo_codegen::source::{MemorySource, SourceMap};

const OLD: &str = "namespace rs shop
struct Item {
  1: required i64 id
  2: optional string title
  3: string text = \"none\"
  5: optional i32 kind
  7: Colour colour
} (reserved = \"6\")
enum Colour { RED = 1, GREEN = 2 }
union Value { 1: string text, 2: i64 number }
exception Gone { 1: string what }
exception Denied { 1: string why }
const i32 MAX = 3
typedef i64 Id
service Items {
  Item get(1: i64 id, 2: string like) throws (1: Gone gone) (api.get = \"/items/:id\")
  void put(1: Item item (api.body = \"item\"))
  oneway void seen(1: i64 id)
}
";

/// An edit of the text above (what, by what), and what is said at all levels: level, severity, code.
type Case = (
    &'static str,
    &'static [(&'static str, &'static str)],
    &'static [(&'static str, &'static str, &'static str)],
);

const TABLE: &[Case] = &[
    ("nothing", &[], &[]),
    // Additions.
    ("optional field at the end", &[("  7:", "  8: optional i64 more\n  7:")], &[]),
    ("optional field with a free lower id", &[("  5:", "  4: optional i64 more\n  5:")], &[]),
    ("plain field", &[("  7:", "  8: i64 more\n  7:")], &[]),
    ("function", &[("  oneway", "  void more()\n  oneway")], &[]),
    ("struct and service", &[("const", "struct More {}\nservice Others {}\nconst")], &[]),
    ("argument", &[("string like)", "string like, 3: i32 more)")], &[("source", "error", "argument-added")]),
    ("enum value", &[("GREEN = 2", "GREEN = 2, BLUE = 3")], &[("wire", "warning", "value-added")]),
    ("variant", &[("2: i64 number", "2: i64 number, 3: bool more")], &[("wire", "warning", "variant-added")]),
    (
        "exception",
        &[("Gone gone)", "Gone gone, 2: Denied denied)")],
        &[("wire", "warning", "exception-added")],
    ),
    ("required field", &[("  7:", "  8: required i64 more\n  7:")], &[("wire", "error", "required-added")]),
    (
        "required argument",
        &[("like)", "like, 3: required i32 more)")],
        &[("wire", "error", "required-added"), ("source", "error", "argument-added")],
    ),
    (
        "field with a reserved id",
        &[("  7:", "  6: optional i64 more\n  7:"), ("reserved = \"6\"", "reserved = \"9\"")],
        &[("wire", "warning", "reservation-dropped"), ("wire", "error", "reserved-id")],
    ),
    // Removals.
    ("required field", &[("  1: required i64 id\n", "")], &[("wire", "error", "field-removed")]),
    ("plain field", &[("  3: string text = \"none\"\n", "")], &[("wire", "error", "field-removed")]),
    ("optional field", &[("  2: optional string title\n", "")], &[("wire", "error", "id-not-reserved")]),
    (
        "optional field, reserved",
        &[("  2: optional string title\n", ""), ("\"6\"", "\"2, 6\"")],
        &[("wire", "warning", "field-removed")],
    ),
    ("reservation", &[(" (reserved = \"6\")", "")], &[("wire", "warning", "reservation-dropped")]),
    ("enum value", &[(", GREEN = 2", "")], &[("wire", "error", "value-removed")]),
    ("variant", &[(", 2: i64 number", "")], &[("wire", "error", "variant-removed")]),
    ("function", &[("  oneway void seen(1: i64 id)\n", "")], &[("wire", "error", "function-removed")]),
    ("argument", &[(", 2: string like", "")], &[("wire", "error", "argument-removed")]),
    ("exception", &[(" throws (1: Gone gone)", "")], &[("wire", "error", "exception-removed")]),
    ("service", &[("service Items", "service Other")], &[("wire", "error", "service-removed")]),
    (
        "types nobody sends",
        &[("exception Denied { 1: string why }\n", ""), ("typedef i64 Id\n", "")],
        &[("source", "error", "type-removed"), ("source", "error", "type-removed")],
    ),
    // Changes.
    ("type", &[("string title", "i64 title")], &[("wire", "error", "type-changed")]),
    ("string to binary", &[("string title", "binary title")], &[("wire", "error", "type-changed")]),
    ("typedef of the same", &[("i64 id, 2", "Id id, 2")], &[]),
    ("enum to number", &[("Colour colour", "i32 colour")], &[("json", "error", "type-changed")]),
    (
        "result",
        &[("  Item get", "  Value get")],
        &[("wire", "error", "kind-changed"), ("source", "error", "rust-type-changed")],
    ),
    ("no result", &[("  Item get", "  void get")], &[("wire", "error", "type-changed")]),
    ("oneway", &[("oneway void", "void")], &[("wire", "error", "oneway-changed")]),
    (
        "required to optional",
        &[("required i64 id", "optional i64 id")],
        &[("wire", "error", "requiredness-changed"), ("source", "error", "rust-type-changed")],
    ),
    (
        "optional to required",
        &[("optional i32 kind", "required i32 kind")],
        &[("wire", "error", "requiredness-changed"), ("source", "error", "rust-type-changed")],
    ),
    (
        "optional to plain",
        &[("optional i32 kind", "i32 kind")],
        &[("wire", "warning", "requiredness-changed"), ("source", "error", "rust-type-changed")],
    ),
    ("name of a field", &[("string title", "string heading")], &[("json", "error", "renamed")]),
    ("name of an argument", &[("string like", "string pattern")], &[("json", "error", "renamed")]),
    ("name of an enum value", &[("GREEN", "LIME")], &[("json", "error", "renamed")]),
    (
        "name of a struct",
        &[("struct Item", "struct Thing"), ("  Item get", "  Thing get"), ("1: Item", "1: Thing")],
        &[
            ("source", "error", "rust-type-changed"),
            ("source", "error", "rust-type-changed"),
            ("source", "error", "type-removed"),
        ],
    ),
    ("id", &[("  2: optional", "  8: optional")], &[("wire", "error", "id-changed")]),
    ("number", &[("GREEN = 2", "GREEN = 3")], &[("wire", "error", "number-changed")]),
    ("default", &[("\"none\"", "\"nothing\"")], &[("wire", "warning", "default-changed")]),
    ("constant", &[("MAX = 3", "MAX = 4")], &[("source", "warning", "constant-changed")]),
    ("struct to exception", &[("exception Denied", "struct Denied")], &[("source", "error", "kind-changed")]),
    ("namespace", &[("rs shop", "rs market")], &[("source", "error", "namespace-changed")]),
    // HTTP.
    ("path", &[("/items/:id", "/things/:id")], &[("http", "error", "http-changed")]),
    ("verb", &[("api.get", "api.post")], &[("http", "error", "http-changed")]),
    ("one more route", &[("(api.get", "(api.post = \"/items\", api.get")], &[]),
    (
        "place of a field",
        &[("api.body", "api.query")],
        &[("http", "error", "http-changed"), ("http", "error", "http-changed")],
    ),
    (
        "status",
        &[(
            "(1: Item item (api.body = \"item\"))",
            "(1: Item item (api.body = \"item\")) (api.status = \"201\")",
        )],
        &[("http", "error", "http-changed")],
    ),
];

#[test]
fn the_table() {
    let mut failures = Vec::new();
    for (name, edits, expected) in TABLE {
        let found: Vec<(&str, &str, &str)> = changes(&edited(edits), Level::Source, &Policy::default())
            .iter()
            .map(|change| (change.level.name(), change.diagnostic.severity.name(), change.diagnostic.code))
            .collect();
        if found != *expected {
            failures.push(format!("{name} {edits:?}\n  expected {expected:?}\n  found    {found:?}"));
        }
    }
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

#[test]
fn a_level_hides_what_comes_after_it() {
    let new = edited(&[("string title", "i64 heading"), ("/items", "/things"), ("MAX = 3", "MAX = 4")]);
    for (level, count) in [(Level::Wire, 1), (Level::Json, 2), (Level::Http, 3), (Level::Source, 4)] {
        assert_eq!(changes(&new, level, &Policy::default()).len(), count, "{level:?}");
    }
}

#[test]
fn under_the_policy_of_additions_nothing_is_taken_away() {
    let policy = Policy { additive: true, today: None };
    for (edit, allowed) in [
        (("GREEN = 2", "GREEN = 2, BLUE = 3"), true),
        (("string like)", "string like, 3: i32 more)"), true),
        (("\"none\"", "\"nothing\""), false),
        (("optional i32 kind", "i32 kind"), false),
        (("(reserved = \"6\")", ""), false),
    ] {
        let found = changes(&edited(&[edit]), Level::Http, &policy);
        let is_error = |change: &Change| change.diagnostic.severity == Severity::Error;
        assert_eq!(!found.iter().any(is_error), allowed, "{edit:?}");
    }
}

#[test]
fn what_was_deprecated_long_enough_may_go() {
    let field = "2: optional string title";
    let old = OLD.replace(field, &format!("{field} (deprecated = \"2026-01-01\")"));
    let new = OLD.replace(&format!("  {field}\n"), "").replace("\"6\"", "\"2, 6\"");
    let start = 20_454;
    for (day, severity, note) in [
        (start + 119, Severity::Error, "may go in 1 days"),
        (start + 120, Severity::Warning, "its 120 days are over"),
    ] {
        let policy = Policy { additive: true, today: Some(day) };
        let found = between(&old, &new, Level::Wire, &policy).0;
        assert_eq!(found[0].diagnostic.severity, severity, "{:?}", found[0].diagnostic.notes);
        assert!(found[0].diagnostic.notes[0].contains(note), "{:?}", found[0].diagnostic.notes);
    }
}

#[test]
fn changes_are_shown_where_they_are() {
    let new = edited(&[("string title", "i64 title"), (", GREEN = 2", "")]);
    let (found, old_sources, new_sources) = between(OLD, &new, Level::Wire, &Policy::default());
    let shown = |side: Side, sources: &SourceMap| {
        let of_side = found.iter().filter(|change| change.side == side);
        render(&of_side.map(|change| change.diagnostic.clone()).collect::<Vec<_>>(), sources, false)
    };
    let changed = shown(Side::New, &new_sources);
    assert!(changed.contains("from `string` to `i64`") && changed.contains("shop.thrift:4:3"), "{changed}");
    assert!(changed.contains("was `2: optional string title` at shop.thrift:4:3"), "{changed}");
    let gone = shown(Side::Old, &old_sources);
    assert!(gone.contains("value `GREEN` of enum `Colour` is gone"), "{gone}");
}

#[test]
fn items_are_found_in_other_files_too() {
    let split = [
        ("a.thrift", "include \"b.thrift\"\nservice S { b.T get() }".to_owned()),
        ("b.thrift", "struct T { 1: i64 a }".to_owned()),
    ];
    let joined = [("a.thrift", "struct T { 1: string a }\nservice S { T get() }".to_owned())];
    let (old, new) = (MemorySource::new(split), MemorySource::new(joined));
    let (old, new) = (load(&["a.thrift"], &old), load(&["a.thrift"], &new));
    let version = |loaded: &'static volo_codegen::Loaded| Version {
        model: loaded.model.as_ref().unwrap(),
        sources: &loaded.sources,
    };
    let (old, new) = (Box::leak(Box::new(old)), Box::leak(Box::new(new)));
    let found = compare(version(old), version(new), Level::Wire, &Policy::default());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].diagnostic.code, "type-changed");
}

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(OLD.to_owned(), |text, (what, by)| {
        assert!(text.contains(what), "{what}");
        text.replacen(what, by, 1)
    })
}

fn changes(new: &str, level: Level, policy: &Policy) -> Vec<Change> {
    between(OLD, new, level, policy).0
}

fn between(old: &str, new: &str, level: Level, policy: &Policy) -> (Vec<Change>, SourceMap, SourceMap) {
    let loaded = |text: &str| {
        let loaded = load(&["shop.thrift"], &MemorySource::new([("shop.thrift", text)]));
        let shown = render(&loaded.diagnostics, &loaded.sources, false);
        (loaded.model.unwrap_or_else(|| panic!("{shown}")), loaded.sources)
    };
    let ((old, old_sources), (new, new_sources)) = (loaded(old), loaded(new));
    let found = compare(
        Version { model: &old, sources: &old_sources },
        Version { model: &new, sources: &new_sources },
        level,
        policy,
    );
    (found, old_sources, new_sources)
}
