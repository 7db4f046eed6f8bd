// Preloaded by tests: a disk whose SYNC_AT-th fsync takes SYNC_SECONDS, and fails if SYNC_FAILS is set.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

int fsync(int descriptor) {
  static atomic_int count;
  const char *at = getenv("SYNC_AT"), *seconds = getenv("SYNC_SECONDS");
  if (at && atomic_fetch_add(&count, 1) + 1 == atoi(at)) {
    if (seconds) usleep(atof(seconds) * 1e6);
    if (getenv("SYNC_FAILS")) {
      errno = EIO;
      return -1;
    }
  }
  int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
  return real(descriptor);
}
