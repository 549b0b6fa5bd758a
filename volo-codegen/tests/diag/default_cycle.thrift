struct Node { 1: list<Node> children = [{}] }
