struct ProductOffering {
  1: ProductOfering next,
  2: int count,
  3: list<Sting> names,
  4: common.Money price,
}
