exception Full {}
service Log { oneway void write(1: string line) throws (1: Full full) }
