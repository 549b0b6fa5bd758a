include "parts/shop_money.thrift"
namespace rs shop
struct Money {}
