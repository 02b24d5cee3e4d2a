// The architectures this build reads, by the name a file gives in general.architecture.
//
// Not here: how a description is run (executor.h).
#pragma once

#include "gguf/view.h"
#include "model/spec.h"

namespace hearth::model {

// Turns file metadata into a description. Errors: kUnsupported names the architecture or feature and lists what is read;
// kCorrupt names the key and the range it left.
Result<ModelSpec> describe(const gguf::View& view);

}  // namespace hearth::model
