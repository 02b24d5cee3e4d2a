// Choosing the family of damage for an index.
//
// Contract: see gguf_mutator.h.
// Not here: the damage itself (structure_mutations.cpp, value_mutations.cpp).
#include "mutation/gguf_mutator.h"

#include <utility>

namespace hearth::mutation {

GgufMutator::GgufMutator(std::string good_file) : seed_(Seed::scan(std::move(good_file))) {}

Mutation GgufMutator::make(uint64_t index) const {
  Random random(index);
  const size_t structures = kStructureFamilies.size();
  const size_t family = index % (structures + kValueFamilies.size());
  Mutation mutation = family < structures ? kStructureFamilies[family](seed_, random)
                                          : kValueFamilies[family - structures](seed_, random);
  mutation.label = "#" + std::to_string(index) + " " + mutation.label;
  return mutation;
}

std::vector<Mutation> GgufMutator::make(uint64_t first, uint64_t count) const {
  std::vector<Mutation> mutations;
  for (uint64_t i = 0; i < count; ++i) mutations.push_back(make(first + i));
  return mutations;
}

}  // namespace hearth::mutation
