// Makes this test program count allocations; see base/count_allocations.h.
#include "base/count_allocations.h"
