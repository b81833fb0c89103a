#pragma once

#include <csignal>

namespace miaudit {

/// Holds back what would interrupt this thread (a Ctrl-C, a timer, a profiler), until the end of the scope: oneDNN's
/// matrix products keep the stack pointer in the heap for a while, and a signal that is handled just then writes its
/// frame over whatever lies below (its issue 4845, mended in 3.11.2). Faults of the thread's own are not held back.
/// Costs two system calls.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigfillset(&held);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) sigdelset(&held, fault);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace miaudit
