//! The programs, tests and benches of a project, in rustfmt's layout.

use std::collections::BTreeSet;

use volo_codegen::{MethodOutline, ServiceOutline};

use super::imports::{Imports, WIDTH};
use super::{Project, Template, handlers};

/// Longer chains of calls go over several lines.
const CHAIN_WIDTH: usize = 60;

/// `src/bin/server.rs`
pub(super) fn server(project: &Project<'_>) -> String {
    let mut imports = Imports::beside(&["serve"]);
    imports.name("volo_core::BoxError");
    imports.name("volo_core::runtime");
    imports.name("volo_core::shutdown");
    imports.name(&format!("{}::S", project.crate_name()));
    let reflection = imports.name("volo_thrift::generic::Reflection");
    let reflection = format!(".add_service({reflection}::new([volo_gen::SCHEMA]))");
    let server = server_chain(project, &[reflection], "address.as_str()", ".await?", &mut imports);
    format!(
        "//! Serves {}: `cargo run --bin server [ADDRESS]`.

{}
fn main() -> Result<(), BoxError> {{
    // As many threads as the container has processors; says how many on standard error.
    runtime::block_on(serve())?
}}

async fn serve() -> Result<(), BoxError> {{
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| \"127.0.0.1:8080\".to_owned());
    // The service with the schema tells callers the IDL, so that `volo call` needs no more than the
    // address. Leave it out to tell nobody.
    let server = {server};
    println!(\"listening on {{}}\", server.local_address());
    server.serve(shutdown::signal()).await;
    Ok(())
}}
",
        names(project),
        imports.lines(),
    )
}

/// `src/bin/client.rs`
pub(super) fn client(project: &Project<'_>) -> String {
    let mut imports = Imports::default();
    imports.name("volo_core::Address");
    imports.name("volo_core::BoxError");
    let address = if project.served().len() > 1 { "address.clone()" } else { "address" };
    let mut calls = String::new();
    for service in project.served() {
        let methods = methods(project, service);
        let replying = methods.iter().find(|method| !method.oneway);
        let Some(method) = replying.or(methods.first()) else { continue };
        let client = client_chain(project, service, address, &mut imports);
        let call = call(method, &mut imports);
        let name = format!("{}.{}", service.name, method.name);
        calls += &format!("    let client = {client};\n");
        calls += &match method.output.as_str() {
            "()" => format!("    {call}?;\n    println!(\"{name}: done\");\n"),
            _ => format!("    let reply = {call}?;\n    println!(\"{name}: {{reply:#?}}\");\n"),
        };
    }
    format!(
        "//! Calls {}: `cargo run --bin client [ADDRESS]`.

{}
#[tokio::main]
async fn main() -> Result<(), BoxError> {{
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| \"127.0.0.1:8080\".to_owned());
    let address: Address = address.parse()?;
{calls}    Ok(())
}}
",
        names(project),
        imports.lines(),
    )
}

/// `src/lib.rs` of a client.
pub(super) fn clients(project: &Project<'_>) -> String {
    let mut imports = Imports::default();
    imports.name("volo_core::Address");
    let mut functions = String::new();
    for service in project.served() {
        let client = imports.name(&format!("{}::{}", service.module, service.client));
        let builder = imports.name(&format!("{}::{}", service.module, service.client_builder));
        let chain = chain(
            &format!("{builder}::new({:?})", service.name),
            &[format!(".caller_name({:?})", project.name), ".address(address)".into(), ".build()".into()],
            0,
        );
        functions += &format!(
            "\n/// A client of `{}`.\npub fn {}(address: Address) -> {client} {{\n    {chain}\n}}\n",
            service.name,
            snake(&service.service),
        );
    }
    format!(
        "//! How clients are made: timeouts, retries and layers belong here.\n\n{}{functions}",
        imports.lines()
    )
}

/// `tests/common/mod.rs`: the server that tests and benches call.
pub(super) fn common(project: &Project<'_>) -> String {
    let mut imports = Imports::beside(&["S", "start"]);
    imports.name("volo_core::Address");
    let handlers = match project.template {
        Template::Service => {
            imports = Imports::default();
            imports.name("volo_core::Address");
            imports.name(&format!("{}::S", project.crate_name()));
            String::new()
        }
        Template::Client => {
            let blocks = handlers::blocks(project, &mut imports);
            format!("\n/// Answers each call with an empty reply.\nstruct S;\n\n{blocks}")
        }
    };
    let server = server_chain(project, &[], "\"127.0.0.1:0\"", ".await.unwrap()", &mut imports);
    format!(
        "//! What tests and benches share.

{}
/// Starts a server at a free port; gives its address.
pub async fn start() -> Address {{
    let server = {server};
    let address = server.local_address().clone();
    tokio::spawn(server.serve(std::future::pending()));
    address
}}
{handlers}",
        imports.lines(),
    )
}

/// `tests/calls.rs`
pub(super) fn tests(project: &Project<'_>) -> String {
    let mut imports = Imports::beside(&["common"]);
    imports.name("common::start");
    let mut taken = BTreeSet::new();
    let mut tests = String::new();
    for service in project.served() {
        for method in methods(project, service) {
            let name = test_name(service, method, &mut taken);
            let client = client_chain(project, service, "start().await", &mut imports);
            let call = call(method, &mut imports);
            tests += &format!(
                "
#[tokio::test]
async fn {name}() {{
    let client = {client};
    let reply = {call};
    assert!(reply.is_ok(), \"{{reply:?}}\");
}}
"
            );
        }
    }
    format!("//! Calls each method once, over a connection.\n\nmod common;\n\n{}{tests}", imports.lines(),)
}

/// `benches/calls.rs`
pub(super) fn benches(project: &Project<'_>) -> String {
    let mut imports = Imports::beside(&["common"]);
    for name in ["Criterion", "criterion_group", "criterion_main"] {
        imports.name(&format!("criterion::{name}"));
    }
    let served = project.served();
    let calls = served
        .iter()
        .flat_map(|service| methods(project, service).into_iter().map(move |method| (*service, method)));
    let Some((service, method)) = calls.min_by_key(|(_, method)| method.oneway) else { return String::new() };
    let name = test_name(service, method, &mut BTreeSet::new());
    let client = client_chain(project, service, "address", &mut imports);
    let arguments = arguments(method, &mut imports).join(", ");
    let links =
        [".to_async(&runtime)".to_owned(), format!(".iter(|| client.{}({arguments}))", method.method)];
    let iterate = chain("bencher", &links, 8).replace("\n", "\n    ");
    format!(
        "//! How long a call takes: `cargo bench`.

#[path = \"../tests/common/mod.rs\"]
mod common;

{}
fn {name}(criterion: &mut Criterion) {{
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let address = runtime.block_on(common::start());
    let client = {client};
    criterion.bench_function(\"{name}\", |bencher| {{
        {iterate};
    }});
}}

criterion_group!(benches, {name});
criterion_main!(benches);
",
        imports.lines(),
    )
}

/// All methods of a service, inherited ones first.
fn methods<'a>(project: &'a Project<'_>, service: &'a ServiceOutline) -> Vec<&'a MethodOutline> {
    let mut lineage: Vec<&ServiceOutline> =
        std::iter::successors(Some(service), |at| at.extends.map(|base| &project.services[base])).collect();
    lineage.reverse();
    lineage.into_iter().flat_map(|service| &service.methods).collect()
}

/// `Service.method` of a method that can be called to see something.
pub(crate) fn example(project: &Project<'_>) -> String {
    let all = project.served();
    let calls = all
        .iter()
        .flat_map(|service| methods(project, service).into_iter().map(move |method| (service, method)));
    let call = calls.min_by_key(|(_, method)| method.oneway);
    call.map_or_else(String::new, |(service, method)| format!("{}.{}", service.name, method.name))
}

/// `A`, `A and B`, `A, B and C`
fn names(project: &Project<'_>) -> String {
    let names: Vec<&str> = project.served().iter().map(|service| service.name.as_str()).collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// A server of all services that listens at `address`, with more links if need be.
fn server_chain(
    project: &Project<'_>,
    more: &[String],
    address: &str,
    end: &str,
    imports: &mut Imports,
) -> String {
    let served = project.served();
    let mut links = Vec::new();
    let head = if let [service] = served[..] {
        format!("{}::new(S)", imports.name(&format!("{}::{}", service.module, service.server)))
    } else {
        for service in &served {
            let server = imports.name(&format!("{}::{}", service.module, service.server));
            links.push(format!(".add_service({server}::from_handler(S))"));
        }
        // Their clients name the service with each call, and so must everyone else then.
        let mut taken = BTreeSet::new();
        let mut all = served.iter().flat_map(|service| methods(project, service));
        if !all.all(|method| taken.insert(method.name.as_str())) {
            links.push(".service_name_required()".to_owned());
        }
        format!("{}::new()", imports.name("volo_thrift::Server"))
    };
    links.extend_from_slice(more);
    links.push(format!(".bind({address})"));
    match end.split_once(".unwrap()") {
        Some((wait, _)) => links.extend([wait.to_owned(), ".unwrap()".to_owned()]),
        None => links.push(end.to_owned()),
    }
    chain(&head, &links, "let server = ".len())
}

/// A client of a service at `address`.
fn client_chain(
    project: &Project<'_>,
    service: &ServiceOutline,
    address: &str,
    imports: &mut Imports,
) -> String {
    if project.template == Template::Client {
        let function = imports.name(&format!("{}::{}", project.crate_name(), snake(&service.service)));
        return format!("{function}({address})");
    }
    let builder = imports.name(&format!("{}::{}", service.module, service.client_builder));
    let head = format!("{builder}::new({:?})", service.name);
    chain(&head, &[format!(".address({address})"), ".build()".to_owned()], "let client = ".len())
}

/// A call of a method with empty arguments.
fn call(method: &MethodOutline, imports: &mut Imports) -> String {
    let arguments = arguments(method, imports);
    let flat = format!(".{}({})", method.method, arguments.join(", "));
    let link = match flat.len() - method.method.len() - 3 > CHAIN_WIDTH {
        true => {
            let lines: String =
                arguments.iter().map(|argument| format!("            {argument},\n")).collect();
            format!(".{}(\n{lines}        )", method.method)
        }
        false => flat,
    };
    chain("client", &[link, ".await".to_owned()], "let reply = ".len())
}

fn arguments(method: &MethodOutline, imports: &mut Imports) -> Vec<String> {
    let value = |(_, ty): &(String, String)| match ty.starts_with("volo_gen::") && !ty.contains('<') {
        true => format!("{}::default()", imports.ty(ty)),
        false => "Default::default()".to_owned(),
    };
    method.arguments.iter().map(value).collect()
}

/// A chain of calls, on one line if rustfmt would leave it there.
fn chain(head: &str, links: &[String], before: usize) -> String {
    let flat = format!("{head}{}", links.concat());
    if flat.len() <= CHAIN_WIDTH && before + flat.len() + 5 <= WIDTH {
        return flat;
    }
    let lines: String = links.iter().map(|link| format!("\n        {link}")).collect();
    format!("{head}{lines}")
}

fn test_name(service: &ServiceOutline, method: &MethodOutline, taken: &mut BTreeSet<String>) -> String {
    let method = method.method.trim_start_matches("r#");
    let mut name = format!("{}_{method}", snake(&service.service));
    while !taken.insert(name.clone()) {
        name += "_again";
    }
    name
}

/// `HTTPService` is `http_service`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.trim_start_matches("r#").chars().collect();
    let mut out = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|before| letters[before]);
        let begins = letter.is_ascii_uppercase()
            && before.is_some_and(|before| {
                !before.is_ascii_uppercase() && before != '_'
                    || before.is_ascii_uppercase()
                        && letters.get(at + 1).is_some_and(char::is_ascii_lowercase)
            });
        if begins {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_snakes() {
        for (name, expected) in
            [("ItemService", "item_service"), ("HTTPService", "http_service"), ("a_B", "a_b")]
        {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn long_chains_are_broken() {
        let links = [".address(start().await)".to_owned(), ".build()".to_owned()];
        assert_eq!(chain("A::new()", &links, 13), "A::new().address(start().await).build()");
        let broken = chain("ItemServiceClientBuilder::new(\"item\")", &links, 13);
        assert_eq!(broken.lines().count(), 3);
    }
}
