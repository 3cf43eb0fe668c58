#include "lib/Artifact/Streams.h"
#include "lib/Artifact/Result.h"
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace hybridrt;

void hybridrt::openStandardStreams() {
  // The lowest free number is taken, and what is open for reading cannot be written.
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor)
    if (fcntl(descriptor, F_GETFD) < 0 && errno == EBADF)
      (void)open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

void hybridrt::finishOutput() {
  bool lost = std::ferror(stdout); // of earlier writes, whose reason is gone
  errno = 0;
  if (std::fflush(stdout) || lost)
    fail("cannot write to standard output", errno ? concat(": ", std::strerror(errno)) : "");
}
