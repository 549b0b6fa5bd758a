struct bool {}
