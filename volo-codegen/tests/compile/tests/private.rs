//! The golden files in private modules, as a program without a library has them: more lints apply there.

#[path = "../../golden/annotations.rs"]
mod annotations;
#[path = "../../golden/base.rs"]
mod base;
#[path = "../../golden/consts.rs"]
mod consts;
#[path = "../../golden/json.rs"]
mod json;
#[path = "../../golden/kept.rs"]
mod kept;
#[path = "../../golden/kept_json.rs"]
mod kept_json;
#[path = "../../golden/names.rs"]
mod names;
#[path = "../../golden/service.rs"]
mod service;
#[path = "../../golden/service_names.rs"]
mod service_names;
#[path = "../../golden/split.rs"]
mod split;
#[path = "../../golden/trimmed.rs"]
mod trimmed;
#[path = "../../golden/types.rs"]
mod types;

#[test]
fn compiled() {}
