namespace cpp a.b;
