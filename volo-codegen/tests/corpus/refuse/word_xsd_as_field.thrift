struct A { 1: i32 xsd_all }
