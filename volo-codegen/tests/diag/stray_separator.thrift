namespace rs shop;
struct Item {};
