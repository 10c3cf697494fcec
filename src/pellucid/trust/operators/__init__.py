"""How a picture is observed: linear operators `A` of `y = A x + n`, one file each."""
