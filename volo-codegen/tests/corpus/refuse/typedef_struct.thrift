typedef struct { } A
