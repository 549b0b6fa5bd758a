//! What follows from how types refer to each other: which can be compared and hashed, how small they can get.

use crate::model::{Field, Item, Model, Requiredness, StructId, StructKind, Type};

/// Smallest encoding in Binary and Compact.
pub(super) type Min = [usize; 2];

/// What a type can be derived beyond `Clone, Debug, Default, PartialEq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Derives {
    pub(super) eq: bool,
    /// `Hash` and `Ord` as well.
    pub(super) hash_and_ord: bool,
}

/// Facts about all structs of a model, indexed like its table.
#[derive(Debug)]
pub(super) struct Graph {
    keyed: Vec<bool>,
    derives: Vec<Derives>,
    mins: Vec<Min>,
    bytes: Vec<usize>,
    recursive: Vec<bool>,
}

impl Graph {
    pub(super) fn new(model: &Model) -> Graph {
        let count = model.structs.len();
        let all = Derives { eq: true, hash_and_ord: true };
        let mut graph = Graph {
            keyed: vec![false; count],
            derives: vec![all; count],
            mins: vec![[1, 1]; count],
            bytes: vec![0; count],
            recursive: find_recursive(model),
        };
        let order = inner_first(model);
        graph.find_keyed(model);
        graph.find_derives(model, &order);
        for id in order {
            let fields = &model[id].fields;
            if model[id].kind != StructKind::Union {
                graph.mins[id.index()] = graph.min(model, fields);
            }
            let bytes = fields.iter().map(|field| graph.arm_bytes(model, field));
            graph.bytes[id.index()] = match model[id].kind {
                StructKind::Union => bytes.max().unwrap_or(0) + 8,
                _ => bytes.sum(),
            };
        }
        graph
    }

    /// Whether a struct is, or is in, a map's key or a set's element; then its maps and sets are ordered.
    pub(super) fn is_keyed(&self, id: StructId) -> bool {
        self.keyed[id.index()]
    }

    /// Whether a value of this type can hold another one of it, or one of a type that can hold itself.
    pub(super) fn is_recursive(&self, model: &Model, ty: &Type) -> bool {
        let mut found = false;
        each_struct(model, ty, &mut |id| found |= self.recursive[id.index()]);
        found
    }

    /// What a struct with these fields can derive.
    pub(super) fn derives(&self, model: &Model, fields: &[Field], keyed: bool) -> Derives {
        let mut derives = Derives { eq: true, hash_and_ord: true };
        for field in fields {
            self.limit(model, &field.ty, keyed, &mut derives);
        }
        derives
    }

    /// The smallest encoding of a struct with these fields: a peer may leave out all but the required ones.
    pub(super) fn min(&self, model: &Model, fields: &[Field]) -> Min {
        let mut min = [1, 1];
        for field in fields.iter().filter(|field| is_certain(field)) {
            let value = match model.resolve(&field.ty) {
                Type::Bool => [1, 0],
                ty => self.min_of(ty),
            };
            min = [min[0] + 3 + value[0], min[1] + 1 + value[1]];
        }
        min
    }

    /// About how many bytes of memory a field's value takes; its `Option` is not counted.
    pub(super) fn arm_bytes(&self, model: &Model, field: &Field) -> usize {
        if is_boxed(field) {
            return 8;
        }
        match model.resolve(&field.ty) {
            Type::Bool | Type::I8 => 1,
            Type::I16 => 2,
            Type::I32 | Type::Enum(_) => 4,
            Type::I64 | Type::Double => 8,
            Type::Uuid => 16,
            Type::List(_) => 24,
            Type::String | Type::Binary | Type::Set(_) | Type::Map(..) => 40,
            Type::Struct(id) => self.bytes[id.index()],
            Type::Typedef(_) => 0,
        }
    }

    fn find_keyed(&mut self, model: &Model) {
        for item in model.files.iter().flat_map(|file| &file.items) {
            match item {
                Item::Struct(id) => {
                    model[*id].fields.iter().for_each(|field| self.mark(model, &field.ty, false));
                }
                Item::Typedef(id) => self.mark(model, &model[*id].target, false),
                Item::Const(id) => self.mark(model, &model[*id].ty, false),
                Item::Enum(_) => {}
                Item::Service(id) => {
                    for function in &model[*id].functions {
                        let arguments = function.args.iter().map(|argument| &argument.ty);
                        arguments.chain(&function.returns).for_each(|ty| self.mark(model, ty, false));
                    }
                }
            }
        }
    }

    fn mark(&mut self, model: &Model, ty: &Type, in_key: bool) {
        match model.resolve(ty) {
            Type::List(element) => self.mark(model, element, in_key),
            Type::Set(element) => self.mark(model, element, true),
            Type::Map(key, value) => {
                self.mark(model, key, true);
                self.mark(model, value, in_key);
            }
            Type::Struct(id) if in_key && !self.keyed[id.index()] => {
                let mut found = vec![*id];
                self.keyed[id.index()] = true;
                while let Some(id) = found.pop() {
                    for field in &model[id].fields {
                        self.mark_reached(model, &field.ty, &mut found);
                    }
                }
            }
            _ => {}
        }
    }

    /// As `mark` within a keyed struct, with a list instead of recursion: chains of structs may be long.
    fn mark_reached(&mut self, model: &Model, ty: &Type, found: &mut Vec<StructId>) {
        match model.resolve(ty) {
            Type::List(element) | Type::Set(element) => self.mark_reached(model, element, found),
            Type::Map(key, value) => {
                self.mark_reached(model, key, found);
                self.mark_reached(model, value, found);
            }
            Type::Struct(id) if !self.keyed[id.index()] => {
                self.keyed[id.index()] = true;
                found.push(*id);
            }
            _ => {}
        }
    }

    /// Starts from everything and takes away until nothing changes, so that recursive types keep what they can.
    fn find_derives(&mut self, model: &Model, order: &[StructId]) {
        loop {
            let mut changed = false;
            for &id in order {
                let derives = self.derives(model, &model[id].fields, self.is_keyed(id));
                changed |= derives != self.derives[id.index()];
                self.derives[id.index()] = derives;
            }
            if !changed {
                return;
            }
        }
    }

    fn limit(&self, model: &Model, ty: &Type, in_key: bool, derives: &mut Derives) {
        match model.resolve(ty) {
            Type::Double if !in_key => *derives = Derives { eq: false, hash_and_ord: false },
            Type::List(element) => self.limit(model, element, in_key, derives),
            Type::Set(element) => {
                derives.hash_and_ord &= in_key;
                self.limit(model, element, true, derives);
            }
            Type::Map(key, value) => {
                derives.hash_and_ord &= in_key;
                self.limit(model, key, true, derives);
                self.limit(model, value, in_key, derives);
            }
            Type::Struct(id) => {
                let of = self.derives[id.index()];
                derives.eq &= of.eq;
                derives.hash_and_ord &= of.hash_and_ord;
            }
            _ => {}
        }
    }

    fn min_of(&self, ty: &Type) -> Min {
        match ty {
            Type::Bool | Type::I8 => [1, 1],
            Type::I16 => [2, 1],
            Type::I32 | Type::Enum(_) | Type::String | Type::Binary => [4, 1],
            Type::I64 => [8, 1],
            Type::Double => [8, 8],
            Type::Uuid => [16, 16],
            Type::List(_) | Type::Set(_) => [5, 1],
            Type::Map(..) => [6, 1],
            Type::Struct(id) => self.mins[id.index()],
            Type::Typedef(_) => [1, 1],
        }
    }
}

/// Which structs can hold themselves, or one that can: all but those whose fields are known not to.
fn find_recursive(model: &Model) -> Vec<bool> {
    let count = model.structs.len();
    // For each struct, who holds it, and how many of those it holds may still be recursive.
    let (mut holders, mut open) = (vec![Vec::new(); count], vec![0_usize; count]);
    let structs = model.files.iter().flat_map(|file| &file.items);
    let structs: Vec<StructId> =
        structs.filter_map(|item| if let Item::Struct(id) = item { Some(*id) } else { None }).collect();
    for &holder in &structs {
        for field in &model[holder].fields {
            each_struct(model, &field.ty, &mut |held| {
                holders[held.index()].push(holder);
                open[holder.index()] += 1;
            });
        }
    }
    let mut recursive = vec![true; count];
    let mut settled: Vec<StructId> = structs.into_iter().filter(|id| open[id.index()] == 0).collect();
    while let Some(id) = settled.pop() {
        recursive[id.index()] = false;
        for holder in &holders[id.index()] {
            open[holder.index()] -= 1;
            if open[holder.index()] == 0 {
                settled.push(*holder);
            }
        }
    }
    recursive
}

/// Shows every struct that a value of this type holds without going through another struct.
fn each_struct(model: &Model, ty: &Type, see: &mut impl FnMut(StructId)) {
    match model.resolve(ty) {
        Type::List(element) | Type::Set(element) => each_struct(model, element, see),
        Type::Map(key, value) => {
            each_struct(model, key, see);
            each_struct(model, value, see);
        }
        Type::Struct(id) => see(*id),
        _ => {}
    }
}

/// Whether a field is in every valid encoding.
fn is_certain(field: &Field) -> bool {
    field.requiredness == Requiredness::Required && !is_boxed(field)
}

/// Whether a field's value has a place of its own.
pub(super) fn is_boxed(field: &Field) -> bool {
    field.boxed || field.reference
}

/// All structs, each behind those it holds by value. There are no cycles: what closes one is boxed.
fn inner_first(model: &Model) -> Vec<StructId> {
    let mut order = Vec::new();
    let mut known = vec![false; model.structs.len()];
    for start in model.files.iter().flat_map(|file| &file.items) {
        let Item::Struct(start) = start else { continue };
        // A struct and how many of its fields were looked at; a list, because chains of structs may be long.
        let mut open = vec![(*start, 0)];
        while let Some((id, next)) = open.pop() {
            if next == 0 && std::mem::replace(&mut known[id.index()], true) {
                continue;
            }
            let Some(field) = model[id].fields.get(next) else {
                order.push(id);
                continue;
            };
            open.push((id, next + 1));
            if let Type::Struct(inner) = model.resolve(&field.ty)
                && !is_boxed(field)
                && !known[inner.index()]
            {
                open.push((*inner, 0));
            }
        }
    }
    order
}
