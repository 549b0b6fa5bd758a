const double a = 1.e5
