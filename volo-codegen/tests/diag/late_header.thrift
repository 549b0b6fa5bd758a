struct Item {}
namespace rs shop
