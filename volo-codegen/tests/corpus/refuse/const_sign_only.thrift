const double a = -
