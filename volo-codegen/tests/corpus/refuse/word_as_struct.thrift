struct list {}
