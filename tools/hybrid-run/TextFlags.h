// The flags that concern text.
#ifndef HYBRID_RUN_TEXTFLAGS_H
#define HYBRID_RUN_TEXTFLAGS_H
#include "tools/hybrid-run/Options.h"

namespace CLI {
class App;
}
void declareTextFlags(CLI::App &app, Options &options);

#endif
