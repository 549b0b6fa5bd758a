const uuid A = "not-a-uuid"
