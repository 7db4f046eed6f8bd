// HDF5's type identifiers and several flags are macros over function calls, which Swift does not import.
#pragma once
#include <hdf5.h>
