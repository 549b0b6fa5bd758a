struct Node { 1: required Node next }
