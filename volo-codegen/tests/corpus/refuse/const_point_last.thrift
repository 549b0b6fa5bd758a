const double a = 5.
