// What the suites call: something of every type, and handlers that misbehave on demand.
namespace rs torture

struct Item {
    1: required i64 id
    2: string label
}

// Containers and recursion of every kind.
struct Node {
    1: list<i64> numbers
    2: set<string> names
    3: map<string, string> pairs
    4: optional Node child
    5: list<Node> children
    6: string name
    7: binary photo
    8: list<bool> flags
    9: list<map<string, string>> maps
    10: list<list<bool>> lists
    11: list<Item> items
    12: bool flag
    13: map<i64, i64> table
    14: double ratio
    15: byte small
    16: i16 short
    17: i32 middle
}

exception Refused {
    1: string reason
}

service TortureService {
    // Gives the text back.
    string echo(1: string text)
    // Gives the node back.
    Node tree(1: Node node)
    // Gives the number back after so many milliseconds.
    i64 later(1: i64 number, 2: i32 delay_ms)
    // Holds its thread for so many milliseconds.
    i64 block(1: i32 hold_ms)
    // A text of so many bytes.
    string big(1: i32 size)
    // Gives the number back, or panics: 0x1111 at once, 0x2222 after a wait.
    i64 perhaps(1: i64 number, 2: i32 panic)
    string refuse(1: string reason) throws (1: Refused refused)
    oneway void post(1: i64 number)
    oneway void post_panic(1: i64 number)
    // Sum of the numbers posted so far.
    i64 posted()
}
