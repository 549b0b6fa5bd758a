include x
