// Damaged and hostile variants of a good GGUF file, each with a label and what View must make of it.
//
// Contract: make(index) depends on the seed file and the index alone. Any index is good; the families of damage take
// turns. The expectation is about opening the file; a file that opens may still be refused by what reads it next. Not
// here: judging the result (mutated_gguf_test.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mutation/gguf_seed.h"
#include "mutation/random.h"

namespace hearth::mutation {

enum class Expect { kReject, kAccept, kEither };

struct Mutation {
  std::string label;  // "tensor 'blk.0.attn_q.weight': dimension 0 := 0"
  Expect expect;
  std::string bytes;
};

class GgufMutator {
 public:
  explicit GgufMutator(std::string good_file);
  Mutation make(uint64_t index) const;
  std::vector<Mutation> make(uint64_t first, uint64_t count) const;
  const Seed& seed() const { return seed_; }

 private:
  Seed seed_;
};

// One family of damage. Structural ones break the container (structure_mutations.cpp); the others leave a well-formed
// file whose keys say something wrong (value_mutations.cpp).
using Family = Mutation (*)(const Seed&, Random&);
extern const std::vector<Family> kStructureFamilies;
extern const std::vector<Family> kValueFamilies;

}  // namespace hearth::mutation
