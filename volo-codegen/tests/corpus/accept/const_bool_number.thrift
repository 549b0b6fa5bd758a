const bool A = 2
