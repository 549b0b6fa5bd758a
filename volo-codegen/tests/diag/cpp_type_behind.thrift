struct Item { 1: list<i32> cpp_type "std::deque<int32_t>" a }
