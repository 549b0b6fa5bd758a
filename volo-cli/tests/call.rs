//! `volo call`, `list` and `describe` against the shop.

mod shop;

use shop::{IDL, text, volo, with_shop};

#[test]
fn a_method_is_called_in_json() {
    with_shop(|address| {
        let query = r#"{"query":{"limit":2}}"#;
        let called = volo(&["call", address, "listProductOffering", "-d", query]);
        assert!(called.status.success(), "{}", text(&called.stderr));
        let page: serde_json::Value = serde_json::from_slice(&called.stdout).unwrap();
        assert_eq!(page["items"].as_array().unwrap().len(), 2);
        assert!(text(&called.stderr).contains("wait ") && text(&called.stderr).contains("total "));

        // The same by the IDL, in other dialects, with arguments from a file and metainfo.
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), query).unwrap();
        let data = format!("@{}", file.path().display());
        let method = "ProductCatalogService.listProductOffering";
        for dialect in [
            &["--framing", "framed", "--protocol", "compact"][..],
            &["--framing", "buffered"],
            &["--framing", "ttheader-framed", "-H", "k=v", "--persistent", "p=q"],
            &["--mode", "mux"],
            &["--mode", "pingpong"],
        ] {
            let args = [&["call", address, method, "-d", &data, "--json", "--idl", IDL], dialect].concat();
            let called = volo(&args);
            assert!(called.status.success(), "{dialect:?} {}", text(&called.stderr));
            let answer: serde_json::Value = serde_json::from_slice(&called.stdout).unwrap();
            assert_eq!((&answer["status"], &answer["value"]), (&"success".into(), &page), "{dialect:?}");
            assert!(answer["time_us"]["total"].as_f64() > answer["time_us"]["wait"].as_f64());
        }
    });
}

#[test]
fn exceptions_and_bad_arguments_have_their_own_exit_codes() {
    with_shop(|address| {
        let missing = volo(&["call", address, "retrieveProductOffering", "-d", r#"{"id":"none"}"#]);
        assert_eq!(missing.status.code(), Some(1));
        assert!(text(&missing.stderr).contains("the method threw "), "{}", text(&missing.stderr));
        assert!(text(&missing.stdout).starts_with('{'));

        let cases = [
            (&["retrieveProductOffering", "-d", r#"{"no":1}"#][..], "has no field \"no\"; it has: id"),
            (&["retrieveProductOffering", "-d", "{"], "line 1, column 2"),
            (&["retrieveOffering"], "there is no method retrieveOffering"),
            (&["retrieveProductOffering", "--idl", "nowhere.thrift"], "nowhere.thrift"),
            (&["retrieveProductOffering", "-d", "@nowhere.json"], "nowhere.json"),
            (&["retrieveProductOffering", "--timeout", "5"], "500ms"),
            (&["retrieveProductOffering", "-H", "x"], "KEY=VALUE"),
        ];
        for (args, message) in cases {
            let refused = volo(&[&["call", address], args].concat());
            assert_eq!(refused.status.code(), Some(2), "{args:?}");
            assert!(text(&refused.stderr).contains(message), "{args:?}\n{}", text(&refused.stderr));
        }
    });
}

#[test]
fn a_server_that_is_not_there_is_named() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let refused = volo(&["call", &address, "x", "--timeout", "2s"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused.stderr).contains(&address), "{}", text(&refused.stderr));
    let called = volo(&["call", &address, "retrieveProductOffering", "-d", r#"{"id":"1"}"#, "--idl", IDL]);
    assert_eq!(called.status.code(), Some(1), "{}", text(&called.stderr));
}

#[test]
fn what_a_server_offers_is_listed_and_described() {
    with_shop(|address| {
        let listed = text(&volo(&["list", address]).stdout);
        assert!(
            listed.contains(
                "ProductCatalogService\n  ProductOfferingPage listProductOffering(1: ListQuery query)"
            ),
            "{listed}"
        );
        let data: serde_json::Value =
            serde_json::from_slice(&volo(&["list", address, "--json"]).stdout).unwrap();
        assert!(data.as_array().unwrap().iter().any(|service| service["name"] == "ProductOrderingService"));
        let method = text(&volo(&["describe", address, "ProductCatalogService.deleteCatalog"]).stdout);
        assert!(method.contains("void deleteCatalog(1: string id)"), "{method}");
        let idl = text(&volo(&["describe", address]).stdout);
        assert!(idl.contains("// tmf620.thrift") && idl.contains("service ProductCatalogService {"));
        let unknown = volo(&["describe", address, "Nothing"]);
        assert_eq!(unknown.status.code(), Some(2));
        assert!(text(&unknown.stderr).contains("ProductCatalogService"));
    });
}
