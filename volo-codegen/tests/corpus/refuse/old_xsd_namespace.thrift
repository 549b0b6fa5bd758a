xsd_namespace "foo"
