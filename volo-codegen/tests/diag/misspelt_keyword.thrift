strct Item {
  1: string id
}

enmu Colour { RED }

struct Fine {}
