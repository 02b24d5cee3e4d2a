// Every limit of grammars by name: sizes of the source, of what is compiled, of what grows while text is recognised.
//
// Contract: reaching one is an Error (kResource, or kInvalidArgument where the source itself is too large), never a crash, a
// hang or a looser grammar.
// Not here: limits of requests and of vocabularies.
#pragma once

#include <cstddef>
#include <cstdint>

namespace hearth::text::grammar {

inline constexpr size_t kMaxSourceBytes = size_t{4} << 20;      // a schema, a GBNF text, all choices together
inline constexpr size_t kMaxPatternBytes = size_t{64} << 10;    // one regular expression
inline constexpr size_t kMaxSourceNesting = 128;                // brackets in brackets, in JSON, GBNF and patterns
inline constexpr uint32_t kMaxRepeat = 10'000'000;              // the largest count in {m,n}, maxLength, maxItems
inline constexpr size_t kMaxRegexNodes = size_t{1} << 20;       // of all terminals as compiled
inline constexpr uint32_t kMaxRegexDepth = 2000;                // nesting of one terminal: derivatives recurse into it
inline constexpr size_t kMaxExpressions = size_t{1} << 20;      // of all rules as compiled
inline constexpr size_t kMaxRules = size_t{1} << 17;
inline constexpr size_t kMaxSearchStates = size_t{1} << 14;     // visited to find out whether a terminal can match anything
inline constexpr size_t kMaxSchemaBranches = 4096;              // alternatives that one schema is multiplied out into
inline constexpr size_t kMaxSchemaWork = 200'000;               // conjunctions compiled for one schema

inline constexpr size_t kMaxParallelReadings = 8192;            // ways at once in which a text can be read
inline constexpr size_t kMaxExpansions = size_t{1} << 17;       // rules entered between two bytes
inline constexpr size_t kMaxMaskWork = size_t{50} << 20;        // steps for one mask
inline constexpr size_t kDerivativeWork = 8;                    // steps that one derivative counts for
inline constexpr size_t kMaxCompileDerivatives = size_t{4} << 20;  // to find out what can match while compiling
inline constexpr size_t kMaxLocalKeyBytes = 4096;               // terminals with longer descriptions are not shared

// Defaults of budgets a caller can set.
inline constexpr size_t kDefaultRecogniserBytes = size_t{64} << 20;   // per grammar: states, stacks, derivatives
inline constexpr size_t kDefaultMaskCacheBytes = size_t{16} << 20;    // per grammar: whole masks
inline constexpr size_t kDefaultLocalCacheBytes = size_t{64} << 20;   // per vocabulary: masks of terminals, shared by grammars

}  // namespace hearth::text::grammar
