//! Handlers: the part of a project that its user goes on writing.

use volo_codegen::{MethodOutline, ServiceOutline};

use super::Project;
use super::imports::{Imports, WIDTH};

/// `src/lib.rs` of a service.
pub(super) fn library(project: &Project<'_>) -> String {
    let mut imports = Imports::beside(&["S"]);
    let blocks = blocks(project, &mut imports);
    format!(
        "//! The handlers of {}: a method for each function of `{}`.

{}
/// What the handlers share, such as a connection to a store.
pub struct S;

{blocks}",
        project.name,
        project.idl,
        imports.lines()
    )
}

/// The `impl` blocks of all services.
pub(super) fn blocks(project: &Project<'_>, imports: &mut Imports) -> String {
    let blocks: Vec<String> =
        project.handled().iter().map(|service| handlers(service, "S", imports)).collect();
    blocks.join("\n")
}

/// The `impl` block that makes `holder` serve a service.
pub(crate) fn handlers(service: &ServiceOutline, holder: &str, imports: &mut Imports) -> String {
    let name = imports.name(&format!("{}::{}", service.module, service.service));
    if service.methods.is_empty() {
        return format!("impl {name} for {holder} {{}}\n");
    }
    let methods: Vec<String> = service.methods.iter().map(|method| handler(method, imports)).collect();
    format!("impl {name} for {holder} {{\n{}}}\n", methods.join("\n"))
}

/// A method of such a block, which answers with an empty reply.
pub(crate) fn handler(method: &MethodOutline, imports: &mut Imports) -> String {
    let error = match &method.exception {
        Some(exception) => format!("volo_thrift::ServerError<{exception}>"),
        None => "volo_thrift::ServerError".to_owned(),
    };
    let (output, error) = (imports.ty(&method.output), imports.ty(&error));
    let result = format!("Result<{output}, {error}>");
    let arguments = method.arguments.iter().map(|(name, ty)| {
        let name = name.trim_start_matches("r#").trim_start_matches('_');
        format!("_{name}: {}", imports.ty(ty))
    });
    let parameters: Vec<String> = std::iter::once("&self".to_owned()).chain(arguments).collect();
    let head = format!("    async fn {}", method.method);
    let flat = format!("{head}({}) -> {result} {{", parameters.join(", "));
    let signature = if flat.len() <= WIDTH {
        flat
    } else {
        let lines: String = parameters.iter().map(|parameter| format!("        {parameter},\n")).collect();
        let tail = format!("    ) -> {result} {{");
        let tail = match tail.len() {
            // As rustfmt has it, which keeps four columns free here.
            length if length <= WIDTH - 4 => tail,
            length if length <= WIDTH + 2 => format!("    ) -> {result}\n    {{"),
            _ => format!("    ) -> Result<\n        {output},\n        {error},\n    > {{"),
        };
        format!("{head}(\n{lines}{tail}")
    };
    let value = if method.output == "()" { "()" } else { "Default::default()" };
    format!("{}{signature}\n        Ok({value})\n    }}\n", comment(method))
}

fn comment(method: &MethodOutline) -> String {
    let docs = method.docs.as_deref().unwrap_or_default();
    docs.lines().map(|line| format!("    /// {line}").trim_end().to_owned() + "\n").collect()
}
