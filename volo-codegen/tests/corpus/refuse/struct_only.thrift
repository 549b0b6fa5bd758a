struct
