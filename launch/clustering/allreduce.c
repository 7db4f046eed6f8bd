// The yardstick of launch/test-cluster: how fast Open MPI's own calls sum float32 over the ranks.
//
//   allreduce SECONDS BYTES…     prints one line of JSON for each size: the median of each way, in milliseconds
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, MOST = 1000 };
static const char *names[WAYS] = {"whole", "in the background", "pieces of 1 MB", "pieces of 256 KB"};

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return x < y ? -1 : x > y;
}

static void sum(int way, float *buffer, long count) {
  long piece = way == 2 ? 1 << 18 : way == 3 ? 1 << 16 : count;
  for (long begin = 0; begin < count; begin += piece) {
    int some = (int)(count - begin < piece ? count - begin : piece);
    if (way == 1) {
      MPI_Request request;
      MPI_Iallreduce(MPI_IN_PLACE, buffer + begin, some, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD, &request);
      MPI_Wait(&request, MPI_STATUS_IGNORE);
    } else {
      MPI_Allreduce(MPI_IN_PLACE, buffer + begin, some, MPI_FLOAT, MPI_SUM, MPI_COMM_WORLD);
    }
  }
}

// Every rank does as many, as rank 0's clock decides.
static double median(int way, float *buffer, long count, double seconds) {
  double times[MOST], begin = MPI_Wtime();
  int done = 0, goes_on = 1;
  sum(way, buffer, count);
  while (goes_on && done < MOST) {
    memset(buffer, 0, (size_t)count * sizeof(float));
    MPI_Barrier(MPI_COMM_WORLD);
    double start = MPI_Wtime();
    sum(way, buffer, count);
    times[done++] = MPI_Wtime() - start;
    goes_on = MPI_Wtime() - begin < seconds || done < 3;
    MPI_Bcast(&goes_on, 1, MPI_INT, 0, MPI_COMM_WORLD);
  }
  qsort(times, (size_t)done, sizeof(double), compare);
  return times[done / 2] * 1e3;
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  for (int i = 2; i < argc; i++) {
    long count = atol(argv[i]) / 4;
    float *buffer = calloc((size_t)count + 1, sizeof(float));
    if (!buffer) MPI_Abort(MPI_COMM_WORLD, 70);
    if (rank == 0) printf("{\"bytes\": %ld", count * 4);
    for (int way = 0; way < WAYS; way++) {
      double ms = median(way, buffer, count, atof(argv[1]));
      if (rank == 0) printf(", \"%s\": %.4f", names[way], ms);
    }
    if (rank == 0) printf("}\n"), fflush(stdout);
    free(buffer);
  }
  MPI_Finalize();
}
