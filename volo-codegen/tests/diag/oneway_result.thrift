service Log { oneway i64 write(1: string line) }
