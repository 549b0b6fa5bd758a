const double a = e5
