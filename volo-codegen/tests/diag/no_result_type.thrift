service Catalog { get(1: string id) }
