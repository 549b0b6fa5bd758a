include "parts/broken.thrift"
struct Item { 1: broken.Part part, 2: Missing x }
