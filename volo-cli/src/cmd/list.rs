//! `volo list` and `volo describe`: what a server offers.

use std::sync::Arc;

use serde_json::json;
use volo_thrift::generic::{FieldType, MethodType, Schema, ServiceType};

use super::Status;
use crate::{
    remote::{self, Remote},
    report,
};

/// Lists the services and methods of a server.
#[derive(Debug, clap::Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    remote: Remote,
    /// Print a list of objects.
    #[arg(long)]
    json: bool,
}

/// Describes a service or a method of a server: types, comments, or the whole IDL.
#[derive(Debug, clap::Args)]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    remote: Remote,
    /// `Service` or `Service.method`; the text of the IDL if there is none.
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

/// Runs `volo list`.
pub(crate) fn list(args: &ListArgs) -> Status {
    remote::block_on(async {
        let schemas = args.remote.schemas().await?;
        let services = schemas
            .iter()
            .flat_map(|schema| schema.services().iter().map(move |service| (schema.as_ref(), service)));
        if args.json {
            let objects = services.map(|(schema, service)| {
                let methods = service.methods.iter().map(|method| {
                    json!({
                        "name": method.name, "signature": signature(schema, method), "docs": method.docs,
                        "oneway": method.oneway, "idempotent": method.idempotent,
                    })
                });
                let methods: serde_json::Value = methods.collect();
                json!({ "name": service.name, "docs": service.docs, "methods": methods })
            });
            println!("{:#}", objects.collect::<serde_json::Value>());
            return Ok(Status::Fine);
        }
        for (schema, service) in services {
            println!("{}", service.name);
            for method in &service.methods {
                println!("  {}", signature(schema, method));
            }
        }
        Ok(Status::Fine)
    })
}

/// Runs `volo describe`.
pub(crate) fn describe(args: &DescribeArgs) -> Status {
    remote::block_on(async {
        let schemas = args.remote.schemas().await?;
        let Some(name) = &args.name else {
            for file in schemas.iter().flat_map(|schema| schema.files()) {
                println!("// {}\n{}", file.name, file.text.as_deref().unwrap_or("// its text is not known"));
            }
            return Ok(Status::Fine);
        };
        let (service, method) = match name.split_once('.') {
            Some((service, method)) => (service, Some(method)),
            None => (name.as_str(), None),
        };
        let known = schemas.iter().find_map(|schema| Some((schema, schema.service(service)?)));
        let Some((schema, service)) = known else {
            return Err(report::unusable(&unknown(&schemas, name)));
        };
        match method {
            None => print_service(schema, service),
            Some(method) => match service.method(method) {
                Some(method) => print_method(schema, method, ""),
                None => return Err(report::unusable(&unknown(&schemas, name))),
            },
        }
        Ok(Status::Fine)
    })
}

fn unknown(schemas: &[Arc<Schema>], name: &str) -> String {
    let names = schemas.iter().flat_map(|schema| schema.services()).map(|service| service.name.as_str());
    format!("there is no {name}\nhelp: there are the services {}", names.collect::<Vec<_>>().join(", "))
}

fn print_service(schema: &Schema, service: &ServiceType) {
    print_docs(service.docs.as_deref(), "");
    println!("service {} {{", service.name);
    for (at, method) in service.methods.iter().enumerate() {
        if at > 0 {
            println!();
        }
        print_method(schema, method, "  ");
    }
    println!("}}");
}

fn print_method(schema: &Schema, method: &MethodType, indent: &str) {
    print_docs(method.docs.as_deref(), indent);
    println!("{indent}{}", signature(schema, method));
}

fn print_docs(docs: Option<&str>, indent: &str) {
    for line in docs.unwrap_or_default().lines() {
        println!("{}", format!("{indent}// {line}").trim_end());
    }
}

/// A method as the IDL writes it.
fn signature(schema: &Schema, method: &MethodType) -> String {
    let field = |field: &FieldType| format!("{}: {} {}", field.id, schema.type_name(&field.ty), field.name);
    let args = method.args.fields.iter().map(field).collect::<Vec<_>>().join(", ");
    let success = method.result.fields.iter().find(|field| field.id == 0);
    let returns = success.map_or_else(|| "void".to_owned(), |field| schema.type_name(&field.ty));
    let throws = method.result.fields.iter().filter(|field| field.id != 0).map(field).collect::<Vec<_>>();
    let throws = if throws.is_empty() { String::new() } else { format!(" throws ({})", throws.join(", ")) };
    let oneway = if method.oneway { "oneway " } else { "" };
    format!("{oneway}{returns} {}({args}){throws}", method.name)
}
