#pragma once

/// Gives SIGHUP back the disposition that the process was started with: default, or ignored (`nohup`). Libraries that come
/// with MPI (UCX, on Debian 13) put a handler of their own in its place before `main` is reached.
void signals_restore_hangup(void);
