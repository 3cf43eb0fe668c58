// RUN: hybrid-opt %s -allow-unregistered-dialect -verify-diagnostics

// An op of no dialect at all.
// expected-error @+1 {{expected only ops of the schedule dialect, got 'other.op'}}
schedule.variant "score" "bulk" limits(0, 0, 0) {
  "other.op"() : () -> ()
}
