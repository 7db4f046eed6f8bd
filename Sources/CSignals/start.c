#include "CSignals.h"

#include <signal.h>
#include <string.h>

// Zeroed, which is the default disposition, where nobody has noted another.
static struct sigaction at_start;

static void note_hangup(void) { sigaction(SIGHUP, NULL, &at_start); }

// An executable's own list runs before any library's constructors.
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = note_hangup;

void signals_restore_hangup(void) { sigaction(SIGHUP, &at_start, NULL); }
