// Preloaded by a test: a disk that takes its time. The first fsync takes SLOW_SYNC_SECONDS.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int descriptor) {
  static atomic_int count;
  const char *seconds = getenv("SLOW_SYNC_SECONDS");
  if (seconds && atomic_fetch_add(&count, 1) == 0) usleep(atof(seconds) * 1e6);
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  return real(descriptor);
}
