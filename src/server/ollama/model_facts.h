// What a model file says of itself, in Ollama's words.
//
// Contract: reads the header of the file only, but for the digest of a file that no pull has verified, which is computed once.
// Thread-safe. The family is the architecture that the file names.
// Not here: what is in memory (server/models.h).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gguf/view.h"
#include "server/api_error.h"
#include "server/json.h"
#include "server/models.h"

namespace hearth::server::ollama {

// "name:latest" for a name without a tag.
std::string shown_name(const std::string& name);

// The head of an entry in a list: name, model, modified_at, size, digest, details. A file that cannot be read has no details.
Json list_entry(const library::Installed& model);
// {parent_model, format, family, families, parameter_size, quantization_level, context_length, embedding_length}
Json details_of(const gguf::View& view);
// The texts of the control tokens with which a model fills a gap; empty where it has none.
struct GapTexts {
  std::string prefix, suffix, middle;
  bool suffix_first = false;
  bool any() const { return !prefix.empty(); }
};
GapTexts gap_texts(const library::Installed& model, const gguf::View& view);
// "completion", "insert", "tools", "thinking" or "embedding"; none if the file cannot be read.
std::vector<std::string> capabilities_of(const library::Installed& model);
// Whether the file says that it is made for embeddings.
bool embeds(const library::Installed& model);
// When the file was last written, as RFC 3339 with nanoseconds.
std::string modified_at(const library::Installed& model);

// Every key of the file and the count of its parameters; lists only if `verbose`, else null in their place.
Json model_info(const gguf::View& view, bool verbose);
Json tensor_list(const gguf::View& view);
// The model's template as Ollama would write it: with .Suffix if the model can fill in between two texts.
std::string template_of(const gguf::View& view, const GapTexts& gap);
// Strings that end an answer: those of the file's end tokens that its template writes, and its end-of-text token.
std::vector<std::string> stop_strings(const gguf::View& view);

}  // namespace hearth::server::ollama
