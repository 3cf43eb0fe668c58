// The schedule dialect: the host's part of the block form.
#ifndef HYBRID_DIALECTS_SCHEDULE_H
#define HYBRID_DIALECTS_SCHEDULE_H
#include "dialects/Tile/Tile.h"
#include "mlir/IR/SymbolTable.h"

#include "dialects/Schedule/ScheduleDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Schedule/ScheduleAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Schedule/ScheduleOps.h.inc"
#endif
