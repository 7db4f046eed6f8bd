// Loaded before a command (LD_PRELOAD), fails one of its system calls, or each from then on.
//
//   LOCKSTEP_FAIL_UNDER   the folder whose files are meant, without links
//   LOCKSTEP_FAIL_CALL    write, short (a write that takes half), fsync, rename or close
//   LOCKSTEP_FAIL_AT      the number of the first call that fails, from 1 on; 0 for none
//   LOCKSTEP_FAIL_EVER    set: all behind it fail, too
//   LOCKSTEP_FAIL_CODE    errno, as a number
//   LOCKSTEP_FAIL_LOG     a file that gets a byte for each such call: "F" where it failed, "." where not
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int calls;

static int is_under(const char *path) {
  const char *folder = getenv("LOCKSTEP_FAIL_UNDER");
  size_t count = folder ? strlen(folder) : 0;
  return count && strncmp(path, folder, count) == 0 && (path[count] == 0 || path[count] == '/');
}

static int is_watched(int descriptor) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t count = readlink(link, path, sizeof path - 1);
  if (count < 0) return 0;
  path[count] = 0;
  return is_under(path);
}

/// Whether this call of a watched file fails; counts it.
static int fails(const char *name) {
  const char *call = getenv("LOCKSTEP_FAIL_CALL"), *at = getenv("LOCKSTEP_FAIL_AT"), *log = getenv("LOCKSTEP_FAIL_LOG");
  if (!call || strcmp(call, name) != 0) return 0;
  int number = __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST), first = at ? atoi(at) : 0;
  int failing = first > 0 && (number == first || (number > first && getenv("LOCKSTEP_FAIL_EVER")));
  if (log) {
    long file = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (file >= 0) syscall(SYS_write, file, failing ? "F" : ".", 1), syscall(SYS_close, file);
  }
  const char *code = getenv("LOCKSTEP_FAIL_CODE");
  errno = code ? atoi(code) : EIO;
  return failing;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
  if (is_watched(descriptor)) {
    if (fails("write")) return -1;
    if (count > 1 && fails("short")) count /= 2;
  }
  return syscall(SYS_write, descriptor, bytes, count);
}

int fsync(int descriptor) { return is_watched(descriptor) && fails("fsync") ? -1 : (int)syscall(SYS_fsync, descriptor); }

int rename(const char *from, const char *to) {
  return is_under(to) && fails("rename") ? -1 : (int)syscall(SYS_rename, from, to);
}

/// As on Linux, the descriptor is gone also where closing fails.
int close(int descriptor) {
  int failing = is_watched(descriptor) && fails("close"), code = errno;
  int status = (int)syscall(SYS_close, descriptor);
  if (!failing) return status;
  errno = code;
  return -1;
}
