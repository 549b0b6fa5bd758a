// With `trim`.
namespace rs golden.trimmed

include "shared.thrift"

typedef list<Used> Many

struct Used { 1: State state, 2: optional Used parent }

enum State { A, B }

struct Touched { 1: Inner inner }

struct Inner { 1: i32 x }

struct Unused { 1: AlsoUnused inner, 2: map<Used, i32> by_used }

union AlsoUnused { 1: i32 x }

enum UnusedState { A }

typedef string UnusedName

struct OfConst { 1: i32 x }

const OfConst CONST = {"x": 1}

exception Gone {}

service Finder {
  Many find() throws (1: Gone gone),
}
