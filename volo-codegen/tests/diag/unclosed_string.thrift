const string A = "open
const string B = "fine"
