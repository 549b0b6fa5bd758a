service Catalog {}
service Ordering extends Catalogue {}
struct Item {}
service Other extends Item {}
