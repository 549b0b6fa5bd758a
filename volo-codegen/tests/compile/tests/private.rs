//! The golden files in private modules, as a program without a library has them: more lints apply there.

#[path = "../../golden/annotations.rs"]
mod annotations;
#[path = "../../golden/base.rs"]
mod base;
#[path = "../../golden/consts.rs"]
mod consts;
#[path = "../../golden/names.rs"]
mod names;
#[path = "../../golden/service.rs"]
mod service;
#[path = "../../golden/service_names.rs"]
mod service_names;
#[path = "../../golden/types.rs"]
mod types;

#[test]
fn compiled() {}
