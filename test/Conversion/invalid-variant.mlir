// RUN: not hybrid-opt %s --hybrid-form-blocks="variant=long" 2>&1 | FileCheck %s

// A variant that no target has.
// CHECK: error: expected a variant of decode, short or bulk, got 'long'
module {
}
