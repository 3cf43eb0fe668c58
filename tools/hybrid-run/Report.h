// What hybrid-run prints: a profile, and a line of timings.
#ifndef HYBRID_RUN_REPORT_H
#define HYBRID_RUN_REPORT_H
#include "tools/hybrid-run/Session.h"

void printReport(const Session &session, const Options &options, double startupSeconds);

#endif
