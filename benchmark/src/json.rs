//! A page of offerings as JSON, as bytes and as a tree, and the ways from one to the other.

use std::hint::black_box;

use examples::tmf::catalog::ProductOfferingPage;
use serde_json::Value;
use volo_core::{Encode, Raw, span::OutBuf};
use volo_thrift::{
    Limits,
    generic::{MethodType, Schema},
    protocol::{self, MethodResult, Protocol, Typed},
};

/// The same reply in three forms.
pub struct Reply {
    schema: Schema,
    json: String,
    raw: Raw,
    tree: Value,
}

impl Reply {
    /// A page of 20 offerings, as the catalogue's `listProductOffering` answers.
    ///
    /// # Panics
    /// When one form isn't what the others are.
    pub fn page() -> Self {
        let schema = Schema::parse(examples::SCHEMA).expect("generated schemas are valid");
        let result: MethodResult<ProductOfferingPage, volo_thrift::Never> = MethodResult::Ok(super::page());
        let raw = encoded(&Typed(result));
        let json = schema.result_to_json(method(&schema), &raw).expect("the reply is valid");
        let tree: Value = serde_json::from_str(&json).expect("JSON is JSON");
        let reply = Reply { schema, json, raw, tree };
        assert_eq!(reply.thrift_from_json().bytes, reply.raw.bytes, "there and back");
        let back: Value = serde_json::from_str(&reply.json_from_tree()).expect("JSON is JSON");
        assert_eq!(back, reply.tree, "there and back");
        reply
    }

    /// Bytes of the text.
    pub fn json_len(&self) -> usize {
        self.json.len()
    }

    /// JSON to Thrift, as gateways and `volo call` do it.
    ///
    /// # Panics
    /// Never: the text is valid.
    pub fn thrift_from_json(&self) -> Raw {
        let json = black_box(self.json.as_str());
        self.schema.result_from_json(method(&self.schema), json, Protocol::Binary).expect("the text is valid")
    }

    /// Thrift to JSON.
    ///
    /// # Panics
    /// Never: the bytes are valid.
    pub fn json_from_thrift(&self) -> String {
        self.schema.result_to_json(method(&self.schema), black_box(&self.raw)).expect("the bytes are valid")
    }

    /// JSON to a tree, which is less than half of the way to Thrift.
    ///
    /// # Panics
    /// Never: the text is valid.
    pub fn tree_from_json(&self) -> Value {
        serde_json::from_str(black_box(&self.json)).expect("the text is valid")
    }

    /// A tree to JSON, which is less than half of the way from Thrift.
    ///
    /// # Panics
    /// Never: a tree can be written.
    pub fn json_from_tree(&self) -> String {
        serde_json::to_string(black_box(&self.tree)).expect("a tree can be written")
    }
}

fn method(schema: &Schema) -> &MethodType {
    let service = schema.services().iter().find(|service| service.name == "ProductCatalogService");
    service.and_then(|service| service.method("listProductOffering")).expect("the catalogue has the method")
}

fn encoded(value: &impl Encode) -> Raw {
    let mut buffer = OutBuf::default();
    let size =
        value.encoded_size(protocol::BINARY, usize::MAX, u32::MAX).expect("the page is within all limits");
    let fill = &mut |span: &mut volo_core::Span<'_>| {
        value.encode_into(protocol::BINARY, span);
        Ok(())
    };
    buffer.write(size, usize::MAX, fill).expect("the size is exact");
    let mut slices = [std::io::IoSlice::new(&[]); 8];
    let count = buffer.gather(&mut slices);
    let bytes = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
    Raw { format: protocol::BINARY, bytes, limits: Limits::default().decode() }
}
