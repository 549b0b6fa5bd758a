const double a = 1e999
