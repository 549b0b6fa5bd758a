namespace rs shop
struct Money {}
