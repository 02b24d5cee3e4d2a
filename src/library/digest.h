// The digests of base/sha256.h under the library's name.
//
// Contract: file names are made from a Digest, never from text, so nothing written in a catalogue can name another path.
// Not here: what is hashed.
#pragma once

#include "base/sha256.h"

namespace hearth::library {

using hearth::Digest;
using hearth::hash_file;
using hearth::parse_digest;
using hearth::Sha256;
using hearth::sha256_of;
using hearth::to_hex;

}  // namespace hearth::library
