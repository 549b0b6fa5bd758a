union
