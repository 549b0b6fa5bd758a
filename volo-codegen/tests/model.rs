//! What the model says about an IDL that uses everything.

use volo_codegen::diag::render;
use volo_codegen::model::*;
use volo_codegen::source::MemorySource;

fn load(files: &[(&str, &str)]) -> Model {
    let loaded = volo_codegen::load(&[files[0].0], &MemorySource::new(files.iter().copied()));
    let shown = render(&loaded.diagnostics, &loaded.sources, false);
    loaded.model.unwrap_or_else(|| panic!("{shown}"))
}

fn load_text(text: &str) -> Model {
    load(&[("dir/main.thrift", text)])
}

fn structure<'a>(model: &'a Model, name: &str) -> &'a Struct {
    model.structs.iter().find(|item| item.name == name).unwrap()
}

fn constant<'a>(model: &'a Model, name: &str) -> &'a Value {
    &model.consts.iter().find(|item| item.name == name).unwrap().value
}

#[test]
fn files_know_their_module_and_includes() {
    let model = load(&[
        ("a.thrift", "include \"dir/b.thrift\"\ninclude \"c.thrift\"\nnamespace rs x.y\nnamespace * z"),
        ("dir/b.thrift", "include \"../c.thrift\"\nnamespace go g\nnamespace * p.q"),
        ("c.thrift", "namespace go g"),
    ]);
    let modules: Vec<String> = model.files.iter().map(|file| file.rust_module.join("::")).collect();
    assert_eq!(modules, ["x::y", "p::q", "c"]);
    let includes: Vec<Vec<usize>> =
        model.files.iter().map(|file| file.includes.iter().map(|id| id.index()).collect()).collect();
    assert_eq!(includes, [vec![1, 2], vec![2], vec![]]);
    assert_eq!(model.files.iter().map(|file| file.root).collect::<Vec<_>>(), [true, false, false]);
    assert_eq!(model.files[0].namespaces[1].lang, "*");
}

#[test]
fn several_roots_share_what_they_include() {
    let source = MemorySource::new([
        ("a.thrift", "include \"c.thrift\"\nstruct A { 1: c.C c }"),
        ("b.thrift", "include \"c.thrift\"\nstruct B { 1: c.C c }"),
        ("c.thrift", "struct C {}"),
    ]);
    let model = volo_codegen::load(&["a.thrift", "b.thrift", "./a.thrift"], &source).model.unwrap();
    let paths: Vec<&str> = model.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["a.thrift", "b.thrift", "c.thrift"]);
    assert_eq!(structure(&model, "A").fields[0].ty, structure(&model, "B").fields[0].ty);
}

#[test]
fn fields_keep_ids_order_and_requiredness() {
    let model = load_text(
        "struct A { 7: required i32 b, i32 x, 2: optional string a, -9: i32 y } (k = \"v\", flag, k = \"w\")
         union U { 1: required i32 a, 2: string b }",
    );
    let fields = |name: &str| -> Vec<(i16, String, Requiredness)> {
        let fields = structure(&model, name).fields.iter();
        fields.map(|field| (field.id, field.name.clone(), field.requiredness)).collect()
    };
    let row = |id, name: &str, requiredness| (id, name.to_owned(), requiredness);
    use Requiredness::*;
    assert_eq!(
        fields("A"),
        [row(7, "b", Required), row(-1, "x", Default), row(2, "a", Optional), row(-2, "y", Default)]
    );
    assert_eq!(fields("U"), [row(1, "a", Optional), row(2, "b", Optional)]);
    let annotations = &structure(&model, "A").meta.annotations;
    assert_eq!(annotations.get("k"), Some("w"));
    assert_eq!(annotations.get("flag"), Some("1"));
    assert_eq!(annotations.get("other"), None);
    assert_eq!(annotations.0.len(), 3);
}

#[test]
fn boxed_marks_exactly_the_cycles_without_a_container() {
    let model = load_text(
        "typedef A Alias
         struct A { 1: B b, 2: list<A> list, 3: Leaf leaf, 4: map<string, A> map }
         union B { 1: Alias a, 2: C c }
         exception C { 1: optional C c, 2: Leaf & leaf }
         struct Leaf { 1: i32 x }
         struct User { 1: A a }",
    );
    let boxed: Vec<String> = model
        .structs
        .iter()
        .flat_map(|item| item.fields.iter().map(move |field| (item, field)))
        .filter(|(_, field)| field.boxed)
        .map(|(item, field)| format!("{}.{}", item.name, field.name))
        .collect();
    assert_eq!(boxed, ["A.b", "B.a", "C.c"]);
    assert!(structure(&model, "C").fields[1].reference);
}

#[test]
fn values_are_evaluated_to_their_types() {
    let model = load(&[
        (
            "m.thrift",
            r#"include "inc.thrift"
            typedef map<string, inc.E> Table
            const i8 A = -0x10
            const double B = A
            const bool C = 1
            const list<double> D = [1, 2.5, A]
            const Table E = {"x": inc.E.TWO, "y": 1, inc.NAME: inc.E.ONE}
            const binary F = "a\n\\\"é"
            const set<i32> G = [3, 1, 3]
            const i64 H = inc.E.TWO
            const uuid I = "00112233-4455-6677-8899-AABBCCDDEEFF"
            struct P { 1: i32 x = 5, 2: inc.E e = 2, 3: optional P next }
            const P J = {"next": {"x": 7}, "e": inc.E.ONE}
            const i32 MASK = 0xFFFF0000"#,
        ),
        ("inc.thrift", "enum E { ONE = 1, TWO } const string NAME = 'n'"),
    ]);
    let e = |number| Value::Enum(model_enum(&model), number);
    let text = |text: &str| Value::String(text.to_owned());
    assert_eq!(*constant(&model, "A"), Value::I8(-16));
    assert_eq!(*constant(&model, "B"), Value::Double(-16.0));
    assert_eq!(*constant(&model, "C"), Value::Bool(true));
    let d = [1.0, 2.5, -16.0].map(Value::Double).to_vec();
    assert_eq!(*constant(&model, "D"), Value::List(d));
    let table = vec![(text("x"), e(2)), (text("y"), e(1)), (text("n"), e(1))];
    assert_eq!(*constant(&model, "E"), Value::Map(table));
    assert_eq!(*constant(&model, "F"), Value::Binary("a\n\\\"é".into()));
    assert_eq!(*constant(&model, "G"), Value::Set(vec![Value::I32(3), Value::I32(1)]));
    assert_eq!(*constant(&model, "H"), Value::I64(2));
    assert_eq!(*constant(&model, "I"), Value::Uuid(std::array::from_fn(|i| i as u8 * 0x11)));
    assert_eq!(*constant(&model, "MASK"), Value::I32(-65536));
    let p = match structure(&model, "P").fields[2].ty {
        Type::Struct(id) => id,
        ref other => panic!("{other:?}"),
    };
    let inner = Value::Struct(p, vec![(0, Value::I32(7))]);
    assert_eq!(*constant(&model, "J"), Value::Struct(p, vec![(1, e(1)), (2, inner)]));
    assert_eq!(model[p].fields[0].default, Some(Value::I32(5)));
    assert_eq!(model[p].fields[1].default, Some(e(2)));
}

fn model_enum(model: &Model) -> EnumId {
    match model.files.iter().flat_map(|file| &file.items).find(|item| matches!(item, Item::Enum(_))) {
        Some(Item::Enum(id)) => *id,
        other => panic!("{other:?}"),
    }
}

#[test]
fn enums_count_on_from_explicit_numbers() {
    let model = load_text("enum E { A, B = 5, C, D = -2, F, G = 0x10 H }");
    let numbers: Vec<i32> = model.enums[0].values.iter().map(|value| value.number).collect();
    assert_eq!(numbers, [0, 5, 6, -2, -1, 16, 17]);
}

#[test]
fn services_resolve_inheritance_and_exceptions() {
    let model = load(&[
        (
            "m.thrift",
            "include 'inc.thrift'
             service Top extends inc.Base {
               oneway i32 log(1: string line)
               inc.R get(1: i32 id = 3, optional i32 more) throws (1: inc.Alias x) (http = '/x')
               void stop()
             }",
        ),
        (
            "inc.thrift",
            "struct R {} exception X {} typedef X Alias service Base0 { void a() } service Base extends Base0 { void b() }",
        ),
    ]);
    let top = match model.files[0].items[0] {
        Item::Service(id) => id,
        other => panic!("{other:?}"),
    };
    let names: Vec<&str> = model.functions(top).map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "log", "get", "stop"]);
    let [log, get, stop] = &model[top].functions[..] else { panic!() };
    assert!(log.oneway && log.returns.is_none() && stop.returns.is_none());
    assert_eq!(get.args[0].default, Some(Value::I32(3)));
    assert_eq!((get.args[1].id, get.args[1].requiredness), (-1, Requiredness::Default));
    assert!(matches!(model.resolve(&get.throws[0].ty), Type::Struct(_)));
    assert!(matches!(get.throws[0].ty, Type::Typedef(_)));
    assert_eq!(get.meta.annotations.get("http"), Some("/x"));
}

#[test]
fn documentation_is_found_where_people_put_it() {
    let model = load_text(
        "// Licence of the file.

/** About the file. */
namespace rs x

/**
 * An item.
 *   Indented.
 */
struct Item {
  /** The id. */ 1: i32 id
  // Plain comment above.
  // Second line.
  2: i32 a
  3: i32 b // behind b
  4: i32 c, // behind c
  /// Slashes.
  5: i32 d // not this

  // A section of its own.

  6: i32 e
} // not for the next
struct Bare {}

# hash
enum E { A /* behind A */
  /* above B */ B }
",
    );
    let item = structure(&model, "Item");
    assert_eq!(model.files[0].docs.as_deref(), Some("About the file."));
    assert_eq!(item.meta.docs.as_deref(), Some("An item.\n  Indented."));
    let docs: Vec<Option<&str>> = item.fields.iter().map(|field| field.meta.docs.as_deref()).collect();
    let expected = ["The id.", "Plain comment above.\nSecond line.", "behind b", "behind c", "Slashes."];
    assert_eq!(docs[..5], expected.map(Some));
    assert_eq!(docs[5], None);
    assert_eq!(structure(&model, "Bare").meta.docs, None);
    assert_eq!(model.enums[0].meta.docs.as_deref(), Some("hash"));
    let values: Vec<Option<&str>> =
        model.enums[0].values.iter().map(|value| value.meta.docs.as_deref()).collect();
    assert_eq!(values, [Some("behind A"), Some("above B")]);
}

#[test]
fn the_same_input_gives_the_same_model() {
    let text = include_str!("corpus/accept/service.thrift");
    assert_eq!(load_text(text), load_text(text));
    let structs: String =
        (0..200).map(|i| format!("struct S{i} {{ 1: S{} s }}\n", (i * 7 + 1) % 200)).collect();
    assert_eq!(format!("{:?}", load_text(&structs)), format!("{:?}", load_text(&structs)));
}
