php_namespace foo
