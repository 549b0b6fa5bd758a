exception NotFound {}
struct Answer { 1: NotFound error }
