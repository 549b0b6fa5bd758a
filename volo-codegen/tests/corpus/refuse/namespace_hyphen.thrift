namespace a-b c
