// Open MPI's predefined handles are macros with casts, which Swift does not import: one function for each that is used.
#pragma once
#include <mpi.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
  cmpi_maximum_error_string = MPI_MAX_ERROR_STRING,
  cmpi_maximum_library_version = MPI_MAX_LIBRARY_VERSION_STRING,
};

static inline MPI_Comm cmpi_comm_world(void) { return MPI_COMM_WORLD; }
static inline MPI_Comm cmpi_comm_self(void) { return MPI_COMM_SELF; }
static inline int cmpi_comm_type_shared(void) { return MPI_COMM_TYPE_SHARED; }
static inline MPI_Errhandler cmpi_errors_return(void) { return MPI_ERRORS_RETURN; }
static inline MPI_Info cmpi_info_null(void) { return MPI_INFO_NULL; }
static inline void *cmpi_in_place(void) { return MPI_IN_PLACE; }
static inline MPI_Status *cmpi_status_ignore(void) { return MPI_STATUS_IGNORE; }
static inline MPI_Status *cmpi_statuses_ignore(void) { return MPI_STATUSES_IGNORE; }

static inline MPI_Op cmpi_sum(void) { return MPI_SUM; }
static inline MPI_Op cmpi_minimum(void) { return MPI_MIN; }
static inline MPI_Op cmpi_maximum(void) { return MPI_MAX; }

static inline MPI_Datatype cmpi_float32(void) { return MPI_FLOAT; }
static inline MPI_Datatype cmpi_float64(void) { return MPI_DOUBLE; }
static inline MPI_Datatype cmpi_int32(void) { return MPI_INT32_T; }
static inline MPI_Datatype cmpi_int64(void) { return MPI_INT64_T; }
static inline MPI_Datatype cmpi_uint8(void) { return MPI_UINT8_T; }
static inline MPI_Datatype cmpi_uint64(void) { return MPI_UINT64_T; }

// The system sends `signal` when the process that started this one, or the thread of it that did, has ended.
static inline void cmpi_signal_of_parents_end(int signal) { (void)prctl(PR_SET_PDEATHSIG, signal); }

// A file in memory, which goes with its descriptor; negative on failure.
static inline int cmpi_memory_file(void) { return (int)syscall(SYS_memfd_create, "lockstep", 1u /* MFD_CLOEXEC */); }
