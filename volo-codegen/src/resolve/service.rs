//! Services and their functions.

use super::{Resolver, Target};
use crate::ast;
use crate::diag::Diagnostic;
use crate::model::*;

impl<'a> Resolver<'a, '_> {
    pub(super) fn service(&mut self, file: FileId, item: &'a ast::Service) {
        let id = ServiceId(self.model.services.len() as u32);
        let extends = item.extends.as_ref().and_then(|name| self.extends(file, name));
        let mut functions = Vec::new();
        for (index, function) in item.functions.iter().enumerate() {
            let function = self.function(file, function, |arg| Target::Arg(id, index, arg));
            functions.push(function);
        }
        let name = item.name.clone();
        self.model.services.push(Service { file, name, extends, functions, meta: item.meta.clone() });
    }

    fn extends(&mut self, file: FileId, name: &ast::Name) -> Option<ServiceId> {
        match self.scopes.item(file, &name.text) {
            Some(found) => match found.id {
                Item::Service(id) => {
                    self.check_declared_before(found.span, name.span, &name.text);
                    Some(id)
                }
                _ => {
                    let message = format!("`{}` is no service", name.text);
                    let diagnostic = Diagnostic::error("not-a-service", message)
                        .at(name.span, "only services can be extended")
                        .at(found.span, "declared here");
                    self.diagnostics.push(diagnostic);
                    None
                }
            },
            None => {
                let diagnostic = self.scopes.unknown_service(file, &name.text, name.span);
                self.diagnostics.push(diagnostic);
                None
            }
        }
    }

    fn function(
        &mut self,
        file: FileId,
        item: &'a ast::Function,
        target: impl Fn(usize) -> Target,
    ) -> Function {
        self.check_portable(&item.name, item.meta.name_span);
        let owner = format!("function `{}`", item.name);
        let mut args = self.fields(file, &item.args, &owner, target);
        self.drop_requiredness(&item.args, &mut args, Requiredness::Optional);
        let pending = self.pending.len();
        let mut throws = self.fields(file, &item.throws, &owner, |_| Target::Arg(ServiceId(0), 0, 0));
        // A default of a declared exception has no meaning.
        self.pending.truncate(pending);
        throws.iter_mut().for_each(|field| field.requiredness = Requiredness::Default);
        self.drop_requiredness(&item.throws, &mut throws, Requiredness::Optional);
        self.drop_requiredness(&item.throws, &mut throws, Requiredness::Required);
        for field in &item.throws {
            self.check_order(file, &field.ty);
        }
        let mut returns = item.returns.as_ref().map(|ty| self.ty(file, ty));
        if let (Some(oneway), Some(ty)) = (item.oneway, &item.returns) {
            let message = format!("oneway function `{}` has a result", item.name);
            let diagnostic = Diagnostic::warning("oneway-result", message)
                .at(ty.span, "never sent; taken as `void`")
                .at(oneway, "no reply is sent")
                .help("write `void`, or take out `oneway`");
            self.diagnostics.push(diagnostic);
            returns = None;
        }
        if let (Some(oneway), Some(first)) = (item.oneway, item.throws.first()) {
            let message = format!("oneway function `{}` throws", item.name);
            let diagnostic = Diagnostic::error("oneway-throws", message)
                .at(first.meta.span, "would never be sent")
                .at(oneway, "no reply is sent")
                .help("take out `throws`, or `oneway`");
            self.diagnostics.push(diagnostic);
        }
        let type_annotations = item.returns.as_ref().map(|ty| ty.annotations.clone()).unwrap_or_default();
        Function {
            name: item.name.clone(),
            oneway: item.oneway.is_some(),
            returns,
            type_annotations,
            args,
            throws,
            meta: item.meta.clone(),
        }
    }
}
