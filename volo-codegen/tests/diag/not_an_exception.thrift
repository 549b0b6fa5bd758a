struct NotFound { 1: string id }
service Catalog { void get() throws (1: NotFound missing, 2: string why) }
