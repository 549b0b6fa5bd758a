enum Kind { SMALL, LARGE }
