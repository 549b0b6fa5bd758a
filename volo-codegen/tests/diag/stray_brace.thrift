struct Item {}
}
