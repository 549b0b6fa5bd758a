//! Services: the trait to implement, the client, the server, and each method's messages.

use super::docs;
use super::lints;
use super::names::{FunctionNames, ServiceNames, field_names};
use super::structs::{Shape, write_shape};
use super::text::{Doc, End, Text};
use super::types::Scope;
use crate::model::{Annotations, Function, ServiceId};

/// A function as one service has it: its own or an ancestor's.
struct Method<'a> {
    function: &'a Function,
    names: &'a FunctionNames,
    /// Where its messages are.
    module: usize,
    arguments: Vec<(String, String)>,
}

/// Writes a service.
pub(super) fn write(scope: &Scope<'_>, text: &mut Text, id: ServiceId) {
    let methods: Vec<Method<'_>> =
        scope.model.lineage(id).into_iter().flat_map(|service| methods_of(scope, service)).collect();
    let own = &methods[methods.len() - scope.model[id].functions.len()..];
    let names = &scope.names.services[id.index()];
    write_trait(scope, text, id, own);
    write_client(scope, text, id, names, &methods);
    write_server(scope, text, id, names, &methods);
    write_table(scope, text, id, names, &methods);
    for method in own {
        write_messages(scope, text, method);
    }
}

fn methods_of<'a>(scope: &Scope<'a>, id: ServiceId) -> Vec<Method<'a>> {
    let service = &scope.model[id];
    let names = &scope.names.services[id.index()].functions;
    let describe = |(function, names): (&'a Function, &'a FunctionNames)| {
        let arguments = field_names(&function.args)
            .into_iter()
            .zip(&function.args)
            .map(|(name, argument)| (name, scope.field_type(argument, &Annotations::default(), false)))
            .collect();
        Method { function, names, module: scope.names.module_of(service.file), arguments }
    };
    service.functions.iter().zip(names).map(describe).collect()
}

impl Method<'_> {
    fn output(&self, scope: &Scope<'_>) -> String {
        self.function.returns.as_ref().map_or_else(|| "()".to_owned(), |ty| scope.ty(ty, false))
    }

    /// `Result<output, rt::error<exception>>`
    fn result(&self, scope: &Scope<'_>, error: &str) -> String {
        let error = match self.function.throws.is_empty() {
            true => format!("rt::{error}"),
            false => format!("rt::{error}<{}>", scope.path(self.module, &self.names.exception)),
        };
        format!("{}<{}, {error}>", scope.std("Result"), self.output(scope))
    }

    fn parameters(&self) -> Vec<String> {
        let arguments = self.arguments.iter().map(|(name, ty)| format!("{name}: {ty}"));
        std::iter::once("&self".to_owned()).chain(arguments).collect()
    }

    fn write_head(&self, text: &mut Text, result: &str) {
        docs::write(text, &self.function.meta.docs);
        let types = self.arguments.iter().map(|(_, ty)| ty.clone()).chain([result.to_owned()]);
        lints::allow_for_method(text, &self.names.method, &types.collect::<Vec<_>>());
    }
}

fn write_trait(scope: &Scope<'_>, text: &mut Text, id: ServiceId, own: &[Method<'_>]) {
    let service = &scope.model[id];
    let bounds = match service.extends {
        Some(parent) => scope.path(
            scope.names.module_of(scope.model[parent].file),
            &scope.names.services[parent.index()].service,
        ),
        None => format!("{} + {} + 'static", scope.std("Send"), scope.std("Sync")),
    };
    let name = &scope.names.services[id.index()].service;
    text.blank();
    docs::write(text, &service.meta.docs);
    if own.iter().any(|method| method.names.method == "len") {
        lints::allow(text, &["len_without_is_empty"], "the names are the IDL's");
    }
    if own.is_empty() {
        return text.line(format!("pub trait {name}: {bounds} {{}}"));
    }
    text.open(format!("pub trait {name}: {bounds} {{"));
    for method in own {
        text.blank();
        let result = method.result(scope, "ServerError");
        method.write_head(text, &result);
        let future = format!("impl rt::Future<Output = {result}> + {}", scope.std("Send"));
        let head = format!("fn {}", method.names.method);
        text.signature(&head, &method.parameters(), &future, End::Semicolon);
    }
    text.close("}");
}

fn write_client(
    scope: &Scope<'_>,
    text: &mut Text,
    id: ServiceId,
    names: &ServiceNames,
    methods: &[Method<'_>],
) {
    let wire_name = &scope.model[id].name;
    let client = &names.client;
    text.blank();
    text.line(format!("/// A client of `{wire_name}`; cheap to clone."));
    text.line("#[derive(Clone, Debug)]");
    text.line(format!("pub struct {client}(rt::Client);"));
    text.blank();
    text.line(format!("/// Makes a [`{client}`]."));
    text.assign(
        &format!("pub type {} =", names.builder),
        &Doc::text(format!("rt::ClientBuilder<{client}>")),
        ";",
    );
    text.blank();
    text.open(format!("impl rt::ServiceClient for {client} {{"));
    text.line(format!("const SERVICE: &'static str = {wire_name:?};"));
    let all = Doc::text(format!("&{}", names.methods));
    text.assign("const METHODS: &'static [rt::Method] =", &all, ";");
    text.close("}");
    text.blank();
    text.open(format!("impl {}<rt::Client> for {client} {{", scope.std("From")));
    text.open("fn from(client: rt::Client) -> Self {");
    text.line("Self(client)");
    text.close("}");
    text.close("}");
    text.blank();
    text.open(format!("impl {client} {{"));
    text.line("/// The same client with other options for its calls.");
    text.open("pub fn with_callopt(&self, options: rt::CallOpt) -> Self {");
    text.line("Self(self.0.with_callopt(options))");
    text.close("}");
    for (index, method) in methods.iter().enumerate() {
        text.blank();
        let result = method.result(scope, "ClientError");
        method.write_head(text, &result);
        let head = format!("pub async fn {}", method.names.method);
        text.signature(&head, &method.parameters(), &result, End::Brace);
        let path = scope.path(method.module, &method.names.args);
        let arguments = method.arguments.iter().map(|(name, _)| Doc::text(name));
        text.assign("let args =", &Doc::group(format!("{path} {{"), arguments, "}"), ";");
        let function = if method.function.oneway { "rt::send(" } else { "rt::call(" };
        let arguments = ["&self.0".to_owned(), format!("&{}[{index}]", names.methods), "args".to_owned()];
        text.awaited(&Doc::group(function, arguments.into_iter().map(Doc::Text), ")"));
        text.close("}");
    }
    text.close("}");
}

fn write_server(
    scope: &Scope<'_>,
    text: &mut Text,
    id: ServiceId,
    names: &ServiceNames,
    methods: &[Method<'_>],
) {
    let wire_name = &scope.model[id].name;
    let ServiceNames { service, server, handler: h, .. } = names;
    text.blank();
    text.line(format!("/// Serves `{wire_name}` with a handler."));
    text.line("#[derive(Debug)]");
    text.line(format!("pub struct {server}<{h}>(rt::Arc<{h}>);"));
    text.blank();
    text.open(format!("impl<{h}: {service}> {server}<{h}> {{"));
    text.line("/// A server that offers this service alone.");
    text.line("#[allow(clippy::new_ret_no_self, reason = \"what one wants is the server\")]");
    text.open(format!("pub fn new(handler: {h}) -> rt::Server {{"));
    text.line("rt::Server::new().add_service(Self::from_handler(handler))");
    text.close("}");
    text.blank();
    text.line("/// The service itself, to add to a server.");
    text.open(format!("pub fn from_handler(handler: {h}) -> Self {{"));
    text.line("Self(rt::Arc::new(handler))");
    text.close("}");
    text.close("}");

    text.blank();
    text.open_impl(&format!("impl<{h}: {service}> rt::Service"), &format!("{server}<{h}>"));
    text.open("fn name(&self) -> &'static str {");
    text.line(format!("{wire_name:?}"));
    text.close("}");
    text.blank();
    text.open("fn methods(&self) -> &'static [rt::Method] {");
    text.line(format!("&{}", names.methods));
    text.close("}");
    text.blank();
    if methods.is_empty() {
        text.open("fn call(&self, _: usize, request: rt::Request) -> rt::HandlerFuture {");
        text.line("rt::unknown_method(request)");
    } else {
        text.open("fn call(&self, method: usize, request: rt::Request) -> rt::HandlerFuture {");
        match scope.defines("Clone") {
            true => text.line("let handler = ::std::clone::Clone::clone(&self.0);"),
            false => text.line("let handler = self.0.clone();"),
        }
        text.open("match method {");
        for (index, method) in methods.iter().enumerate() {
            write_dispatch(scope, text, h, index, method);
        }
        text.line("_ => rt::unknown_method(request),");
        text.close("}");
    }
    text.close("}");
    text.close("}");
}

fn write_dispatch(scope: &Scope<'_>, text: &mut Text, handler: &str, index: usize, method: &Method<'_>) {
    let args = if method.arguments.is_empty() { "_" } else { "args" };
    let head = format!("async move |{args}: {}|", scope.path(method.module, &method.names.args));
    let mut arguments = vec!["&handler".to_owned()];
    arguments.extend(method.arguments.iter().map(|(name, _)| format!("args.{name}")));
    let call =
        Doc::group(format!("{handler}::{}(", method.names.method), arguments.into_iter().map(Doc::Text), ")");
    let flat = format!("rt::handle(request, {head} {}.await)", call.flat());
    if text.fits(&format!("{index} => {flat},")) {
        return text.line(format!("{index} => {flat},"));
    }
    if text.fits(&format!("    {flat}")) {
        text.open(format!("{index} => {{"));
        text.line(flat);
        return text.close("}");
    }
    let hugging = format!("{index} => rt::handle(request, {head} {{");
    if text.fits(&hugging) {
        text.open(hugging);
        text.awaited(&call);
        return text.close("}),");
    }
    text.open(format!("{index} => rt::handle("));
    text.line("request,");
    text.open(format!("{head} {{"));
    text.awaited(&call);
    text.close("},");
    text.close("),");
}

fn write_table(
    scope: &Scope<'_>,
    text: &mut Text,
    id: ServiceId,
    names: &ServiceNames,
    methods: &[Method<'_>],
) {
    let service = &scope.model[id];
    let rows = methods.iter().map(|method| {
        let function = method.function;
        let mut close = ")".to_owned();
        if function.oneway {
            close += ".oneway()";
        }
        let marks = [&function.meta.annotations, &service.meta.annotations];
        if marks.iter().any(|marks| matches!(marks.get("rpc.idempotent"), Some("1" | "true"))) {
            close += ".idempotent()";
        }
        let names = [&service.name, &function.name].map(|name| Doc::Text(format!("{name:?}")));
        Doc::group("rt::Method::new(", names, close)
    });
    text.blank();
    let prefix = format!("static {}: [rt::Method; {}] =", names.methods, methods.len());
    text.assign(&prefix, &Doc::group("[", rows, "]"), ";");
}

fn write_messages(scope: &Scope<'_>, text: &mut Text, method: &Method<'_>) {
    let function = method.function;
    let names = method.names;
    let docs = Some(format!("Arguments of `{}`.", function.name));
    let shape = Shape {
        name: &names.args,
        wire_name: &names.args,
        docs,
        fields: &function.args,
        annotations: &Annotations::default(),
        keyed: false,
        unknown: None,
    };
    write_shape(scope, text, &shape);
    if function.oneway {
        return;
    }
    let exception = if function.throws.is_empty() { "rt::Never" } else { &names.exception };
    text.blank();
    text.line(format!("/// What `{}` replies.", function.name));
    let ty = format!("rt::MethodResult<{}, {exception}>", method.output(scope));
    text.assign(&format!("pub type {} =", names.result), &Doc::of_type(&ty), ";");
    if !function.throws.is_empty() {
        write_exception(scope, text, method);
    }
}

fn write_exception(scope: &Scope<'_>, text: &mut Text, method: &Method<'_>) {
    let throws = &method.function.throws;
    let arms = super::names::arm_names(throws, "").0;
    text.blank();
    text.open("rt::exceptions! {");
    text.line(format!("/// What `{}` throws.", method.function.name));
    text.open(format!("pub enum {} {{", method.names.exception));
    for (index, (field, arm)) in throws.iter().zip(&arms).enumerate() {
        docs::write(text, &field.meta.docs);
        // `?` turns an exception into the first arm that has its type.
        let ty = scope.model.resolve(&field.ty);
        let first = throws[..index].iter().all(|other| scope.model.resolve(&other.ty) != ty);
        let from = if first { "#[from] " } else { "" };
        text.line(format!("{} => {arm}({from}{}),", field.id, scope.ty(&field.ty, false)));
    }
    text.close("}");
    text.close("}");
}
