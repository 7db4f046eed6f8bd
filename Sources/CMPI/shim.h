// Open MPI's predefined handles are macros with casts, which Swift does not import.
#pragma once
#include <mpi.h>
