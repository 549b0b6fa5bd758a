struct A {}
namespace rs a
