//! Fields of structs, arguments of functions, declared exceptions: all are fields on the wire, told by their ids.

use super::{Comparer, Finding, Level};
use crate::lint::Reserved;
use crate::model::{Annotations, Field, Meta, Requiredness};

/// What the fields belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Of a struct or an exception.
    Field,
    /// Of a union.
    Variant,
    Argument,
    /// In `throws`.
    Exception,
}

impl Role {
    fn word(self) -> &'static str {
        match self {
            Role::Field => "field",
            Role::Variant => "variant",
            Role::Argument => "argument",
            Role::Exception => "exception",
        }
    }
}

/// The fields of both versions of something.
pub(super) struct Pair<'a> {
    pub(super) role: Role,
    /// Its name for messages.
    pub(super) owner: &'a str,
    pub(super) old: &'a [Field],
    pub(super) new: &'a [Field],
    pub(super) old_meta: &'a Meta,
    pub(super) new_meta: &'a Meta,
}

impl Pair<'_> {
    fn described(&self, field: &Field) -> String {
        format!("{} `{}` of `{}`", self.role.word(), field.name, self.owner)
    }
}

impl Comparer<'_> {
    pub(super) fn fields(&mut self, pair: &Pair<'_>) {
        for old in pair.old {
            match pair.new.iter().find(|new| new.id == old.id) {
                Some(new) => self.field(pair, old, new),
                None => self.lost_field(pair, old),
            }
        }
        let is_new = |field: &&Field| pair.old.iter().all(|old| old.id != field.id);
        for field in pair.new.iter().filter(is_new) {
            // A field that moved was told about where it was.
            if pair.old.iter().all(|old| old.name != field.name) {
                self.new_field(pair, field);
            }
        }
        if matches!(pair.role, Role::Field | Role::Variant) {
            self.reservations(pair);
        }
    }

    fn field(&mut self, pair: &Pair<'_>, old: &Field, new: &Field) {
        let what = pair.described(new);
        if old.name != new.name {
            let message = format!("{} is called `{}` now", pair.described(old), new.name);
            let finding = Finding::error(Level::Json, "renamed", message)
                .help("on the wire only the id counts; JSON and HTTP users know the name");
            self.changed(finding, new.meta.name_span, "another name", old.meta.span);
        }
        self.types(&what, &old.ty, &new.ty, new.meta.span, old.meta.span);
        self.requiredness(&what, old, new);
        let value =
            |model, field: &Field| field.default.as_ref().map(|value| super::types::text(model, value));
        let (was, is) = (value(self.old, old), value(self.new, new));
        if was != is {
            let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
            let message = format!("the default of {what} changed from {} to {}", shown(was), shown(is));
            let finding = Finding::warning(Level::Wire, "default-changed", message);
            self.changed(finding, new.meta.span, "both sides take their own default", old.meta.span);
        }
        self.http(&what, &old.meta, &new.meta);
    }

    fn requiredness(&mut self, what: &str, old: &Field, new: &Field) {
        use Requiredness::{Default, Optional, Required};
        let word = |requiredness| match requiredness {
            Required => "required",
            Optional => "optional",
            Default => "plain",
        };
        if old.requiredness == new.requiredness {
            return;
        }
        let (was, is) = (word(old.requiredness), word(new.requiredness));
        let message = format!("{what} is {is} now, it was {was}");
        let code = "requiredness-changed";
        let (finding, label) = match (old.requiredness, new.requiredness) {
            (Required, _) => {
                let finding = Finding::error(Level::Wire, code, message);
                (
                    finding.help("old readers refuse messages without it: keep sending it"),
                    "may be missing now",
                )
            }
            (_, Required) => {
                let finding = Finding::error(Level::Wire, code, message);
                (finding.help("old writers may leave it out, which new readers refuse"), "may be missing")
            }
            _ => (Finding::warning(Level::Wire, code, message), "absence means something else now"),
        };
        self.changed(finding, new.meta.span, label, old.meta.span);
        if old.requiredness == Optional || new.requiredness == Optional {
            let message = format!("{what} has another type in generated code, with or without `Option`");
            let finding = Finding::error(Level::Source, "rust-type-changed", message);
            self.changed(finding, new.meta.span, "callers have to be changed", old.meta.span);
        }
    }

    fn lost_field(&mut self, pair: &Pair<'_>, old: &Field) {
        let what = pair.described(old);
        let deprecated = old.meta.annotations.get("deprecated");
        if let Some(new) = pair.new.iter().find(|new| new.name == old.name) {
            let message = format!("{what} has id {} now, it had {}", new.id, old.id);
            let finding = Finding::error(Level::Wire, "id-changed", message);
            return self.changed(finding, new.meta.span, "peers look for the old id", old.meta.span);
        }
        if pair.role == Role::Field && old.requiredness == Requiredness::Optional {
            let (reserved, _) = Reserved::of(&pair.new_meta.annotations);
            if reserved.contains(old.id.into()) {
                let message = format!("optional {what} is gone, its id {} is reserved", old.id);
                return self.removed(
                    Finding::warning(Level::Wire, "field-removed", message),
                    old.meta.span,
                    deprecated,
                );
            }
            let message = format!("optional {what} is gone, and its id {} is free to be used again", old.id);
            let help = format!("reserve the id: `}} (reserved = \"{}\")` behind `{}`", old.id, pair.owner);
            let finding = Finding::error(Level::Wire, "id-not-reserved", message).help(help);
            return self.removed(finding, old.meta.span, deprecated);
        }
        let code = match pair.role {
            Role::Field => "field-removed",
            Role::Variant => "variant-removed",
            Role::Argument => "argument-removed",
            Role::Exception => "exception-removed",
        };
        let finding = Finding::error(Level::Wire, code, format!("{what} is gone"));
        self.removed(finding, old.meta.span, deprecated);
    }

    fn new_field(&mut self, pair: &Pair<'_>, field: &Field) {
        let what = pair.described(field);
        let (reserved, _) = Reserved::of(&pair.old_meta.annotations);
        if reserved.contains(field.id.into()) {
            let message = format!("{what} uses the id {}, which was reserved", field.id);
            let finding = Finding::error(Level::Wire, "reserved-id", message);
            let finding =
                finding.help("peers of an earlier version take it for something else: take another id");
            return self.added(finding, field.meta.span, "not free");
        }
        let label = "new";
        match (pair.role, field.requiredness) {
            (Role::Field | Role::Argument, Requiredness::Required) => {
                let message = format!("{what} is new and required");
                let finding = Finding::error(Level::Wire, "required-added", message);
                let finding = finding.help("old peers don't send it: leave `required` out");
                self.added(finding, field.meta.span, "old peers don't send it");
            }
            (Role::Variant, _) => {
                let message = format!("{what} is new: readers built before don't know it");
                self.added(Finding::addition(Level::Wire, "variant-added", message), field.meta.span, label);
            }
            (Role::Exception, _) => {
                let message = format!("{what} is new: clients built before see a reply without a result");
                self.added(
                    Finding::addition(Level::Wire, "exception-added", message),
                    field.meta.span,
                    label,
                );
            }
            _ => {}
        }
        if pair.role == Role::Argument {
            let message = format!("{what} is new: callers and handlers have one argument more");
            let finding =
                Finding { is_addition: true, ..Finding::error(Level::Source, "argument-added", message) };
            self.added(finding, field.meta.span, label);
        }
    }

    /// A reservation is for ever.
    pub(super) fn reservations(&mut self, pair: &Pair<'_>) {
        self.reserved(pair.owner, &pair.old_meta.annotations, pair.new_meta, pair.old_meta);
    }

    pub(super) fn reserved(&mut self, owner: &str, before: &Annotations, new: &Meta, old: &Meta) {
        let (before, _) = Reserved::of(before);
        let (after, _) = Reserved::of(&new.annotations);
        let dropped = after.missing_from(&before);
        if !dropped.is_empty() {
            let message = format!("`{owner}` reserves {} no more", dropped.join(", "));
            let finding = Finding::warning(Level::Wire, "reservation-dropped", message);
            let finding = finding.help("an id is reserved for ever once it was in use");
            self.changed(finding, new.name_span, "the reservation is gone", old.name_span);
        }
    }
}
