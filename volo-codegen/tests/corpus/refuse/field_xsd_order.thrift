struct A { 1: i32 a xsd_nillable xsd_optional }
