struct A { } ;
