union Value { 1: i64 number, 2: string text }

const Value NONE = {}
const Value BOTH = {"number": 1, "text": "a"}
