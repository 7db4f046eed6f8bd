// Lockstep
