// Text in, text out: prompts and conversations through a tokenizer and a sampler.
#ifndef HYBRID_RUN_GENERATE_H
#define HYBRID_RUN_GENERATE_H
#include "tools/hybrid-run/Session.h"

/// Reads what the command line says about text and continues it, streaming to standard output. `startup` are the
/// seconds that have passed.
void generateText(Session &session, const Options &options, double startup);

/// Whether the command line asks for text at all; an Error if it asks for tokens as well.
bool wantsText(const Options &options);

#endif
