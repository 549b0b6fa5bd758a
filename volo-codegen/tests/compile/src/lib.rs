//! All golden files as modules: that they compile without a warning is the test.
#![forbid(unsafe_code)]

/// Of `annotations.thrift`.
#[path = "../../golden/annotations.rs"]
pub mod annotations;
/// Of `base.thrift`.
#[path = "../../golden/base.rs"]
pub mod base;
/// Of `consts.thrift`.
#[path = "../../golden/consts.rs"]
pub mod consts;
/// Of `json.thrift`.
#[path = "../../golden/json.rs"]
pub mod json;
/// Of `kept.thrift`.
#[path = "../../golden/kept.rs"]
pub mod kept;
/// Of `kept_json.thrift`.
#[path = "../../golden/kept_json.rs"]
pub mod kept_json;
/// Of `names.thrift`.
#[path = "../../golden/names.rs"]
pub mod names;
/// Of `service.thrift`.
#[path = "../../golden/service.rs"]
pub mod service;
/// Of `service_names.thrift`.
#[path = "../../golden/service_names.rs"]
pub mod service_names;
/// Of `split.thrift`.
#[path = "../../golden/split.rs"]
pub mod split;
/// Of `trimmed.thrift`.
#[path = "../../golden/trimmed.rs"]
pub mod trimmed;
/// Of `types.thrift`.
#[path = "../../golden/types.rs"]
pub mod types;
/// Of every file that the corpus says is to be accepted.
pub mod corpus {
    include!(concat!(env!("OUT_DIR"), "/corpus.rs"));
}
/// A struct of 200 fields.
pub mod wide {
    include!(concat!(env!("OUT_DIR"), "/wide.rs"));
}
