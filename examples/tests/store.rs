//! Lists, changes and the index by status.

use examples::{
    fault::Fault,
    store::{Collection, Store},
    tmf::{
        catalog::{Category, CategoryUpdate},
        common::ListQuery,
    },
};
use faststr::FastStr;

/// Categories `cat-000001` to `cat-000010`, of which every third is retired and the others active.
async fn ten_categories() -> Collection<Category> {
    let categories = Store::in_memory().unwrap().collection::<Category>().unwrap();
    for number in 1..=10 {
        let status = if number % 3 == 0 { "Retired" } else { "Active" };
        let category = Category {
            name: Some(format!("Category {number}").into()),
            lifecycle_status: Some(status.into()),
            ..Default::default()
        };
        categories.create(category).await.unwrap();
    }
    categories
}

fn query(statuses: &[&'static str], offset: i32, limit: i32) -> ListQuery {
    let statuses: Vec<FastStr> = statuses.iter().copied().map(FastStr::from).collect();
    let filter = (!statuses.is_empty()).then(|| ("lifecycleStatus".into(), statuses));
    ListQuery { offset, limit, filter: filter.into_iter().collect(), ..Default::default() }
}

fn listed(categories: &Collection<Category>, query: &ListQuery) -> (Vec<String>, u64) {
    let page = categories.list(query).unwrap();
    (page.items.iter().map(|item| item.id[8..].to_owned()).collect(), page.total)
}

#[tokio::test]
async fn a_page_is_a_window_of_what_matches() {
    let categories = ten_categories().await;
    let page =
        |statuses: &[&'static str], offset, limit| listed(&categories, &query(statuses, offset, limit));
    let ids = |ids: &str| ids.split_whitespace().map(str::to_owned).collect::<Vec<_>>();

    assert_eq!(page(&[], 0, 3), (ids("01 02 03"), 10));
    assert_eq!(page(&[], 8, 20), (ids("09 10"), 10));
    assert_eq!(page(&[], 10, 20), (ids(""), 10));
    assert_eq!(page(&["Retired"], 0, 20), (ids("03 06 09"), 3));
    assert_eq!(page(&["Retired"], 2, 1), (ids("09"), 3));
    assert_eq!(page(&["Launched"], 0, 20), (ids(""), 0));
    // Alternatives come one after the other, and a page may reach from one into the next.
    assert_eq!(page(&["Retired", "Active"], 2, 3), (ids("09 01 02"), 10));
    assert_eq!(page(&["Retired", "Active"], 4, 2), (ids("02 04"), 10));
    assert_eq!(page(&["Retired", "Active"], 0, 0), (ids(""), 10));
}

#[tokio::test]
async fn selected_fields_come_with_the_id() {
    let categories = ten_categories().await;
    let query = ListQuery { fields: vec!["name".into()], limit: 1, ..Default::default() };
    let items = categories.list(&query).unwrap().items;
    let wanted = Category {
        id: "cat-000001".into(),
        href: items[0].href.clone(),
        name: Some("Category 1".into()),
        ..Default::default()
    };
    assert_eq!(items, [wanted]);
    assert!(items[0].href.is_some());
}

#[tokio::test]
async fn a_patch_merges_and_moves_the_index() {
    let categories = ten_categories().await;
    let change = CategoryUpdate { lifecycle_status: Some("Retired".into()), ..Default::default() };
    let patched = categories.patch("cat-000001".into(), &change).await.unwrap();
    assert_eq!(patched.name.as_deref(), Some("Category 1"));
    assert_eq!(categories.get("cat-000001").unwrap(), patched);
    assert_eq!(listed(&categories, &query(&["Retired"], 0, 1)), (vec!["01".to_owned()], 4));
    assert_eq!(listed(&categories, &query(&["Active"], 0, 1)).1, 6);
}

#[tokio::test]
async fn a_refused_change_changes_nothing() {
    let categories = ten_categories().await;
    let before = categories.get("cat-000001").unwrap();
    let change = |category: &mut Category| {
        category.lifecycle_status = Some("Obsolete".into());
        Err(Fault::refused(409, "not today"))
    };
    assert!(matches!(categories.update("cat-000001".into(), change).await, Err(Fault::Refused(_))));
    assert_eq!(categories.get("cat-000001").unwrap(), before);
    assert_eq!(listed(&categories, &query(&["Active"], 0, 0)).1, 7);
}

#[tokio::test]
async fn what_is_removed_is_gone_and_its_id_stays_unused() {
    let categories = ten_categories().await;
    assert_eq!(categories.remove("cat-000010".into()).await.unwrap().name.as_deref(), Some("Category 10"));
    assert!(matches!(categories.get("cat-000010"), Err(Fault::NotFound(_))));
    assert!(matches!(categories.remove("cat-000010".into()).await, Err(Fault::NotFound(_))));
    assert_eq!(categories.count().unwrap(), 9);
    assert_eq!(listed(&categories, &query(&["Active"], 0, 0)).1, 6);
    assert_eq!(categories.create(Category::default()).await.unwrap().id, "cat-000011");
}
